"""Between a commander and the arm: takes joint_states in, publishes commands."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.time import Time
from rclpy.timer import Timer
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.motion.commander import Commander
from ik_nn_ros.motion.path_points import points_of
from ik_nn_ros.motion.smooth import LATE, SmoothMotion
from ik_nn_ros.nodes.command_types import CommandType
from ik_nn_ros.nodes.conversions import joint_positions, joint_velocities, seconds
from ik_nn_ros.nodes.executor import DirectExecutor
from ik_nn_ros.nodes.qos import overridable
from ik_nn_ros.nodes.rates import Rate

COMMANDS = QoSProfile(depth=10, lifespan=Duration(seconds=0.3))
"""After a cut of the network no command is sent again that has grown old."""
MOMENT = 5e-5
"""A process that was held up for longer (s) between two clocks looks at them again."""
LONGEST_BRAKING = 5.0
"""How long (s) the arm may take to come to rest before the node goes on without."""


class ArmCommands:
    """
    Runs a commander at a steady rate.

    :param node: that publishes
    :param kind: what a command is as a message
    :param commander: gives the commands
    :param rate: of the commands, Hz
    :param stepped: called after each step
    :param outage: called when this process, or the joint_states, are back: with the time (s) on the
        steady clock, and when they were last there
    """

    def __init__(
        self,
        node: Node,
        kind: CommandType,
        commander: Commander,
        rate: float,
        stepped: Callable[[], None],
        outage: Callable[[float, float], None],
    ) -> None:
        self.commander = commander
        self.active = False
        """Whether anything is commanded at rest."""
        self.received, self.sent = Rate(), Rate()
        """How often joint_states come and commands go."""
        self._node = node
        self.topic = kind.TOPIC
        self._kind = kind
        self._handed_over = False
        """Whether the arm's controller follows a path by itself."""
        self._publisher = node.create_publisher(kind.MESSAGE, kind.TOPIC, **overridable(COMMANDS))
        self._period = 1.0 / rate
        self._stepped = stepped
        self._outage = outage
        self._seen = self._stepped_at = time.monotonic()
        self._names = commander.arm.joint_names
        # On the steady clock: the arm keeps moving smoothly while somebody sets the time.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer: Timer = node.create_timer(self._period, self.step, clock=steady)

    def close(self) -> None:
        """Stop publishing."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)

    def measure(self, message: JointState) -> None:
        """
        Take joint_states in.

        :raises MessageError: they do not hold both joints
        """
        q = joint_positions(message, self._names)
        velocity = joint_velocities(message, self._names)
        now = time.monotonic()
        if self.commander.lost(now):
            self._outage(now, self._seen)
        self._seen = now
        if self.commander.measure(now, seconds(message.header.stamp), q, velocity):
            self.received.count()

    def publish(self, q: Pair | None, stamp: Time | None = None) -> None:
        """
        Send a command, if there is one.

        :param q: rad
        :param stamp: when the joints are to be there; None: now
        """
        if q is None or self._handed_over:
            return
        commander = self.commander
        velocity = commander.velocity if isinstance(commander, SmoothMotion) else None
        stamp = stamp or self._node.get_clock().now()
        self._publisher.publish(self._kind.message(stamp, q, velocity))
        self.sent.count()

    def hand_over(self) -> None:
        """
        Send the path that is gone along as a whole, where a message can hold it.

        The arm's controller goes along it by itself then. Whatever else the commander does from
        then on ends that: it is sent, if only where the arm is to stand.
        """
        commander = self.commander
        self._handed_over = False
        if self._kind.TAKES_PATHS and isinstance(commander, SmoothMotion):
            plan = commander.hand_over()
            if plan is not None:
                self._publisher.publish(self._kind.whole(points_of(plan)))
                self.sent.count()
                self._handed_over = True

    def _takes_back(self) -> bool:
        """Tell whether the controller is no longer to follow what was handed over."""
        commander = self.commander
        if not self._handed_over or (isinstance(commander, SmoothMotion) and commander.handed_over):
            return False
        self._handed_over = False
        return True

    def step(self) -> None:
        """Send what is to be commanded now."""
        now, stamp = self._now()
        if now - self._stepped_at > LATE:
            self._outage(now, self._stepped_at)
        self._stepped_at = now
        command = self.commander.step(now)
        if self._takes_back():
            self.publish(command or self.commander.command, stamp)
        elif self.active or not self.commander.at_rest:
            self.publish(command, stamp)
        self._stepped()

    def _now(self) -> tuple[float, Time]:
        """Return the time on the steady clock, s, and on the node's, of the same moment."""
        for _ in range(3):
            now = time.monotonic()
            stamp = self._node.get_clock().now()
            if time.monotonic() - now < MOMENT:
                break
        return now, stamp

    def come_to_rest(self) -> bool:
        """Bring the arm to rest; return whether it is after :data:`LONGEST_BRAKING`."""
        self.commander.stop()
        latest = time.monotonic() + LONGEST_BRAKING
        self.step()
        while not self.commander.at_rest and time.monotonic() < latest:
            self.step()
            if isinstance(self._node.executor, DirectExecutor):
                self._node.executor.serve_others(self._node)
            time.sleep(self._period)
        return self.commander.at_rest
