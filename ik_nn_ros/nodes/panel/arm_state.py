"""State of the arm on the page: model, calibration, joint positions, workspace and zones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import dist, isfinite
from typing import TYPE_CHECKING, Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.paths import TipTrail
from ik_nn_ros.arm.urdf import load_arm
from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.common.conversions import (
    MessageError,
    joint_positions,
    joint_velocities,
    stamp_to_seconds,
)
from ik_nn_ros.nodes.common.parameters import Parameters, overridable_qos
from ik_nn_ros.nodes.panel.ik_client import ZONE_PARAMETERS, IkNodeClient
from ik_nn_ros.panel.history import JointHistory
from ik_nn_ros.panel.view import Outcome
from ik_nn_ros.trajectory.keep_out import KeepOut

if TYPE_CHECKING:
    from ik_nn_ros.panel.page import Page

JOINT_STATES_TIMEOUT_S = 1.0
"""Age above which joint_states are missing, s."""
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class CalibrationFile:
    """The calibration file that an ik_node uses, as far as it can be read on this machine."""

    def __init__(self) -> None:
        self.error = ''
        """Why the calibration cannot be applied; empty if it can, or if there is none."""
        self._file: str | None = None
        self._calibration: Calibration | None = None

    def reload(self, file: str | None) -> bool:
        """
        Read the file if its name has changed or the ik_node has been restarted.

        :param file: name of the file; empty: no calibration; None: unknown, keep the last one
        :return: whether the calibrated arm may have changed
        """
        if file is None or file == self._file:
            self._file = file
            return False
        previous = self._calibration
        was_unusable = previous is not None and self.error != ''
        self._file, self.error = file, ''
        try:
            self._calibration = Calibration.read(file) if file else None
        except IkNnError as error:
            self._calibration, self.error = None, str(error)
        return self._calibration != previous or was_unusable

    def apply(self, arm: ArmModel) -> Kinematics:
        """Return the calibrated arm, or the nominal one if the calibration cannot be applied."""
        if self._calibration is None:
            return arm
        self.error = ''
        try:
            return self._calibration.apply(arm)
        except IkNnError as error:
            self.error = str(error)
            return arm


class ArmState:
    """
    Model of the arm, and its joint positions and tip over the last seconds.

    :param node: the panel
    :param settings: parameters of the panel
    :param on_described: called with URDF and model when the description or calibration changes
    """

    def __init__(
        self, node: Node, settings: Parameters, on_described: Callable[[str, Kinematics], object]
    ) -> None:
        self._node, self._settings, self._on_described = node, settings, on_described
        self.model: Kinematics | None = None
        """Calibrated model if the ik_node's calibration can be read, else the nominal one."""
        self._nominal_model: ArmModel | None = None
        self._calibration = CalibrationFile()
        self.q: JointPair | None = None
        """Joint positions, rad; None before the first joint_states."""
        self.joints: dict[str, float] = {}
        """Positions of all joints of the robot by name, rad or m."""
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
        """What the panel waits for, one sentence each."""
        topic = self._node.resolve_topic_name('robot_description')
        if self._description_error:
            yield f'a valid robot description: {self._description_error}'
        elif self.model is None:
            yield f'the robot description: nothing has been received on {topic}'
        elif self.is_stale:
            topic = self._node.resolve_topic_name('joint_states')
            hint = self._joints_error or 'is the arm, or `arm_sim`, running?'
            yield f'the arm: nothing is received on {topic}; {hint}'

    @property
    def notes(self) -> Iterator[str]:
        """Remarks on how the arm is shown, one sentence each."""
        if self._calibration.error:
            yield (
                'This arm is calibrated, but the page shows tip, reach and distances of the '
                f'nominal arm: {self._calibration.error}.'
            )

    @property
    def is_stale(self) -> bool:
        """Whether the joint positions are unknown or older than :data:`JOINT_STATES_TIMEOUT_S`."""
        return self.q is None or time.monotonic() - self._last_seen > JOINT_STATES_TIMEOUT_S

    def tip_error(self, outcome: Outcome | None) -> float | None:
        """
        Return the distance of the tip from the goal of a target, m.

        :return: None if the target has no goal, or if the joint positions are unknown
        """
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
            self._node.get_logger().error(f'waiting for a valid robot_description: {error}')
            return
        self._description_error = ''
        self.q, self.history = None, JointHistory()
        self._update_model(self._nominal_model)

    def apply_calibration(self, file: str | None) -> None:
        """
        Use the calibration of the ik_node.

        :param file: its parameter ``calibration_file``; empty: no calibration; None: unknown
        """
        if self._calibration.reload(file) and self._nominal_model is not None:
            self._update_model(self._nominal_model)

    def _update_model(self, nominal_model: ArmModel) -> None:
        """Replace the model by a new one with the calibration applied."""
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
        positions = zip(message.name, message.position, strict=True)
        self.joints.update((name, position) for name, position in positions if isfinite(position))
        self._last_seen = time.monotonic()
        self.trail.add(self._last_seen, self.q)
        stamp = stamp_to_seconds(message.header.stamp)
        self.history.add(self._last_seen, self.q, joint_velocities(message, names), stamp)


class OverlayUpdater:
    """
    Keeps the workspace and the keep-out zones on the page in line with the ik_node's parameters.

    :param node: the panel
    :param ik_client: client of the ik_node
    :param page: the page
    """

    def __init__(self, node: Node, ik_client: IkNodeClient, page: Page) -> None:
        self._node, self._ik_client, self._page = node, ik_client, page
        self.branch = ''
        """Branch whose workspace is shown; empty: none yet."""
        self.keep_out: KeepOut | None = None
        """Zones that are shown; None: none yet."""
        self._zone_values: list[Any] | None = None

    def reset(self) -> None:
        """Show everything again, for another arm."""
        self.branch, self._zone_values, self.keep_out = '', None, None

    def update(self, arm: Kinematics) -> None:
        """Show what has changed since the last call."""
        values = self._ik_client.parameters.values
        branch = values.get('branch') or 'nearest'
        zone_values = [values.get(name) for name in ZONE_PARAMETERS]
        if branch != self.branch:
            self.branch = branch
            self._page.show_workspace(branch)
        if zone_values != self._zone_values:
            self._zone_values = zone_values
            self.keep_out = self._read_zones(arm, *zone_values)
            self._page.show_zones(self.keep_out)

    def _read_zones(self, arm: Kinematics, circles: Any, half_planes: Any, margin: Any) -> KeepOut:
        try:
            return KeepOut.from_lists(arm, circles or (), half_planes or (), margin or 0.0)
        except IkNnError as error:
            self._node.get_logger().warning(f'keep-out zones are not shown: {error}')
            return KeepOut.from_lists(arm, (), (), 0.0)
