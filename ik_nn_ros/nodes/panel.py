"""
The node ``panel``: a page in the browser on which the arm is seen moving and its target is dragged.

It speaks with the arm's other nodes by their public topics, services and parameters, and may be
started before them, after them or between. Callbacks of ROS run in the executor's thread; the page
has threads of its own, and what it asks for is handed over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.nodes.panel_arm import PanelArm
from ik_nn_ros.nodes.panel_figures import FigureLead
from ik_nn_ros.nodes.panel_inbox import Inbox
from ik_nn_ros.nodes.panel_link import IkLink
from ik_nn_ros.nodes.panel_surroundings import Surroundings
from ik_nn_ros.nodes.parameters import Parameters, ParameterSpec
from ik_nn_ros.nodes.runtime import run_node
from ik_nn_ros.panel.fitting import Fitting
from ik_nn_ros.panel.history import velocity_limits
from ik_nn_ros.panel.origin import is_loopback
from ik_nn_ros.panel.rivals import Rivals
from ik_nn_ros.panel.tracing import Approach, Tracing
from ik_nn_ros.panel.view import Actions, View
from ik_nn_ros.panel.words import HELD_UP

if TYPE_CHECKING:
    from ik_nn_ros.panel.page import Page

PARAMETERS: Mapping[str, ParameterSpec] = {
    'robot_description': ParameterSpec(
        '', 'URDF as text; empty: taken from the topic robot_description'
    ),
    'base_link': ParameterSpec(
        'base_link', 'frame the arm stands in; the chain to tip_link starts here'
    ),
    'tip_link': ParameterSpec('tip', 'frame whose origin is brought to the target'),
    'ik_node': ParameterSpec(
        'ik_node', 'name of the ik_node that moves the arm, in the same namespace'
    ),
    'host': ParameterSpec(
        'localhost',
        'address the page is served at; anybody who can open it there can move the arm',
    ),
    'port': ParameterSpec(
        8080, 'of the page; the next free one, if it is in use', low=1, high=65535
    ),
}
FRAME, CONTROLS, PLOTS = 1.0 / 40.0, 0.1, 0.25
"""Between two pictures, two looks at what the controls show, and two plots, s."""


class PanelNode(Node):
    """Serves the page of one arm."""

    def __init__(self) -> None:
        super().__init__('panel')
        self._settings = Parameters(self, PARAMETERS)
        for fault in self._settings.errors.values():
            self.get_logger().error(f'the default stands: {fault}')
        self._settings.read_only_reason = 'takes effect at the start; restart the node'
        self._drawn: object = None
        self._served: tuple[str, ...] = ()
        """What is to be known of where the page is served."""
        self._approach, self._rivals = Approach(), Rivals()
        self._trailed: object = None
        self._inbox = Inbox(self, self._on_dropped)
        self._link = IkLink(self, self._settings['ik_node'])
        self._figures = FigureLead(
            self, self._link, self._first_missing, self._tip_error, lambda: self._page.silence
        )
        self._page = self._serve()
        self._surroundings = Surroundings(self, self._link, self._page)
        self._arm = PanelArm(self, self._settings, self._on_described)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(FRAME, self._draw, clock=steady)
        self.create_timer(CONTROLS, self._tell, clock=steady)
        self.create_timer(PLOTS, self._plot, clock=steady)

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
            self._served = (f'Anybody who can reach {" or ".join(page.urls)} can move the arm.',)
        self.get_logger().info(f'the arm is at {" and ".join(page.urls)}')
        return page

    def destroy_node(self) -> None:
        """Serve the page no more."""
        self._page.close()
        super().destroy_node()

    # What the page asks for

    def _actions(self) -> Actions:
        link, taking = self._link, self._inbox.taking
        return Actions(
            go_to=taking(self._go_to),
            go_home=taking(self._go_home),
            draw=taking(self._lead),
            stop_drawing=taking(self._figures.stop, lasts=inf),
            hold=taking(self._hold, lasts=inf),
            resume=taking(self._resume),
            set_branch=taking(partial(link.set_parameter, 'branch')),
            set_speed_scale=taking(partial(link.set_parameter, 'speed_scale')),
        )

    def _on_dropped(self) -> None:
        self._figures.stop('the panel was held up.')
        self._link.problem = HELD_UP

    def _go_to(self, point: JointPair) -> None:
        self._figures.stop()
        if self._arm.model is not None:
            self._link.go_to(self._arm.model.plane, point)

    def _go_home(self) -> None:
        arm = self._arm.model
        if arm is not None:
            self._go_to(arm.fk_point(*arm.home))

    def _lead(self, name: str, share: float, lap: float) -> None:
        """Lead the arm along a figure."""
        self._figures.stop()
        arm, q, keep_out = self._arm.model, self._arm.q, self._surroundings.keep_out
        if arm is None or q is None or keep_out is None:
            return
        if self._first_missing() or self._link.holding:
            return  # the page says so
        largest = Fitting(arm, self._surroundings.branch, keep_out, q).largest(name)
        if largest is None:
            self._figures.notice = f'There is no room for a {name}.'
            return
        tracing = Tracing(largest.scaled(share), lap, arm.reach, arm.fk_point(*q))
        self._figures.start(arm, tracing)

    def _hold(self) -> None:
        self._figures.stop()
        self._link.hold()

    def _resume(self) -> None:
        self._figures.stop()
        self._link.resume()

    # To the page

    def _on_described(self, urdf: str, arm: ArmModel) -> None:
        self._figures.stop('there is another arm.')
        self._drawn = None
        self._surroundings.forget()
        self._page.show_arm(urdf, arm)

    def _draw(self) -> None:
        """Show where the arm is, if somebody looks and it has moved."""
        self._inbox.work()
        arm = self._arm
        if not self._page.is_open or arm.q is None:
            return
        self._page.show_outcome(self._link.shown)
        if (arm.q, arm.is_silent) != self._drawn:
            self._drawn = arm.q, arm.is_silent
            self._page.show_joints(arm.joints, arm.q, arm.is_silent)

    def _tell(self) -> None:
        """Show how things stand, and where the tip has been."""
        self._link.look()
        self._arm.calibrate(self._link.parameters.values.get('calibration_file'))
        if self._arm.model is not None:
            self._surroundings.show(self._arm.model)
        view = self._link.view(tuple(self._missing()), self._tip_error(), self._figures.figure)
        view = replace(view, problem=view.problem or self._figures.notice)
        self._page.show(self._judged(view))
        trail = self._arm.trail
        if trail is None or not self._page.is_open:
            return
        trail.remove_expired(time.monotonic())
        if (trail, trail.change_count) != self._trailed:
            self._trailed = trail, trail.change_count
            self._page.show_trail(trail.points)

    def _judged(self, view: View) -> View:
        """Return a view with what only time tells."""
        now, is_free = time.monotonic(), not view.holding and view.speed_scale != 0.0
        error = view.tip_error if is_free else None
        return replace(
            view,
            is_stuck=self._approach.is_stuck(now, view.outcome, error),
            has_rival=self._rivals.are_there(now, self._link.others),
            notes=(*self._arm.notes, *self._served),
        )

    def _plot(self) -> None:
        """Plot how the joints have moved, if somebody looks."""
        arm = self._arm.model
        if self._page.is_open and arm is not None:
            table = self._arm.history.table(time.monotonic())
            self._page.show_history(table, self._fastest(arm))

    def _fastest(self, arm: ArmModel) -> JointPair:
        """Return the velocity limits in force, rad/s."""
        values = self._link.parameters.values
        most, share = values.get('max_velocity') or (0.0, 0.0), values.get('speed_scale')
        return velocity_limits(arm, most, 1.0 if share is None else share)

    def _missing(self) -> Iterator[str]:
        """Yield what is waited for, a sentence each."""
        yield from self._arm.missing
        yield from self._link.missing

    def _first_missing(self) -> str:
        return next(self._missing(), '')

    def _tip_error(self) -> float | None:
        return self._arm.tip_error(self._link.outcome)


def main() -> int:
    """Run the node."""
    return run_node(PanelNode)


if __name__ == '__main__':
    raise SystemExit(main())
