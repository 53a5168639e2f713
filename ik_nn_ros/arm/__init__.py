"""The arm as numbers: kinematics, limits, workspace, simulator."""
