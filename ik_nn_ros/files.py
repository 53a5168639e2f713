"""Files that a command writes: refused early when they cannot be, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ik_nn_ros.errors import ConfigError


def require_writable(output: Path, suffix: str = '') -> None:
    """
    Refuse before the work what would lose its result.

    :param output: the file
    :param suffix: that it must have

    :raises ConfigError: the file cannot be written there
    """
    if suffix and output.suffix != suffix:
        raise ConfigError(f'output {output}', got=repr(output.suffix), expected=f'a {suffix} file')
    if output.is_dir():
        raise ConfigError(f'output {output}', got='a directory', expected='a file')
    if not output.parent.is_dir():
        raise ConfigError(
            f'output {output}', got='no such directory', expected='a file in one that exists'
        )
    try:
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise ConfigError(
            f'output {output}', got=error.strerror, expected='a directory to write in'
        ) from error


def write_atomically(output: Path, content: bytes) -> None:
    """Write a file so that there is either all of it or what was there before."""
    partial = output.with_name(f'.{output.name}.part')
    try:
        with partial.open('wb') as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
