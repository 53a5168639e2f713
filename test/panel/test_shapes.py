"""Shapes that the arm draws: fitting them into the workspace, and following them."""

from math import dist, pi

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.paths import SHAPES, ClosedCurve, heading_axes
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.acceptance import SolverConfig, Status
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.panel.shapes import (
    START_TOLERANCE_RATIO,
    STOP_LAG_RATIO,
    STUCK_DISTANCE_M,
    STUCK_TIMEOUT_S,
    ArrivalMonitor,
    ShapeFitter,
    ShapeProgress,
)
from ik_nn_ros.panel.view import Outcome
from ik_nn_ros.trajectory.keep_out import KeepOut

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
ONE_SIDED = ArmModel('one sided', ('a', 'b'), (0.3, 0.2), lower=(0.0, -2.6), upper=(1.5, -0.1))
ASKEW = ArmModel('askew', ('a', 'b'), (2.0, 2.5), offsets=(1.0, -0.7), signs=(-1.0, 1.0))
NO_ZONES: tuple[list[float], list[float]] = ([], [])
CIRCLE = ClosedCurve('circle', 0.2, (0.3, 0.0), np.eye(2))
each_shape = pytest.mark.parametrize('name', SHAPES)


def keep_out(arm=ARM, zones=NO_ZONES):
    return KeepOut.from_lists(arm, *zones, 0.02 * arm.reach)


@each_shape
def test_a_shape_has_the_requested_width_around_its_center(name):
    points = ClosedCurve(name, 0.2, (0.3, 0.1), np.eye(2)).points
    assert np.ptp(points, axis=0).max() == pytest.approx(0.2)
    assert (points.max(axis=0) + points.min(axis=0)) / 2.0 == pytest.approx((0.3, 0.1))
    assert points[0] == pytest.approx(points[-1])


def test_the_square_has_four_corners():
    points = ClosedCurve('square', 2.0, (0.0, 0.0), np.eye(2)).points
    for corner in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        assert np.hypot(*(points - corner).T).min() < 1e-9


@each_shape
def test_a_shape_is_parameterized_by_arc_length(name):
    outline = ClosedCurve(name, 0.2, (0.3, 0.0), np.eye(2))
    points = np.array([outline.point_at(part) for part in np.linspace(0.0, 1.0, 1201)])
    steps = np.hypot(*np.diff(points, axis=0).T)
    assert np.median(steps) == pytest.approx(steps.sum() / 1200, rel=0.01)
    assert steps.max() < 1.02 * np.median(steps)
    assert outline.point_at(1.3) == pytest.approx(outline.point_at(0.3))
    assert outline.point_at(outline.nearest_fraction(outline.point_at(0.7))) == pytest.approx(
        outline.point_at(0.7), abs=1e-3
    )


@each_shape
@pytest.mark.parametrize(
    ('arm', 'zones'),
    [
        (ARM, NO_ZONES),
        (ARM, ([0.3, 0.1, 0.05], [])),
        (ARM, ([], [0.0, 1.0, -0.05])),
        (ONE_SIDED, NO_ZONES),
        (ASKEW, NO_ZONES),
    ],
    ids=['default', 'post', 'table', 'one-sided', 'askew'],
)
def test_the_largest_shape_can_be_drawn_on_one_branch_clear_of_zones(name, arm, zones):
    around, q = keep_out(arm, zones), (0.2, -0.5)
    shape = ShapeFitter(arm, 'nearest', around, q).largest(name)
    assert 0.3 * arm.reach < shape.width < 2.0 * arm.reach
    # As ik_node solves it: target by target, each from the joints of the previous one.
    solver, sides = HybridSolver(arm, None, SolverConfig()), set()
    for part in np.linspace(0.0, 1.0, 200):
        answer = solver.solve(*shape.point_at(part), q)
        assert answer.status == Status.ACCEPTED
        sides.add(answer.branch)
        q = answer.q
        assert around.clearance(np.array([q])) >= around.margin - 1e-3 * arm.reach
    assert len(sides) == 1
    # A much larger one does not fit.
    larger = ClosedCurve(name, 1.3 * shape.width, shape.points[:-1].mean(axis=0), heading_axes(arm))
    assert not ShapeFitter(arm, 'nearest', around, q).fits(larger)


def test_the_shape_is_in_front_of_the_arm_if_possible():
    center = (
        ShapeFitter(ARM, 'nearest', keep_out(), (0.0, 0.5)).largest('circle').points[:-1].mean(0)
    )
    assert center[1] == pytest.approx(0.0, abs=0.02)
    assert center[0] > 0.2


def test_there_is_no_shape_on_a_branch_that_the_arm_cannot_reach():
    assert (
        ShapeFitter(ONE_SIDED, 'positive', keep_out(ONE_SIDED), (0.2, -0.5)).largest('circle')
        is None
    )


def test_the_target_waits_at_the_nearest_point_until_the_tip_is_there():
    progress = ShapeProgress(CIRCLE, 6.0, 0.5, (0.3, 0.4))
    first = progress.next_target(0.02, None)
    assert first == pytest.approx((0.3, 0.1))
    for _ in range(10):
        assert progress.next_target(0.02, 0.3) == first
    assert not progress.has_begun
    assert progress.next_target(0.02, START_TOLERANCE_RATIO * 0.5) != first
    assert progress.has_begun


def test_one_lap_takes_the_lap_time():
    progress = ShapeProgress(CIRCLE, 6.0, 0.5, (0.4, 0.0))
    points = [progress.next_target(0.02, 0.0) for _ in range(300)]
    assert points[-1] == pytest.approx((0.4, 0.0), abs=1e-3)
    assert sum(map(dist, points, points[1:])) == pytest.approx(0.2 * pi, rel=0.01)


def test_the_target_waits_for_a_tip_that_lags():
    progress = ShapeProgress(CIRCLE, 6.0, 0.5, (0.4, 0.0))
    progress.next_target(0.02, 0.0)
    waiting = progress.next_target(0.02, STOP_LAG_RATIO * 0.5)
    assert progress.next_target(0.02, None) == progress.next_target(0.02, 0.3) == waiting
    assert progress.next_target(0.02, 0.0) != waiting


def stuck(errors, outcomes=None):
    """Return whether the tip is stuck at each tenth of a second, with these errors, m."""
    monitor, same = ArrivalMonitor(), Outcome('ACCEPTED')
    return [
        monitor.is_stuck(0.1 * number, outcomes[number] if outcomes else same, error)
        for number, error in enumerate(errors)
    ]


def test_a_tip_that_stops_short_of_its_target_is_stuck_after_a_while():
    is_stuck = stuck([0.012 + 0.4 * STUCK_DISTANCE_M * (number % 2) for number in range(60)])
    assert 0.1 * is_stuck.index(True) == pytest.approx(STUCK_TIMEOUT_S, abs=0.15)
    assert all(is_stuck[is_stuck.index(True) :])


def test_a_moving_tip_is_not_stuck():
    assert not any(stuck(np.linspace(0.4, 0.0, 60)))
    # The arm changes its branch: the tip moves away first.
    assert not any(stuck(0.2 * np.sin(np.linspace(0.1, 3.0, 100))))
    # A stream of targets, each at the same distance.
    assert not any(stuck([0.05] * 60, [Outcome('ACCEPTED') for _ in range(60)]))
    # Held, or without a goal.
    assert not any(stuck([None] * 60))
