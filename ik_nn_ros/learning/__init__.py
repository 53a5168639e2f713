"""From samples of an arm to a model file (needs torch)."""
