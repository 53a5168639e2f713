"""The network families, each a class that trains, exports and runs."""
