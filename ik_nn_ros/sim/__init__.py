"""The simulated arm: MuJoCo, and how it may differ from its URDF."""
