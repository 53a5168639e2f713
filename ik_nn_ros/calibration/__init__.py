"""Fitting a calibrated arm to recorded samples, without torch."""
