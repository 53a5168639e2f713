"""A report on a model file: measured, drawn, and put on one page that needs nothing else."""
