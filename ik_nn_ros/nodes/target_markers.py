"""The latest target for RViz, by what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, sin
from typing import NamedTuple

from geometry_msgs.msg import Point
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.problem import SolverConfig
from ik_nn_ros.nodes.marker_shapes import Color, Shapes, Slot, absent
from ik_nn_ros.nodes.targets import Answer

PLACE, WAY, CODE = Slot('target', 0), Slot('target', 1), Slot('target_reason', 0)
OTHER_BRANCH = Slot('other_branch', 0)
GREEN, AMBER, RED = (0.1, 0.8, 0.25, 1.0), (1.0, 0.7, 0.0, 1.0), (1.0, 0.25, 0.2, 1.0)
GHOST = (0.6, 0.6, 0.6, 0.5)
NOWHERE = ('NOT_FINITE', 'BAD_FRAME', 'NO_TRANSFORM')
"""Reason codes of targets that are at no place RViz could show."""
DIAMETER, LINE, HEIGHT, BESIDE = 0.05, 0.008, 0.06, 0.08
"""Of target, lines and letters, and from the target to the middle of those: parts of the reach."""


class Asked(NamedTuple):
    """A target as it came, and the answer to it."""

    header: Header
    position: Point
    answer: Answer


def outcome_color(code: str) -> Color:
    """Return the color for an answer: accepted, projected or rejected."""
    return {'ACCEPTED': GREEN, 'PROJECTED': AMBER}.get(code, RED)


def target_markers(shapes: Shapes, arm: ArmModel, asked: Asked | None) -> list[Marker]:
    """
    Return the target where the arm goes, or where it was asked to go in vain, and why.

    :param asked: the latest target; None: there has been none
    """
    found = _found(shapes, arm, asked) if asked is not None else {}
    return [found.get(slot) or absent(slot) for slot in (PLACE, WAY, CODE, OTHER_BRANCH)]


def _found(shapes: Shapes, arm: ArmModel, asked: Asked) -> Mapping[Slot, Marker]:
    answer, reach = asked.answer, arm.reach
    color = outcome_color(answer.code)
    solution = answer.solution
    if solution is None or solution.q is None:
        return _refused(shapes, reach, asked, color)
    (goal,) = shapes.points(solution.point)
    found = {PLACE: shapes.spot(PLACE, color, DIAMETER * reach, goal)}
    if answer.code == 'PROJECTED':
        way = (answer.point, solution.point)
        found[WAY] = shapes.lines(WAY, color, LINE * reach, way)
    other = _other_branch(arm, solution.point, solution.q)
    found[OTHER_BRANCH] = shapes.strip(OTHER_BRANCH, GHOST, LINE * reach, other)
    return found


def _refused(shapes: Shapes, reach: float, asked: Asked, color: Color) -> Mapping[Slot, Marker]:
    """Return a target that the arm does not go to, where it was asked for, and the reason code."""
    code = asked.answer.code
    frame, place = _place(shapes, asked)
    up = shapes.plane.rotation[:, 1] if frame == shapes.frame else (0.0, 0.0, 1.0)
    x, y, z = (BESIDE * reach * float(part) for part in up)
    beside = Point(x=place.x + x, y=place.y + y, z=place.z + z)
    found = {CODE: shapes.text(CODE, color, HEIGHT * reach, beside, code)}
    if code not in NOWHERE:
        spot = found[PLACE] = shapes.spot(PLACE, color, DIAMETER * reach, place)
        if frame != shapes.frame:  # which way the plane lies there only TF knows
            spot.scale.z = spot.scale.x
    for marker in found.values():
        marker.header.frame_id = frame
    return found


def _place(shapes: Shapes, asked: Asked) -> tuple[str, Point]:
    """Return frame and position of a refused target; the first axis where it has none to show."""
    answer, frame, position = asked.answer, asked.header.frame_id, asked.position
    if answer.point is not None or answer.code in NOWHERE:
        return shapes.frame, shapes.points(answer.point or (0.0, 0.0))[0]
    if frame == f'{shapes.frame}_plane':  # not in TF where the node has no tf2
        plane = shapes.plane
        x, y, z = plane.origin + plane.rotation @ (position.x, position.y, position.z)
        return shapes.frame, Point(x=float(x), y=float(y), z=float(z))
    return frame or shapes.frame, position


def _other_branch(arm: ArmModel, point: Pair, q: Pair) -> tuple[Pair, ...]:
    """Return base, elbow and tip (m) with the elbow on the other side; none where it cannot be."""
    branch = 'negative' if arm.branch_of(q) > 0 else 'positive'
    other = HybridSolver(arm, None, SolverConfig(branch)).solve(*point, q).q
    if other is None:
        return ()
    theta1 = arm.signs[0] * other[0] + arm.offsets[0]
    elbow = (arm.lengths[0] * cos(theta1), arm.lengths[0] * sin(theta1))
    return (0.0, 0.0), elbow, point
