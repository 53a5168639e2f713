"""From a target in the arm's plane to joint angles."""
