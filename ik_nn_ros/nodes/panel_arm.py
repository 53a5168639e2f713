"""What the panel knows of the arm: its description, where its joints are and have been."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import dist, isfinite

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.conversions import (
    MessageError,
    joint_positions,
    joint_velocities,
    stamp_to_seconds,
)
from ik_nn_ros.nodes.panel_calibration import NamedCalibration
from ik_nn_ros.nodes.parameters import Parameters
from ik_nn_ros.nodes.qos import overridable_qos
from ik_nn_ros.nodes.tip_trail import TipTrail
from ik_nn_ros.panel.history import JointHistory
from ik_nn_ros.panel.view import Outcome

SILENCE = 1.0
"""Age (s) after which joint_states are missed."""
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class PanelArm:
    """
    Keeps it.

    :param node: the panel
    :param settings: its parameters
    :param described: called when another arm is described, with the URDF and the arm
    """

    def __init__(
        self, node: Node, settings: Parameters, described: Callable[[str, ArmModel], object]
    ) -> None:
        self._node, self._settings, self._on_described = node, settings, described
        self.model: ArmModel | None = None
        """As built, where the ik_node's calibration can be read."""
        self._drawing: ArmModel | None = None
        self._calibration = NamedCalibration()
        self.q: JointPair | None = None
        """Where the joints are, rad."""
        self.joints: dict[str, float] = {}
        """The same of the whole robot by name, rad, m."""
        self.trail: TipTrail | None = None
        self.history = JointHistory()
        self._urdf = ''
        self._description_fault = self._joints_fault = ''
        self._heard = -SILENCE
        node.create_subscription(
            JointState, 'joint_states', self._on_joints, **overridable_qos(qos_profile_sensor_data)
        )
        if settings['robot_description']:
            self._read(settings['robot_description'])
        else:
            node.create_subscription(
                String, 'robot_description', self._on_description, **overridable_qos(LATCHED)
            )

    @property
    def missing(self) -> Iterator[str]:
        """What is waited for, a sentence each."""
        topic = self._node.resolve_topic_name('robot_description')
        if self._description_fault:
            yield f'a right robot description: {self._description_fault}'
        elif self.model is None:
            yield f'the robot description: nothing has come on {topic}'
        elif self.is_silent:
            topic = self._node.resolve_topic_name('joint_states')
            why = self._joints_fault or 'is the arm, or `arm_sim`, running?'
            yield f'the arm: nothing comes on {topic}; {why}'

    @property
    def notes(self) -> Iterator[str]:
        """What is to be known of how it is shown, a sentence each."""
        if self._calibration.fault:
            yield (
                'This arm is calibrated, but the page shows tip, reach and distances by its '
                f'drawing: {self._calibration.fault}.'
            )

    @property
    def is_silent(self) -> bool:
        """Whether it is not known where its joints are now."""
        return self.q is None or time.monotonic() - self._heard > SILENCE

    def tip_error(self, outcome: Outcome | None) -> float | None:
        """Return how far the tip is from where a target has sent it, m; None: not known."""
        if self.model is None or self.q is None or self.is_silent:
            return None
        if outcome is None or outcome.goal is None:
            return None
        return dist(self.model.fk_point(*self.q), self.model.fk_point(*outcome.goal))

    def _on_description(self, message: String) -> None:
        self._read(message.data)

    def _read(self, urdf: str) -> None:
        if urdf == self._urdf:
            return
        self._urdf = urdf
        base, tip = self._settings['base_link'], self._settings['tip_link']
        try:
            self._drawing = ArmModel.from_urdf(urdf, base, tip)
        except IkNnError as error:
            self._description_fault = str(error)
            self._node.get_logger().error(f'waiting for a right robot_description: {error}')
            return
        self._description_fault = ''
        self.q, self.history = None, JointHistory()
        self._build(self._drawing)

    def calibrate(self, file: str | None) -> None:
        """
        Have the arm as the ik_node has it.

        :param file: calibration that it names; empty: none; None: not known
        """
        if self._calibration.take(file) and self._drawing is not None:
            self._build(self._drawing)

    def _build(self, drawing: ArmModel) -> None:
        """Take in another arm."""
        self.model = self._calibration.apply(drawing)
        self.trail = TipTrail(self.model)
        self._on_described(self._urdf, self.model)

    def _on_joints(self, message: JointState) -> None:
        if self.model is None or self.trail is None:
            return
        names = self.model.joint_names
        try:
            self.q = joint_positions(message, names)
        except MessageError as error:
            self._joints_fault = str(error)
            return
        self._joints_fault = ''
        found = zip(message.name, message.position, strict=True)
        self.joints.update((name, position) for name, position in found if isfinite(position))
        self._heard = time.monotonic()
        self.trail.add(self._heard, self.q)
        measured = stamp_to_seconds(message.header.stamp)
        self.history.add(self._heard, self.q, joint_velocities(message, names), measured)
