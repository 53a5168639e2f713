"""The node ``arm_sim``."""
