"""Recordings of joints and tip: MCAP files, as ``ros2 bag record`` writes them."""
