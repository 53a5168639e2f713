"""The node ``panel``."""
