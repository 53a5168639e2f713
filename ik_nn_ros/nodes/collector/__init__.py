"""The node ``data_collector``."""
