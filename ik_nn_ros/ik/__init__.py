"""Inverse kinematics: network, refinement, closed form, and one acceptance test."""
