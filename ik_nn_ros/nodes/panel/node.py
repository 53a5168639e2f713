"""
The node ``panel``: a web page that shows the arm in motion and lets the user drag its target.

It talks to the arm's other nodes by their public topics, services and parameters, and may be
started before or after them. ROS callbacks run in the executor's thread; the page has threads of
its own, and :class:`ExecutorQueue` hands its actions over.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ik_nn_ros.arm.geometry import JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.nodes.common.main import run_node
from ik_nn_ros.nodes.common.parameters import Parameters, ParameterSpec
from ik_nn_ros.nodes.panel.arm_state import ArmState, OverlayUpdater
from ik_nn_ros.nodes.panel.ik_client import IkNodeClient
from ik_nn_ros.nodes.panel.shape_player import ShapePlayer
from ik_nn_ros.panel.connection import MAX_INPUT_AGE_S, is_loopback
from ik_nn_ros.panel.history import velocity_limits
from ik_nn_ros.panel.shapes import ArrivalMonitor, ShapeFitter, ShapeProgress
from ik_nn_ros.panel.status_text import STALE_INPUT_TEXT
from ik_nn_ros.panel.view import Actions, View

if TYPE_CHECKING:
    # Needs viser. Parameters and the message that names viser have to work without it.
    from ik_nn_ros.panel.page import Page

PARAMETERS: Mapping[str, ParameterSpec] = {
    'robot_description': ParameterSpec('', 'URDF as text; empty: from the topic robot_description'),
    'base_link': ParameterSpec(
        'base_link', 'frame the arm stands in; start of the chain to tip_link'
    ),
    'tip_link': ParameterSpec('tip', 'frame whose origin moves to the target'),
    'ik_node': ParameterSpec('ik_node', 'name of the ik_node in the same namespace'),
    'host': ParameterSpec(
        'localhost',
        'address that serves the page; anybody who can open it can move the arm',
    ),
    'port': ParameterSpec(8080, 'port of the page; the next free one if in use', low=1, high=65535),
}
SCENE_PERIOD_S = 1.0 / 40.0
CONTROLS_PERIOD_S = 0.1
PLOTS_PERIOD_S = 0.25


class ExecutorQueue:
    """
    Runs actions of other threads in the executor's thread, in order.

    :param node: node whose executor is used
    :param on_dropped: called when an action has waited too long and is dropped
    """

    def __init__(self, node: Node, on_dropped: Callable[[], object]) -> None:
        self._node, self._on_dropped = node, on_dropped
        self._pending: deque[tuple[float, Callable[[], object]]] = deque()

    def wrap(
        self, action: Callable[..., object], *, max_age: float = MAX_INPUT_AGE_S
    ) -> Callable[..., object]:
        """
        Return a function that queues an action.

        :param max_age: time that the action may wait, s
        """

        def enqueue(*arguments: object) -> None:
            self._pending.append((time.monotonic() + max_age, partial(action, *arguments)))
            executor = self._node.executor
            if executor is not None:
                executor.create_task(self.run_pending)
                executor.wake()

        return enqueue

    def run_pending(self) -> None:
        """Run the queued actions."""
        with suppress(IndexError):
            while True:
                deadline, action = self._pending.popleft()
                if time.monotonic() < deadline:
                    action()
                else:
                    self._on_dropped()


class PanelNode(Node):
    """Serves the page of one arm."""

    def __init__(self) -> None:
        super().__init__('panel')
        self._settings = Parameters(self, PARAMETERS)
        for error in self._settings.errors.values():
            self.get_logger().error(f'using the default: {error}')
        self._settings.lock('takes effect at the start; restart the node')
        self._shown_joints: object = None
        self._shown_trail: object = None
        self._access_notes: tuple[str, ...] = ()
        """Warning on the page if other machines can reach it."""
        self._arrival_monitor = ArrivalMonitor()
        self._executor_queue = ExecutorQueue(self, self._on_dropped)
        self._ik_client = IkNodeClient(self, self._settings['ik_node'])
        self._shape_player = ShapePlayer(
            self, self._ik_client, self._first_missing, self._tip_error, lambda: self._page.silence
        )
        self._page = self._serve()
        self._overlay_updater = OverlayUpdater(self, self._ik_client, self._page)
        self._arm = ArmState(self, self._settings, self._on_arm_described)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(SCENE_PERIOD_S, self._update_scene, clock=steady)
        self.create_timer(CONTROLS_PERIOD_S, self._update_controls, clock=steady)
        self.create_timer(PLOTS_PERIOD_S, self._update_plots, clock=steady)

    def _serve(self) -> Page:
        try:
            from ik_nn_ros.panel.page import Page
        except ModuleNotFoundError as error:
            raise ConfigError(
                'panel', got=f'no module {error.name}', expected="`pip install 'viser[urdf]'`"
            ) from error
        host = self._settings['host']
        page = Page(host, self._settings['port'], self._actions())
        if not is_loopback(host):
            self.get_logger().warning(
                f'host {host}: anybody who can reach this address can move the arm'
            )
            self._access_notes = (
                f'Anybody who can reach {" or ".join(page.urls)} can move the arm.',
            )
        self.get_logger().info(f'the arm is at {" and ".join(page.urls)}')
        return page

    def destroy_node(self) -> None:
        """Stop the web server, too."""
        self._page.close()
        super().destroy_node()

    # Actions of the page

    def _actions(self) -> Actions:
        wrap, set_parameter = self._executor_queue.wrap, self._ik_client.set_parameter
        return Actions(
            go_to=wrap(self._go_to),
            go_home=wrap(self._go_home),
            draw=wrap(self._draw_shape),
            stop_drawing=wrap(self._shape_player.stop, max_age=inf),
            hold=wrap(self._hold, max_age=inf),
            resume=wrap(self._resume),
            set_branch=wrap(partial(set_parameter, 'branch')),
            set_speed_scale=wrap(partial(set_parameter, 'speed_scale')),
        )

    def _on_dropped(self) -> None:
        self._shape_player.stop('the panel was stalled.')
        self._ik_client.report_problem(STALE_INPUT_TEXT)

    def _go_to(self, point: Point2) -> None:
        self._shape_player.stop()
        if self._arm.model is not None:
            self._ik_client.go_to(self._arm.model.plane, point)

    def _go_home(self) -> None:
        arm = self._arm.model
        if arm is not None:
            self._go_to(arm.fk_point(*arm.home))

    def _draw_shape(self, name: str, scale: float, lap_time: float) -> None:
        """
        Start drawing a shape, if the arm would follow it.

        :param scale: fraction of the largest width that fits
        :param lap_time: time for one lap, s
        """
        self._shape_player.stop()
        arm, q, keep_out = self._arm.model, self._arm.q, self._overlay_updater.keep_out
        if arm is None or q is None or keep_out is None:
            return
        if self._first_missing() or self._ik_client.holding:
            return  # the page shows that
        largest = ShapeFitter(arm, self._overlay_updater.branch, keep_out, q).largest(name)
        if largest is None:
            self._shape_player.reject(f'There is no room for a {name}.')
            return
        tip = arm.fk_point(*q)
        self._shape_player.start(
            arm, ShapeProgress(largest.scaled(scale), lap_time, arm.reach, tip)
        )

    def _hold(self) -> None:
        self._shape_player.stop()
        self._ik_client.hold()

    def _resume(self) -> None:
        self._shape_player.stop()
        self._ik_client.resume()

    # Contents of the page

    def _on_arm_described(self, urdf: str, arm: Kinematics) -> None:
        self._shape_player.stop('the arm has changed.')
        self._shown_joints = None
        self._overlay_updater.reset()
        self._page.show_arm(urdf, arm)

    def _update_scene(self) -> None:
        """Show target and joint positions if they have changed and a page is open."""
        self._executor_queue.run_pending()
        arm = self._arm
        if not self._page.has_clients or arm.q is None:
            return
        self._page.show_outcome(self._ik_client.displayed_outcome)
        if (arm.q, arm.is_stale) != self._shown_joints:
            self._shown_joints = arm.q, arm.is_stale
            self._page.show_joints(arm.joints, arm.q, arm.is_stale)

    def _update_controls(self) -> None:
        """Check the state of all nodes, and show it and the trail of the tip."""
        self._ik_client.poll()
        self._arm.apply_calibration(self._ik_client.parameters.values.get('calibration_file'))
        if self._arm.model is not None:
            self._overlay_updater.update(self._arm.model)
        self._page.show(self._make_view())
        trail = self._arm.trail
        if trail is None or not self._page.has_clients:
            return
        trail.remove_expired(time.monotonic())
        if (trail, trail.change_count) != self._shown_trail:
            self._shown_trail = trail, trail.change_count
            self._page.show_trail(trail.points)

    def _make_view(self) -> View:
        view = self._ik_client.make_view(
            tuple(self._missing()), self._tip_error(), self._shape_player.shape
        )
        return replace(
            view,
            problem=view.problem or self._shape_player.notice,
            is_stuck=self._is_stuck(view),
            notes=(*self._arm.notes, *self._access_notes),
        )

    def _is_stuck(self, view: View) -> bool:
        """Return whether the tip has stopped short of its goal while the arm is free to move."""
        is_free = not view.holding and view.speed_scale != 0.0
        error = view.tip_error if is_free else None
        return self._arrival_monitor.is_stuck(time.monotonic(), view.outcome, error)

    def _update_plots(self) -> None:
        """Update the plots if a page is open."""
        arm = self._arm.model
        if self._page.has_clients and arm is not None:
            table = self._arm.history.table(time.monotonic())
            self._page.show_history(table, self._velocity_limits(arm))

    def _velocity_limits(self, arm: Kinematics) -> JointPair:
        """Return the velocity limits in force, rad/s."""
        values = self._ik_client.parameters.values
        max_velocity, speed_scale = values.get('max_velocity'), values.get('speed_scale')
        return velocity_limits(
            arm, max_velocity or (0.0, 0.0), 1.0 if speed_scale is None else speed_scale
        )

    def _missing(self) -> Iterator[str]:
        """Yield what the panel waits for, one sentence each."""
        yield from self._arm.missing
        yield from self._ik_client.missing

    def _first_missing(self) -> str:
        return next(self._missing(), '')

    def _tip_error(self) -> float | None:
        return self._arm.tip_error(self._ik_client.outcome)


def main() -> int:
    """Run the node."""
    return run_node(PanelNode)


if __name__ == '__main__':
    raise SystemExit(main())
