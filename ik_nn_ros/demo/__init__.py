"""The demo without ROS: its targets, its record and its display."""
