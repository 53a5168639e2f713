"""The arm as numbers: kinematics, limits, workspace, calibration file."""
