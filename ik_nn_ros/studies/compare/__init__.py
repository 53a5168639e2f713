"""Comparison of traditional and learned methods on one arm."""
