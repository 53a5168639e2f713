"""Stateful, watched controllers: from goals to joint commands."""
