"""Evaluation report, comparison of methods, reproduction of the paper."""
