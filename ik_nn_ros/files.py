"""Files of the commands: early checks, atomic writing, JSON, and the package's data files."""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

from ik_nn_ros.errors import ConfigError

PACKAGE_NAME = 'ik_nn_ros'


def require_writable(output: Path, suffix: str = '') -> None:
    """
    Check before the work that its result can be written.

    :param output: file to be written
    :param suffix: suffix that the file must have; empty: any
    :raises ConfigError: the suffix is another, or the file cannot be written there
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


def prepare_folder(folder: Path, *names: str) -> None:
    """
    Make a folder with its parents, and check before the work that files can be written into it.

    :param folder: the folder
    :param names: names of the files to be written
    :raises ConfigError: the folder cannot be made, or a file cannot be written
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f'output {folder}', got=error.strerror, expected='a folder to write in'
        ) from error
    for name in names:
        require_writable(folder / name)


def write_atomically(output: Path, content: bytes) -> None:
    """Write a file so that a reader sees either all of the new content or the old file."""
    # The process id keeps two commands that write to one folder apart.
    partial = output.with_name(f'.{output.name}.{os.getpid()}.part')
    try:
        with partial.open('wb') as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def to_json(content: Any) -> bytes:
    """Return content as indented JSON, with null for numbers that are not finite."""
    return json.dumps(_replace_non_finite(content), indent=2, ensure_ascii=False).encode() + b'\n'


def _replace_non_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _replace_non_finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_non_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


@cache
def share_directory() -> Path:
    """
    Return the directory that holds package.xml, config/, launch/, models/, rviz/ and urdf/.

    The search starts at this module. It finds a source checkout (also behind an editable or
    symlink install), or the prefix of a colcon, pip or Debian install with its share/ik_nn_ros.

    :raises FileNotFoundError: the package was copied without its data files
    """
    module = Path(__file__).resolve()
    for parent in module.parents:
        for folder in (parent, parent / 'share' / PACKAGE_NAME):
            if (folder / 'package.xml').is_file() and (folder / 'urdf').is_dir():
                return folder
    raise FileNotFoundError(
        f'data files of {PACKAGE_NAME}: got none beside or above {module}, '
        f'expected share/{PACKAGE_NAME}'
    )
