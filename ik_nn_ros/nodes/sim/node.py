"""
The node ``arm_sim``: a simulated arm that stands in for the real one.

It subscribes to ``joint_command`` and publishes ``joint_states``, and ``tip_pose`` as a
motion-capture system would measure it. The simulation starts as soon as there is a valid
description. The parameters ``as_built.*`` make the arm differ from its description
(:mod:`ik_nn_ros.sim.deviations`) and its sensors noisy; only ``tip_pose`` shows the deviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import LIMIT_TOLERANCE_RAD, Kinematics
from ik_nn_ros.arm.urdf import load_arm
from ik_nn_ros.errors import IkNnError
from ik_nn_ros.nodes.common.conversions import MessageError, joint_positions
from ik_nn_ros.nodes.common.main import run_node
from ik_nn_ros.nodes.common.parameters import Parameters, ParameterSpec, overridable_qos
from ik_nn_ros.sim.deviations import DEVIATION_RANGES, ArmDeviations
from ik_nn_ros.sim.simulator import ServoConfig, Simulator

PARAMETERS: Mapping[str, ParameterSpec] = {
    'robot_description': ParameterSpec('', 'URDF as text; empty: from the topic robot_description'),
    'base_link': ParameterSpec('base_link', 'frame of tip_pose'),
    'tip_link': ParameterSpec('tip', 'link whose pose is published'),
    'rate': ParameterSpec(100.0, 'rate of joint_states and tip_pose, Hz', low=1.0, high=1000.0),
    'publish_clock': ParameterSpec(
        False, 'publish simulation time on /clock at this rate; use_sim_time is for the other nodes'
    ),
    'initial_position': ParameterSpec([0.0, 0.0], 'initial joint positions, rad'),
    'servo_bandwidth': ParameterSpec(
        10.0, 'natural frequency of the servos at the heaviest pose, Hz', low=0.1, high=50.0
    ),
    'as_built.length_errors': ParameterSpec(
        [0.0, 0.0],
        'fraction by which each link is too long',
        *DEVIATION_RANGES['length_errors'],
    ),
    'as_built.joint_offsets': ParameterSpec(
        [0.0, 0.0],
        'true joint position minus encoder reading, rad',
        *DEVIATION_RANGES['joint_offsets'],
    ),
    'as_built.sag': ParameterSpec(
        [0.0, 0.0],
        "deflection behind each encoder, rad, times the cosine of the forearm's direction",
        *DEVIATION_RANGES['sag'],
    ),
    'as_built.encoder_noise': ParameterSpec(
        0.0,
        'standard deviation of joint_states positions, rad',
        *DEVIATION_RANGES['encoder_noise'],
    ),
    'as_built.tip_noise': ParameterSpec(
        0.0, 'standard deviation of tip_pose per axis, m', *DEVIATION_RANGES['tip_noise']
    ),
}
MAX_STEP_S = 0.1
"""Longest step of the simulation, s: after a pause of the process time does not catch up."""


def read_command(message: JointState, arm: Kinematics) -> JointPair:
    """
    Return the commanded positions of the arm's joints, rad, found by name among any others.

    :raises MessageError: a position is missing, or outside the limits, which a servo rejects
    """
    q = joint_positions(message, arm.joint_names)
    for joint, position, low, up in zip(arm.joint_names, q, arm.lower, arm.upper, strict=True):
        if not low - LIMIT_TOLERANCE_RAD <= position <= up + LIMIT_TOLERANCE_RAD:
            raise MessageError(
                f'position of {joint}',
                got=f'{position:.6g} rad',
                expected=f'{low:.6g} to {up:.6g} rad',
            )
    return q


def joint_state_message(simulator: Simulator, stamp: Time, rng: np.random.Generator) -> JointState:
    """Return the measurements of the servos, with encoder noise."""
    noise = rng.normal(scale=simulator.deviations.encoder_noise, size=2)
    message = JointState()
    message.header.stamp = stamp.to_msg()
    message.name = list(simulator.joint_names)
    message.position = (simulator.q + noise).tolist()
    message.velocity = simulator.velocity.tolist()
    message.effort = simulator.effort.tolist()
    return message


def tip_pose_message(simulator: Simulator, stamp: Time, rng: np.random.Generator) -> PoseStamped:
    """Return the measured position of the tip in the base frame, and its true orientation."""
    noise = rng.normal(scale=simulator.deviations.tip_noise, size=3)
    message = PoseStamped()
    message.header.stamp = stamp.to_msg()
    message.header.frame_id = simulator.arm.plane.base_frame
    position, orientation = message.pose.position, message.pose.orientation
    position.x, position.y, position.z = (simulator.tip + noise).tolist()
    orientation.x, orientation.y, orientation.z, orientation.w = simulator.tip_quaternion.tolist()
    return message


class ArmSim(Node):
    """Simulates one arm."""

    def __init__(self) -> None:
        super().__init__('arm_sim')
        self._settings = Parameters(self, PARAMETERS, on_change=self._try_to_start)
        self._simulation: Simulation | None = None
        self._received_description = ''
        self._logged_causes: set[object] = set()
        self._measurement_publishers = (
            self.create_publisher(JointState, 'joint_states', **overridable_qos(10)),
            self.create_publisher(PoseStamped, 'tip_pose', **overridable_qos(10)),
        )
        self.create_subscription(
            JointState, 'joint_command', self._on_command, **overridable_qos(10)
        )
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(
            String, 'robot_description', self._on_description, **overridable_qos(latched)
        )
        self._try_to_start()

    def _first_time(self, cause: object) -> bool:
        """Return whether a cause has not been logged yet, and record it."""
        is_first = cause not in self._logged_causes
        self._logged_causes.add(cause)
        return is_first

    def _on_description(self, message: String) -> None:
        changed = message.data != self._received_description
        self._received_description = message.data
        if not changed or self._settings['robot_description']:
            return
        if self._simulation is None:
            self._try_to_start()
        elif self._first_time('changed'):
            self.get_logger().warning('robot_description has changed: restart the node to use it')

    def _try_to_start(self) -> None:
        """Start the simulation, or log once what prevents it."""
        for error in self._settings.errors.values():
            if self._first_time(error):
                self.get_logger().error(f'waiting for a valid parameter: {error}')
        if self._settings.errors:
            return
        values = {name: self._settings[name] for name in PARAMETERS}
        urdf = values['robot_description'] or self._received_description
        if not urdf:
            topic = self.resolve_topic_name('robot_description')
            if self._first_time('no description'):
                self.get_logger().info(f'waiting for a description on {topic}')
            return
        try:
            simulator = self._make_simulator(urdf, values)
        except IkNnError as error:
            cause = hash((urdf, values['base_link'], values['tip_link']))
            if self._first_time(cause):
                self.get_logger().error(f'waiting for a valid robot_description: {error}')
            return
        self._settings.lock('takes effect at the start; restart the node')
        self._simulation = Simulation(
            self, simulator, self._measurement_publishers, values['rate'], values['publish_clock']
        )
        arm = simulator.arm
        self.get_logger().info(f'simulating {arm.name}: {" and ".join(arm.joint_names)}')

    def _make_simulator(self, urdf: str, values: Mapping[str, Any]) -> Simulator:
        """
        Return a simulator of the described arm.

        :raises IkNnError: the description cannot be simulated
        """
        base, tip = values['base_link'], values['tip_link']
        arm = load_arm(urdf, base, tip)
        requested = np.array(values['initial_position'])
        start = np.clip(requested, arm.lower, arm.upper)
        if (start != requested).any():
            text = f'initial_position: got {requested.tolist()}, outside the limits; starting at '
            if self._first_time(text):
                self.get_logger().warning(f'{text}{start.tolist()}')
        deviations = ArmDeviations(
            **{name: values[f'as_built.{name}'] for name in DEVIATION_RANGES}
        )
        servos = ServoConfig(values['servo_bandwidth'])
        return Simulator(urdf, base, tip, servos, start, deviations)

    def _on_command(self, message: JointState) -> None:
        if self._simulation is None:
            if self._first_time('no description for commands'):
                self.get_logger().warning('joint_command ignored: no description yet')
            return
        simulator = self._simulation.simulator
        try:
            simulator.set_command(read_command(message, simulator.arm))
        except MessageError as error:
            if self._first_time(error.subject):
                self.get_logger().warning(f'joint_command ignored: {error}')


class Simulation:
    """
    A simulation that runs in real time and publishes its measurements.

    :param node: node that publishes
    :param simulator: the simulated arm
    :param publishers: publishers of joint_states and tip_pose
    :param rate: rate of both, Hz
    :param publish_clock: whether to publish the simulated time; time then advances by a steady
        clock, because a node cannot follow the time that it publishes
    """

    def __init__(
        self,
        node: Node,
        simulator: Simulator,
        publishers: tuple[Publisher, Publisher],
        rate: float,
        publish_clock: bool,
    ) -> None:
        self.simulator = simulator
        self._joint_states, self._tip_pose = publishers
        self._rng = np.random.default_rng()
        self._clock = node.get_clock()
        self._clock_publisher: Publisher | None = None
        if publish_clock:
            self._clock = Clock(clock_type=ClockType.STEADY_TIME)
            self._clock_publisher = node.create_publisher(
                ClockMessage, '/clock', **overridable_qos(1)
            )
        self._simulated_time = Clock(clock_type=ClockType.SYSTEM_TIME).now()
        self._last_tick = self._clock.now()
        node.create_timer(1.0 / rate, self._tick, clock=self._clock)

    def _tick(self) -> None:
        now = self._clock.now()
        step = min(max((now - self._last_tick).nanoseconds * 1e-9, 0.0), MAX_STEP_S)
        self._last_tick = now
        self.simulator.step(step)
        if self._clock_publisher is not None:
            # The arm's time, which does not include pauses of the process.
            self._simulated_time += Duration(seconds=step)
            self._clock_publisher.publish(ClockMessage(clock=self._simulated_time.to_msg()))
            now = self._simulated_time
        self._joint_states.publish(joint_state_message(self.simulator, now, self._rng))
        self._tip_pose.publish(tip_pose_message(self.simulator, now, self._rng))


def main() -> int:
    """Run the node."""
    return run_node(ArmSim)


if __name__ == '__main__':
    raise SystemExit(main())
