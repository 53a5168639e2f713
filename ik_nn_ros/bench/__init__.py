"""Measurements: of the solver, and of any node as a process; those that need ROS are in nodes."""
