"""Files that a command writes: refused early when they cannot be, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

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


def prepare_folder(folder: Path, *names: str) -> None:
    """
    Make a folder, and refuse before the work what could not be written into it.

    :param folder: with its parents
    :param names: of files to be written there
    :raises ConfigError: that is not possible
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
    """Write a file so that there is either all of it or what was there before."""
    # A name of this process's own: two commands may be at work in one folder.
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
    """Return content as JSON for people to read; what is not a finite number is null."""
    return json.dumps(_replace_non_finite(content), indent=2, ensure_ascii=False).encode() + b'\n'


def _replace_non_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _replace_non_finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_non_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


# MERGED share: Where the package's launch, config, urdf, rviz and model files are.

PACKAGE_NAME = 'ik_nn_ros'


@cache
def share_directory() -> Path:
    """
    Return the directory that holds package.xml, urdf/, models/ and the rest.

    It is found from where this module lies: a source checkout (also behind an editable or symlink
    install), or the prefix of a colcon, pip or Debian install, whose files are under
    share/ik_nn_ros.

    :raises FileNotFoundError: the package was copied without its data files
    """
    here = Path(__file__).resolve()
    for parent in here.parents:
        for place in (parent, parent / 'share' / PACKAGE_NAME):
            if (place / 'package.xml').is_file() and (place / 'urdf').is_dir():
                return place
    raise FileNotFoundError(
        f'data files of {PACKAGE_NAME}: got none beside or above {here}, expected share/{PACKAGE_NAME}'
    )
