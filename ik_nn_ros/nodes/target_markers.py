"""The latest target for RViz, by what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, sin
from typing import NamedTuple

from geometry_msgs.msg import Point
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.problem import SolverConfig
from ik_nn_ros.nodes.marker_shapes import Color, MarkerFactory, MarkerId, deletion_marker
from ik_nn_ros.nodes.targets import TargetResult

TARGET_MARKER, PROJECTION_MARKER, REASON_MARKER = (
    MarkerId('target', 0),
    MarkerId('target', 1),
    MarkerId('target_reason', 0),
)
OTHER_BRANCH_MARKER = MarkerId('other_branch', 0)
GREEN, AMBER, RED = (0.1, 0.8, 0.25, 1.0), (1.0, 0.7, 0.0, 1.0), (1.0, 0.25, 0.2, 1.0)
OTHER_BRANCH_COLOR = (0.6, 0.6, 0.6, 0.5)
UNLOCATED_CODES = ('NOT_FINITE', 'BAD_FRAME', 'NO_TRANSFORM')
"""Reason codes of targets that are at no place RViz could show."""
TARGET_DIAMETER_RATIO, LINE_WIDTH_RATIO, TEXT_HEIGHT_RATIO, TEXT_OFFSET_RATIO = (
    0.05,
    0.008,
    0.06,
    0.08,
)
"""Of target, lines and letters, and from the target to the middle of those: parts of the reach."""


class TargetOutcome(NamedTuple):
    """A target as it came, and the answer to it."""

    header: Header
    position: Point
    result: TargetResult


def outcome_color(code: str) -> Color:
    """Return the color for an answer: accepted, projected or rejected."""
    return {'ACCEPTED': GREEN, 'PROJECTED': AMBER}.get(code, RED)


def target_markers(
    factory: MarkerFactory, arm: ArmModel, outcome: TargetOutcome | None
) -> list[Marker]:
    """
    Return the target where the arm goes, or where it was asked to go in vain, and why.

    :param outcome: the latest target; None: there has been none
    """
    found = _visible_markers(factory, arm, outcome) if outcome is not None else {}
    return [
        found.get(slot) or deletion_marker(slot)
        for slot in (TARGET_MARKER, PROJECTION_MARKER, REASON_MARKER, OTHER_BRANCH_MARKER)
    ]


def _visible_markers(
    factory: MarkerFactory, arm: ArmModel, outcome: TargetOutcome
) -> Mapping[MarkerId, Marker]:
    answer, reach = outcome.result, arm.reach
    color = outcome_color(answer.code)
    solution = answer.solution
    if solution is None or solution.q is None:
        return _rejected_target_markers(factory, reach, outcome, color)
    (goal,) = factory.points(solution.point)
    found = {TARGET_MARKER: factory.disc(TARGET_MARKER, color, TARGET_DIAMETER_RATIO * reach, goal)}
    if answer.code == 'PROJECTED':
        way = (answer.point, solution.point)
        found[PROJECTION_MARKER] = factory.line_list(
            PROJECTION_MARKER, color, LINE_WIDTH_RATIO * reach, way
        )
    other = _other_branch_points(arm, solution.point, solution.q)
    found[OTHER_BRANCH_MARKER] = factory.line_strip(
        OTHER_BRANCH_MARKER, OTHER_BRANCH_COLOR, LINE_WIDTH_RATIO * reach, other
    )
    return found


def _rejected_target_markers(
    factory: MarkerFactory, reach: float, outcome: TargetOutcome, color: Color
) -> Mapping[MarkerId, Marker]:
    """Return a target that the arm does not go to, where it was asked for, and the reason code."""
    code = outcome.result.code
    frame, place = _rejected_target_position(factory, outcome)
    up = factory.plane.rotation[:, 1] if frame == factory.frame else (0.0, 0.0, 1.0)
    x, y, z = (TEXT_OFFSET_RATIO * reach * float(part) for part in up)
    beside = Point(x=place.x + x, y=place.y + y, z=place.z + z)
    found = {
        REASON_MARKER: factory.text(REASON_MARKER, color, TEXT_HEIGHT_RATIO * reach, beside, code)
    }
    if code not in UNLOCATED_CODES:
        spot = found[TARGET_MARKER] = factory.disc(
            TARGET_MARKER, color, TARGET_DIAMETER_RATIO * reach, place
        )
        if frame != factory.frame:  # which way the plane lies there only TF knows
            spot.scale.z = spot.scale.x
    for marker in found.values():
        marker.header.frame_id = frame
    return found


def _rejected_target_position(factory: MarkerFactory, outcome: TargetOutcome) -> tuple[str, Point]:
    """Return frame and position of a refused target; the first axis where it has none to show."""
    answer, frame, position = outcome.result, outcome.header.frame_id, outcome.position
    if answer.point is not None or answer.code in UNLOCATED_CODES:
        return factory.frame, factory.points(answer.point or (0.0, 0.0))[0]
    if frame == f'{factory.frame}_plane':  # not in TF where the node has no tf2
        plane = factory.plane
        x, y, z = plane.origin + plane.rotation @ (position.x, position.y, position.z)
        return factory.frame, Point(x=float(x), y=float(y), z=float(z))
    return frame or factory.frame, position


def _other_branch_points(arm: ArmModel, point: JointPair, q: JointPair) -> tuple[JointPair, ...]:
    """Return base, elbow and tip (m) with the elbow on the other side; none where it cannot be."""
    branch = 'negative' if arm.branch_of(q) > 0 else 'positive'
    other = HybridSolver(arm, None, SolverConfig(branch)).solve(*point, q).q
    if other is None:
        return ()
    theta1 = arm.signs[0] * other[0] + arm.offsets[0]
    elbow = (arm.lengths[0] * cos(theta1), arm.lengths[0] * sin(theta1))
    return (0.0, 0.0), elbow, point
