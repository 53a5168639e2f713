"""Measurements of nodes in their own processes."""
