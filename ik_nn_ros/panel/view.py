"""What the page shows and what it asks for, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ik_nn_ros.arm.model import Array, JointPair

BRANCHES = ('nearest', 'positive', 'negative')


@dataclass(frozen=True)
class Outcome:
    """
    What became of the last target.

    :param code: ACCEPTED, PROJECTED or a reason code; SENT or SILENT while it is not answered
    :param detail: why it was not accepted
    :param point: where it is in the arm's plane, m; None: nowhere
    :param goal: the joints the arm is sent to, rad; None: it was refused
    """

    code: str
    detail: str = ''
    point: JointPair | None = None
    goal: JointPair | None = None


class ShapeStatus(NamedTuple):
    """
    What the arm is led along.

    ``name`` is one of :data:`~ik_nn_ros.arm.paths.FIGURES`, ``width`` is in m, ``has_begun``
    tells whether the tip has come to its first point, ``points`` are (N, 2) points of it, m.
    """

    name: str
    width: float
    has_begun: bool
    points: Array


@dataclass(frozen=True)
class View:
    """
    All that the controls show.

    :param missing: what is waited for, a sentence each
    :param holding: whether targets are refused until it is resumed; None: not known
    :param branch: the parameter's value; empty: not known
    :param speed_scale: the parameter's value; None: not known
    :param outcome: of the last target; None: there has been none
    :param stage_counts: how many targets were solved by each stage
    :param rejected_count: how many were refused
    :param tip_error: distance of the tip from where it was sent to, m; None: it was not sent
    :param latency: from the last target to its answer, s; None: not known
    :param problem: why the last thing asked for was not done; empty: it was
    :param hold_pending: whether the arm was asked to hold, and has not answered yet
    :param shape: what the arm is led along; None: nothing
    :param is_stuck: whether the tip comes no nearer to where it was sent, and is not there
    :param has_other_publishers: whether another node sends targets, too
    :param notes: what else there is to know, a sentence each
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
    What the page asks for; called in the web server's thread.

    ``go_to`` takes a point (m) of the arm's plane, ``draw`` a figure's name, its part of the
    largest width there is room for and the time for one round (s), ``stop_drawing`` why, in words,
    or '' where that is clear, ``set_branch`` and ``set_speed_scale`` the parameter's value.
    """

    go_to: Callable[[JointPair], object]
    go_home: Callable[[], object]
    draw: Callable[[str, float, float], object]
    stop_drawing: Callable[[str], object]
    hold: Callable[[], object]
    resume: Callable[[], object]
    set_branch: Callable[[str], object]
    set_speed_scale: Callable[[float], object]
