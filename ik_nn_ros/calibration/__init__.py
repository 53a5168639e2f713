"""Fitting the model of an arm as built to recorded samples; no torch."""
