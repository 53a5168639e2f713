"""Control of a 2-DOF arm with a learned inverse kinematics."""
