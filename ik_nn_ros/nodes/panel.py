"""
The node ``panel``: a page in the browser on which the arm is seen moving and its target is dragged.

It speaks with the arm's other nodes by their public topics, services and parameters, and may be
started before them, after them or between. Callbacks of ROS run in the executor's thread; the page
has threads of its own, and what it asks for is handed over.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from math import dist, isfinite
from typing import TYPE_CHECKING

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.errors import ConfigError, IkNnError
from ik_nn_ros.nodes.conversions import MessageError, joint_positions
from ik_nn_ros.nodes.panel_link import IkLink
from ik_nn_ros.nodes.parameters import Parameters, Spec
from ik_nn_ros.nodes.qos import overridable
from ik_nn_ros.nodes.runtime import run
from ik_nn_ros.nodes.tip_trail import TipTrail
from ik_nn_ros.panel.origin import is_loopback
from ik_nn_ros.panel.view import Actions

if TYPE_CHECKING:
    from ik_nn_ros.panel.page import Page

PARAMETERS: Mapping[str, Spec] = {
    'robot_description': Spec('', 'URDF as text; empty: taken from the topic robot_description'),
    'base_link': Spec('base_link', 'frame the arm stands in; the chain to tip_link starts here'),
    'tip_link': Spec('tip', 'frame whose origin is brought to the target'),
    'ik_node': Spec('ik_node', 'name of the ik_node that moves the arm, in the same namespace'),
    'host': Spec(
        'localhost',
        'address the page is served at; anybody who can open it there can move the arm',
    ),
    'port': Spec(8080, 'of the page; the next free one, if it is in use', low=1, high=65535),
}
FRAME, CONTROLS = 1.0 / 30.0, 0.1
"""Between two pictures, and between two looks at what the controls show, s."""
SILENCE = 1.0
"""Age (s) after which joint_states are missed."""
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class PanelNode(Node):
    """Serves the page of one arm."""

    def __init__(self) -> None:
        super().__init__('panel')
        self._settings = Parameters(self, PARAMETERS)
        for fault in self._settings.faults.values():
            self.get_logger().error(f'the default stands: {fault}')
        self._settings.frozen = 'takes effect at the start; restart the node'
        self._arm: ArmModel | None = None
        self._trail: TipTrail | None = None
        self._described = ''
        self._description_fault = self._joints_fault = ''
        self._joints: dict[str, float] = {}
        self._q: Pair | None = None
        self._heard = -SILENCE
        self._drawn: object = None
        self._branch = ''
        self._asked: deque[Callable[[], object]] = deque()
        self._link = IkLink(self, self._settings['ik_node'])
        self._page = self._serve()
        self.create_subscription(
            JointState, 'joint_states', self._on_joints, **overridable(qos_profile_sensor_data)
        )
        if self._settings['robot_description']:
            self._read(self._settings['robot_description'])
        else:
            self.create_subscription(
                String, 'robot_description', self._on_description, **overridable(LATCHED)
            )
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(FRAME, self._draw, clock=steady)
        self.create_timer(CONTROLS, self._tell, clock=steady)

    def _serve(self) -> Page:
        try:
            from ik_nn_ros.panel.page import Page
        except ModuleNotFoundError as error:
            raise ConfigError(
                'panel', got=f'no module {error.name}', expected="`pip install 'viser[urdf]'`"
            ) from error
        link, host = self._link, self._settings['host']
        actions = Actions(
            self._hand_over(self._go_to),
            self._hand_over(link.hold),
            self._hand_over(link.resume),
            self._hand_over(partial(link.set_parameter, 'branch')),
            self._hand_over(partial(link.set_parameter, 'speed_scale')),
        )
        page = Page(host, self._settings['port'], actions)
        if not is_loopback(host):
            self.get_logger().warning(
                f'host {host}: anybody who can reach this address can move the arm'
            )
        self.get_logger().info(f'the arm is at {page.url}')
        return page

    def destroy_node(self) -> None:
        """Serve the page no more."""
        self._page.close()
        super().destroy_node()

    # From the page's threads to the executor's

    def _hand_over(self, action: Callable[..., object]) -> Callable[..., object]:
        """Return what has an action done in the executor's thread, as soon as it can."""

        def asked(*arguments: object) -> None:
            self._asked.append(partial(action, *arguments))
            if self.executor is not None:
                self.executor.create_task(self._do_asked)
                self.executor.wake()

        return asked

    def _do_asked(self) -> None:
        with suppress(IndexError):
            while True:
                self._asked.popleft()()

    def _go_to(self, point: Pair) -> None:
        if self._arm is not None:
            self._link.go_to(self._arm.plane, point)

    # The arm

    def _on_description(self, message: String) -> None:
        self._read(message.data)

    def _read(self, urdf: str) -> None:
        """Show the arm of a description."""
        if urdf == self._described:
            return
        self._described = urdf
        base, tip = self._settings['base_link'], self._settings['tip_link']
        try:
            self._arm = ArmModel.from_urdf(urdf, base, tip)
        except IkNnError as error:
            self._description_fault = str(error)
            self.get_logger().error(f'waiting for a right robot_description: {error}')
            return
        self._description_fault = ''
        self._trail, self._q, self._branch = TipTrail(self._arm), None, ''
        self._page.show_arm(urdf, self._arm)

    def _on_joints(self, message: JointState) -> None:
        if self._arm is None:
            return
        try:
            self._q = joint_positions(message, self._arm.joint_names)
        except MessageError as error:
            self._joints_fault = str(error)
            return
        self._joints_fault = ''
        found = zip(message.name, message.position, strict=True)
        self._joints.update((name, position) for name, position in found if isfinite(position))
        self._heard = time.monotonic()
        self._trail.add(self._heard, self._q)

    # To the page

    def _draw(self) -> None:
        """Show where the arm is, if somebody looks and it has moved."""
        self._do_asked()
        if not self._page.is_open or self._q is None:
            return
        self._trail.forget(time.monotonic())
        shows = (self._arm, self._q, self._trail.changes)
        if shows != self._drawn:
            self._drawn = shows
            self._page.show_joints(self._joints, self._q, self._trail.points)

    def _tell(self) -> None:
        """Show how things stand."""
        self._link.look()
        view = self._link.view(tuple(self._missing()), self._tip_error())
        branch = view.branch or 'nearest'
        if self._arm is not None and branch != self._branch:
            self._branch = branch
            self._page.show_workspace(branch)
        self._page.show(view)

    def _missing(self) -> Iterator[str]:
        """Yield what is waited for, a sentence each."""
        topic = self.resolve_topic_name('robot_description')
        if self._description_fault:
            yield f'a right robot description: {self._description_fault}'
        elif self._arm is None:
            yield f'the robot description: nothing has come on {topic}'
        elif time.monotonic() - self._heard > SILENCE:
            topic = self.resolve_topic_name('joint_states')
            why = self._joints_fault or 'is the arm, or `arm_sim`, running?'
            yield f'the arm: nothing comes on {topic}; {why}'
        yield from self._link.missing

    def _tip_error(self) -> float | None:
        """Return how far the tip is from where it was sent to last, m."""
        outcome = self._link.outcome
        if self._arm is None or self._q is None or outcome is None or outcome.goal is None:
            return None
        return dist(self._arm.fk_point(*self._q), self._arm.fk_point(*outcome.goal))


def main() -> int:
    """Run the node."""
    return run(PanelNode)


if __name__ == '__main__':
    raise SystemExit(main())
