"""The families of networks: targets in, joint angles out, for any arm; one module each."""
