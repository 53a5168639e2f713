"""Stateless planning of joint and Cartesian trajectories within all limits."""
