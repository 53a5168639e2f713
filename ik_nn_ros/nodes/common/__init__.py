"""What all nodes share: process, executor, parameters, message conversions, diagnostics."""
