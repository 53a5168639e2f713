"""What a command needs that may not be installed, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ik_nn_ros.errors import ConfigError


@contextmanager
def require_rclpy() -> Iterator[None]:
    """Say in plain words, where an import of the block fails, how to get what is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            'rclpy', got=f'{error}', expected='a sourced ROS 2, or `make demo`, which installs it'
        ) from error


@contextmanager
def require_training_packages() -> Iterator[None]:
    """Do :func:`require_rclpy` for torch and what it exports with."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            'training',
            got=f'no module {error.name}',
            expected='`pip install torch onnx onnxscript`, '
            "or without ROS 2 `.venv/bin/pip install -e '.[train]'`",
        ) from error
