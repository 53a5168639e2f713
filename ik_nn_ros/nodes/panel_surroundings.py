"""What lies around the arm on the panel's page: what it reaches, and zones it keeps out of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rclpy.node import Node

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import IkNnError
from ik_nn_ros.motion.keep_out import KeepOut
from ik_nn_ros.nodes.panel_link import ZONES, IkLink

if TYPE_CHECKING:
    from ik_nn_ros.panel.page import Page


class Surroundings:
    """
    Shows them as the ik_node's parameters have them.

    :param node: the panel
    :param link: to the ik_node
    :param page: that shows them
    """

    def __init__(self, node: Node, link: IkLink, page: Page) -> None:
        self._node, self._link, self._page = node, link, page
        self.branch = ''
        """As it is shown; empty: not yet."""
        self.keep_out: KeepOut | None = None
        """As it is shown; None: not yet."""
        self._zones: object = None

    def forget(self) -> None:
        """Show them anew: there is another arm."""
        self.branch, self._zones, self.keep_out = '', None, None

    def show(self, arm: ArmModel) -> None:
        """Show what has changed."""
        values = self._link.parameters.values
        branch, zones = values.get('branch') or 'nearest', [values.get(name) for name in ZONES]
        if branch != self.branch:
            self.branch = branch
            self._page.show_workspace(branch)
        if zones != self._zones:
            self._zones = zones
            self.keep_out = self._read(arm, *zones)
            self._page.show_zones(self.keep_out)

    def _read(self, arm: ArmModel, circles: object, half_planes: object, margin: object) -> KeepOut:
        try:
            return KeepOut.from_lists(arm, circles or (), half_planes or (), margin or 0.0)
        except IkNnError as error:
            self._node.get_logger().warning(f'keep-out zones are not shown: {error}')
            return KeepOut.from_lists(arm, (), (), 0.0)
