"""Simulation of the arm in MuJoCo, with deviations from its URDF."""
