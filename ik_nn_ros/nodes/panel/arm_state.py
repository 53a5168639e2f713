"""What the panel knows of the arm: its description, where its joints are and have been."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import dist, isfinite
from typing import TYPE_CHECKING

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import load_arm
from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.common.conversions import (
    MessageError,
    joint_positions,
    joint_velocities,
    stamp_to_seconds,
)
from ik_nn_ros.nodes.common.parameters import Parameters, overridable_qos
from ik_nn_ros.nodes.common.tip_trail import TipTrail
from ik_nn_ros.nodes.panel.ik_client import ZONE_PARAMETERS, IkNodeClient
from ik_nn_ros.panel.history import JointHistory
from ik_nn_ros.panel.view import Outcome
from ik_nn_ros.trajectory.keep_out import KeepOut

if TYPE_CHECKING:
    from ik_nn_ros.panel.page import Page


# MERGED nodes.panel_calibration: The calibration that an ik_node moves its arm by, as far as it can be read from here.


class CalibrationFile:
    """The calibration in a file that somebody else names."""

    def __init__(self) -> None:
        self.error = ''
        """Why the arm is not as they have it; empty: it is."""
        self._file: str | None = None
        self._calibration: Calibration | None = None

    def reload(self, file: str | None) -> bool:
        """
        Read the file, if it is another one or its reader has started anew.

        :param file: empty: there is no calibration; None: not known, what was known stands
        :return: whether the arm is another one by it
        """
        if file is None or file == self._file:
            self._file = file
            return False
        before, did_not_fit = self._calibration, self._calibration is not None and self.error
        self._file, self.error = file, ''
        try:
            self._calibration = Calibration.read(file) if file else None
        except IkNnError as error:
            self._calibration, self.error = None, str(error)
        return self._calibration != before or bool(did_not_fit)

    def apply(self, arm: ArmModel) -> Kinematics:
        """Return the arm as built, or as it is drawn where it cannot be told."""
        if self._calibration is None:
            return arm
        self.error = ''
        try:
            return self._calibration.apply(arm)
        except IkNnError as error:
            self.error = str(error)
            return arm


JOINT_STATES_TIMEOUT_S = 1.0
"""Age (s) after which joint_states are missed."""
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class ArmState:
    """
    Keeps it.

    :param node: the panel
    :param settings: its parameters
    :param on_described: called when another arm is described, with the URDF and the arm
    """

    def __init__(
        self, node: Node, settings: Parameters, on_described: Callable[[str, Kinematics], object]
    ) -> None:
        self._node, self._settings, self._on_described = node, settings, on_described
        self.model: Kinematics | None = None
        """As built, where the ik_node's calibration can be read."""
        self._nominal_model: ArmModel | None = None
        self._calibration = CalibrationFile()
        self.q: JointPair | None = None
        """Where the joints are, rad."""
        self.joints: dict[str, float] = {}
        """The same of the whole robot by name, rad, m."""
        self.trail: TipTrail | None = None
        self.history = JointHistory()
        self._urdf = ''
        self._description_error = self._joints_error = ''
        self._last_seen = -JOINT_STATES_TIMEOUT_S
        node.create_subscription(
            JointState, 'joint_states', self._on_joints, **overridable_qos(qos_profile_sensor_data)
        )
        if settings['robot_description']:
            self._load_description(settings['robot_description'])
        else:
            node.create_subscription(
                String, 'robot_description', self._on_description, **overridable_qos(LATCHED_QOS)
            )

    @property
    def missing(self) -> Iterator[str]:
        """What is waited for, a sentence each."""
        topic = self._node.resolve_topic_name('robot_description')
        if self._description_error:
            yield f'a right robot description: {self._description_error}'
        elif self.model is None:
            yield f'the robot description: nothing has come on {topic}'
        elif self.is_stale:
            topic = self._node.resolve_topic_name('joint_states')
            why = self._joints_error or 'is the arm, or `arm_sim`, running?'
            yield f'the arm: nothing comes on {topic}; {why}'

    @property
    def notes(self) -> Iterator[str]:
        """What is to be known of how it is shown, a sentence each."""
        if self._calibration.error:
            yield (
                'This arm is calibrated, but the page shows tip, reach and distances by its '
                f'drawing: {self._calibration.error}.'
            )

    @property
    def is_stale(self) -> bool:
        """Whether it is not known where its joints are now."""
        return self.q is None or time.monotonic() - self._last_seen > JOINT_STATES_TIMEOUT_S

    def tip_error(self, outcome: Outcome | None) -> float | None:
        """Return how far the tip is from where a target has sent it, m; None: not known."""
        if self.model is None or self.q is None or self.is_stale:
            return None
        if outcome is None or outcome.goal is None:
            return None
        return dist(self.model.fk_point(*self.q), self.model.fk_point(*outcome.goal))

    def _on_description(self, message: String) -> None:
        self._load_description(message.data)

    def _load_description(self, urdf: str) -> None:
        if urdf == self._urdf:
            return
        self._urdf = urdf
        base, tip = self._settings['base_link'], self._settings['tip_link']
        try:
            self._nominal_model = load_arm(urdf, base, tip)
        except IkNnError as error:
            self._description_error = str(error)
            self._node.get_logger().error(f'waiting for a right robot_description: {error}')
            return
        self._description_error = ''
        self.q, self.history = None, JointHistory()
        self._update_model(self._nominal_model)

    def apply_calibration(self, file: str | None) -> None:
        """
        Have the arm as the ik_node has it.

        :param file: calibration that it names; empty: none; None: not known
        """
        if self._calibration.reload(file) and self._nominal_model is not None:
            self._update_model(self._nominal_model)

    def _update_model(self, nominal_model: ArmModel) -> None:
        """Take in another arm."""
        self.model = self._calibration.apply(nominal_model)
        self.trail = TipTrail(self.model)
        self._on_described(self._urdf, self.model)

    def _on_joints(self, message: JointState) -> None:
        if self.model is None or self.trail is None:
            return
        names = self.model.joint_names
        try:
            self.q = joint_positions(message, names)
        except MessageError as error:
            self._joints_error = str(error)
            return
        self._joints_error = ''
        found = zip(message.name, message.position, strict=True)
        self.joints.update((name, position) for name, position in found if isfinite(position))
        self._last_seen = time.monotonic()
        self.trail.add(self._last_seen, self.q)
        measured = stamp_to_seconds(message.header.stamp)
        self.history.add(self._last_seen, self.q, joint_velocities(message, names), measured)


# MERGED nodes.panel_surroundings: What lies around the arm on the panel's page: what it reaches, and zones it keeps out of.


class OverlayUpdater:
    """
    Shows them as the ik_node's parameters have them.

    :param node: the panel
    :param ik_client: to the ik_node
    :param page: that shows them
    """

    def __init__(self, node: Node, ik_client: IkNodeClient, page: Page) -> None:
        self._node, self._ik_client, self._page = node, ik_client, page
        self.branch = ''
        """As it is shown; empty: not yet."""
        self.keep_out: KeepOut | None = None
        """As it is shown; None: not yet."""
        self._zones: object = None

    def reset(self) -> None:
        """Show them anew: there is another arm."""
        self.branch, self._zones, self.keep_out = '', None, None

    def update(self, arm: Kinematics) -> None:
        """Show what has changed."""
        values = self._ik_client.parameters.values
        branch, zones = (
            values.get('branch') or 'nearest',
            [values.get(name) for name in ZONE_PARAMETERS],
        )
        if branch != self.branch:
            self.branch = branch
            self._page.show_workspace(branch)
        if zones != self._zones:
            self._zones = zones
            self.keep_out = self._read_zones(arm, *zones)
            self._page.show_zones(self.keep_out)

    def _read_zones(
        self, arm: Kinematics, circles: object, half_planes: object, margin: object
    ) -> KeepOut:
        try:
            return KeepOut.from_lists(arm, circles or (), half_planes or (), margin or 0.0)
        except IkNnError as error:
            self._node.get_logger().warning(f'keep-out zones are not shown: {error}')
            return KeepOut.from_lists(arm, (), (), 0.0)
