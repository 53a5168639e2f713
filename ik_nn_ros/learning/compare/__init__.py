"""Traditional and learned inverse kinematics on one arm and one data set, in numbers."""
