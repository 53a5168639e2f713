"""Training and export of inverse-kinematics networks with torch."""
