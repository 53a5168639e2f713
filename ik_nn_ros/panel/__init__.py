"""The browser page, without ROS."""
