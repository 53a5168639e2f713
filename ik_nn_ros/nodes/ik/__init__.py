"""The node ``ik_node``: from target poses to joint commands."""
