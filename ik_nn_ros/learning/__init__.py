"""Training and export of inverse-kinematics networks; needs torch."""
