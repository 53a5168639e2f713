"""Report on a model file: errors, maps, a test path, recordings."""
