"""Where the package's launch, config, urdf, rviz and model files are."""

from functools import cache
from pathlib import Path

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
