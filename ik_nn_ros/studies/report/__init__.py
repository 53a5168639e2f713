"""The report on a model file."""
