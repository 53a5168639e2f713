"""
The node ``arm_sim``: a simulated arm that stands in for the real one.

It takes ``joint_command`` and gives ``joint_states`` and ``tip_pose``, what a motion-capture system
would see. Until it has a description it can simulate, it waits. Its ``as_built.*`` parameters make
the arm differ from its description (:mod:`ik_nn_ros.sim.deviations`) and its sensors noisy; nothing
but ``tip_pose`` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
"""The most time (s) one tick simulates: what a paused process missed is not made up for."""


def read_command(message: JointState, arm: Kinematics) -> JointPair:
    """
    Return the positions of the arm's two joints, rad, found by name among any others.

    :raises MessageError: not such a message, or a position outside the limits, which a servo
        refuses
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
    """Return what the servos measure."""
    noise = rng.normal(scale=simulator.deviations.encoder_noise, size=2)
    message = JointState()
    message.header.stamp = stamp.to_msg()
    message.name = list(simulator.joint_names)
    message.position = (simulator.q + noise).tolist()
    message.velocity = simulator.velocity.tolist()
    message.effort = simulator.effort.tolist()
    return message


def tip_pose_message(simulator: Simulator, stamp: Time, rng: np.random.Generator) -> PoseStamped:
    """Return the measured position of the tip in the base link's frame, its true orientation."""
    noise = rng.normal(scale=simulator.deviations.tip_noise, size=3)
    message = PoseStamped()
    message.header.stamp = stamp.to_msg()
    message.header.frame_id = simulator.arm.plane.base_frame
    position, orientation = message.pose.position, message.pose.orientation
    position.x, position.y, position.z = _floats(simulator.tip + noise)
    orientation.x, orientation.y, orientation.z, orientation.w = _floats(simulator.tip_quaternion)
    return message


def _floats(values: Sequence[float] | np.ndarray) -> list[float]:
    return [float(value) for value in values]


class ArmSim(Node):
    """Simulates the arm and speaks for it."""

    def __init__(self) -> None:
        super().__init__('arm_sim')
        self._settings = Parameters(self, PARAMETERS, on_change=self._try_to_start)
        self._simulator: Simulator | None = None
        self._clock_publisher: Publisher | None = None
        self._received_description = ''
        self._rng = np.random.default_rng()
        self._logged_causes: set[object] = set()
        self._joint_states = self.create_publisher(
            JointState, 'joint_states', **overridable_qos(10)
        )
        self._tip_pose = self.create_publisher(PoseStamped, 'tip_pose', **overridable_qos(10))
        self.create_subscription(
            JointState, 'joint_command', self._on_command, **overridable_qos(10)
        )
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(
            String, 'robot_description', self._on_description, **overridable_qos(latched)
        )
        self._try_to_start()

    def _first_time(self, cause: object) -> bool:
        """Tell whether this cause has not been logged yet."""
        first = cause not in self._logged_causes
        self._logged_causes.add(cause)
        return first

    def _on_description(self, message: String) -> None:
        changed = message.data != self._received_description
        self._received_description = message.data
        if not changed or self._settings['robot_description']:
            return
        if self._simulator is None:
            self._try_to_start()
        elif self._first_time('changed'):
            self.get_logger().warning('robot_description has changed: restart the node to use it')

    def _try_to_start(self) -> None:
        """Begin to simulate, or say once what is in the way."""
        for fault in self._settings.errors.values():
            if self._first_time(fault):
                self.get_logger().error(f'waiting for a right parameter: {fault}')
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
                self.get_logger().error(f'waiting for a right robot_description: {error}')
            return
        self._simulator = simulator
        self._settings.lock('takes effect at the start; restart the node')
        self._start_clock(values['publish_clock'])
        self.create_timer(1.0 / values['rate'], self._tick, clock=self._step_clock)
        arm = simulator.arm
        self.get_logger().info(f'simulating {arm.name}: {" and ".join(arm.joint_names)}')

    def _start_clock(self, publish: bool) -> None:
        """Take the time from the node's clock, or give it: it cannot follow what it gives."""
        self._step_clock: Clock = self.get_clock()
        if publish:
            self._step_clock = Clock(clock_type=ClockType.STEADY_TIME)
            self._simulated_time = Clock(clock_type=ClockType.SYSTEM_TIME).now()
            self._clock_publisher = self.create_publisher(
                ClockMessage, '/clock', **overridable_qos(1)
            )
        self._last_tick = self._step_clock.now()

    def _make_simulator(self, urdf: str, values: Mapping[str, object]) -> Simulator:
        base, tip = str(values['base_link']), str(values['tip_link'])
        arm = load_arm(urdf, base, tip)
        wanted = np.array(values['initial_position'])
        start = np.clip(wanted, arm.lower, arm.upper)
        if (start != wanted).any():
            text = f'initial_position: got {wanted.tolist()}, outside the limits; starting at '
            if self._first_time(text):
                self.get_logger().warning(f'{text}{start.tolist()}')
        as_built = ArmDeviations(**{name: values[f'as_built.{name}'] for name in DEVIATION_RANGES})
        servos = ServoConfig(values['servo_bandwidth'])
        return Simulator(urdf, base, tip, servos, start, as_built)

    def _on_command(self, message: JointState) -> None:
        if self._simulator is None:
            if self._first_time('early'):
                self.get_logger().warning('joint_command ignored: no description yet')
            return
        try:
            self._simulator.set_command(read_command(message, self._simulator.arm))
        except MessageError as error:
            if self._first_time(error.subject):
                self.get_logger().warning(f'joint_command ignored: {error}')

    def _tick(self) -> None:
        now = self._step_clock.now()
        passed = (now - self._last_tick).nanoseconds * 1e-9
        self._last_tick = now
        step = min(max(passed, 0.0), MAX_STEP_S)
        self._simulator.step(step)
        if self._clock_publisher is not None:
            # Time passes as it does for the arm, also where the process was paused.
            self._simulated_time += Duration(seconds=step)
            self._clock_publisher.publish(ClockMessage(clock=self._simulated_time.to_msg()))
            now = self._simulated_time
        self._joint_states.publish(joint_state_message(self._simulator, now, self._rng))
        self._tip_pose.publish(tip_pose_message(self._simulator, now, self._rng))


def main() -> int:
    """Run the node."""
    return run_node(ArmSim)


if __name__ == '__main__':
    raise SystemExit(main())
