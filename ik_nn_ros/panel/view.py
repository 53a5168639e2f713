"""The data that the page shows and the actions that it offers, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ik_nn_ros.arm.geometry import Array, JointPair, Point2

BRANCHES = ('nearest', 'positive', 'negative')
"""Values of the parameter ``branch``, in the order of the page's list."""


@dataclass(frozen=True)
class Outcome:
    """
    The result of the last target.

    :param code: ACCEPTED, PROJECTED or a reason code; SENT or SILENT without an answer
    :param detail: why the target was not accepted
    :param point: the target in the arm's plane, m; None: unknown
    :param goal: joints that the arm moves to, rad; None: the target was refused
    """

    code: str
    detail: str = ''
    point: Point2 | None = None
    goal: JointPair | None = None


class ShapeStatus(NamedTuple):
    """
    The shape that the arm draws.

    ``name`` is one of :data:`~ik_nn_ros.arm.paths.SHAPES`, ``width`` is in m, ``has_begun`` is
    true as soon as the tip has reached the first point, ``points`` is the outline, (N, 2), m.
    """

    name: str
    width: float
    has_begun: bool
    points: Array


@dataclass(frozen=True)
class View:
    """
    Everything that the controls of a page show.

    :param missing: what the panel waits for, one sentence each
    :param holding: whether the arm is held until Resume; None: unknown
    :param branch: parameter ``branch`` of the ik_node; empty: unknown
    :param speed_scale: parameter ``speed_scale`` of the ik_node; None: unknown
    :param outcome: result of the last target; None: there was no target
    :param stage_counts: number of targets solved, by solver stage
    :param rejected_count: number of targets refused
    :param tip_error: distance of the tip from its goal, m; None: it has no goal
    :param latency: time from the last target to its answer, s; None: unknown
    :param problem: why the last action failed; empty: it did not fail
    :param hold_pending: whether a call of Hold has no answer yet
    :param shape: the shape that is being drawn; None: no shape
    :param is_stuck: whether the tip has stopped short of its goal
    :param has_other_publishers: whether another node sends targets
    :param notes: further remarks, one sentence each
    """

    missing: tuple[str, ...] = ()
    holding: bool | None = None
    branch: str = ''
    speed_scale: float | None = None
    outcome: Outcome | None = None
    stage_counts: Mapping[str, int] = field(default_factory=dict)
    rejected_count: int = 0
    tip_error: float | None = None
    latency: float | None = None
    problem: str = ''
    hold_pending: bool = False
    shape: ShapeStatus | None = None
    is_stuck: bool = False
    has_other_publishers: bool = False
    notes: tuple[str, ...] = ()


class Actions(NamedTuple):
    """
    Callbacks of the page's controls, called in the web server's thread.

    ``go_to`` takes a point of the arm's plane (m). ``draw`` takes the name of a shape, its width
    as a fraction of the largest width that fits, and the time for one lap (s). ``stop_drawing``
    takes the reason as a sentence, or '' if it needs none. ``set_branch`` and ``set_speed_scale``
    take the value of the parameter.
    """

    go_to: Callable[[Point2], object]
    go_home: Callable[[], object]
    draw: Callable[[str, float, float], object]
    stop_drawing: Callable[[str], object]
    hold: Callable[[], object]
    resume: Callable[[], object]
    set_branch: Callable[[str], object]
    set_speed_scale: Callable[[float], object]
