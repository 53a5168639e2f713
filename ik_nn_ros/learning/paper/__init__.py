"""The paper's case study: its recipe, the same network trained our way, and the solver."""
