"""The demo without ROS: what is asked of the arm, and what came of it."""
