"""The robot of a URDF on the page."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import viser
import yourdfpy
from viser import transforms
from viser.extras import ViserUrdf

ROOT = '/robot'
PACKAGE = 'package://'
FILE = 'file://'


class ArmView:
    """
    Draws what the URDF says is to be seen.

    Nothing, until it is told where the joints are. The page's origin is the base link, so that
    points on it are points of the base frame.

    :param server: of the page
    :param urdf: the URDF as text
    :param base_link: that of the arm
    """

    def __init__(self, server: viser.ViserServer, urdf: str, base_link: str) -> None:
        self._robot = yourdfpy.URDF.load(io.BytesIO(urdf.encode()), filename_handler=find_mesh)
        self._base_link = base_link
        self._frame = server.scene.add_frame(ROOT, show_axes=False)
        self._drawn = ViserUrdf(server, self._robot, root_node_name=ROOT)
        self.is_empty = not self._robot.scene.geometry
        """Whether there is nothing to be seen of it."""
        self._frame.visible = False

    @property
    def is_visible(self) -> bool:
        """Whether it is drawn."""
        return self._frame.visible

    @is_visible.setter
    def is_visible(self, visible: bool) -> None:
        if visible != self._frame.visible:  # every setting is a message
            self._frame.visible = visible

    def show(self, joints: Mapping[str, float]) -> None:
        """Draw it with its joints (rad, m) there, as far as it has them."""
        known = self._robot.actuated_joint_names
        # By name, as its URDF takes them: a joint of several axes is one name, too.
        places: Any = {name: joints[name] for name in known if name in joints}
        self._drawn.update_cfg(places)
        root = self._robot.get_transform(self._robot.base_link, self._base_link)
        self._frame.wxyz = transforms.SO3.from_matrix(root[:3, :3]).wxyz
        self._frame.position = np.asarray(root[:3, 3])

    def remove(self) -> None:
        """Take it away."""
        self._frame.remove()  # and with it what hangs below


def find_mesh(fname: str) -> str:
    """Return the file that a mesh's address in a URDF stands for, or the address itself."""
    if fname.startswith(FILE):
        return fname.removeprefix(FILE)
    package, _, rest = fname.removeprefix(PACKAGE).partition('/')
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        file = Path(prefix) / 'share' / package / rest
        if fname.startswith(PACKAGE) and file.is_file():
            return str(file)
    return fname
