"""Nodes that commands run to talk to other nodes."""
