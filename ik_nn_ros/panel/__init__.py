"""The page in a browser on which the arm is seen and its target is dragged; it knows no ROS."""
