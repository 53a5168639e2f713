"""From a joint goal to a stream of commands."""
