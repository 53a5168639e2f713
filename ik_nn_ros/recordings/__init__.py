"""MCAP recordings: reading, writing, samples."""
