"""Figures that the arm is led along: where there is room for them, and how it is led."""

from math import dist, pi

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.paths import SHAPES, ClosedCurve, heading_axes
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.acceptance import SolverConfig
from ik_nn_ros.ik.result import Status
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
each_figure = pytest.mark.parametrize('name', SHAPES)


def keep_out(arm=ARM, zones=NO_ZONES):
    return KeepOut.from_lists(arm, *zones, 0.02 * arm.reach)


@each_figure
def test_a_figure_is_as_wide_as_asked_around_its_center(name):
    points = ClosedCurve(name, 0.2, (0.3, 0.1), np.eye(2)).points
    assert np.ptp(points, axis=0).max() == pytest.approx(0.2)
    assert (points.max(axis=0) + points.min(axis=0)) / 2.0 == pytest.approx((0.3, 0.1))
    assert points[0] == pytest.approx(points[-1])


def test_the_square_has_four_corners():
    points = ClosedCurve('square', 2.0, (0.0, 0.0), np.eye(2)).points
    for corner in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        assert np.hypot(*(points - corner).T).min() < 1e-9


@each_figure
def test_it_is_gone_round_at_an_even_pace(name):
    outline = ClosedCurve(name, 0.2, (0.3, 0.0), np.eye(2))
    points = np.array([outline.point_at(part) for part in np.linspace(0.0, 1.0, 1201)])
    steps = np.hypot(*np.diff(points, axis=0).T)
    assert np.median(steps) == pytest.approx(steps.sum() / 1200, rel=0.01)
    assert steps.max() < 1.02 * np.median(steps)
    assert outline.point_at(1.3) == pytest.approx(outline.point_at(0.3))
    assert outline.point_at(outline.nearest_fraction(outline.point_at(0.7))) == pytest.approx(
        outline.point_at(0.7), abs=1e-3
    )


@each_figure
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
def test_the_largest_figure_can_be_gone_round_on_one_branch_clear_of_zones(name, arm, zones):
    around, q = keep_out(arm, zones), (0.2, -0.5)
    figure = ShapeFitter(arm, 'nearest', around, q).largest(name)
    assert 0.3 * arm.reach < figure.width < 2.0 * arm.reach
    # As ik_node is asked: target by target, each from the joints of the one before.
    solver, sides = HybridSolver(arm, None, SolverConfig()), set()
    for part in np.linspace(0.0, 1.0, 200):
        answer = solver.solve(*figure.point_at(part), q)
        assert answer.status == Status.ACCEPTED
        sides.add(answer.branch)
        q = answer.q
        assert around.clearance(np.array([q])) >= around.margin - 1e-3 * arm.reach
    assert len(sides) == 1
    # As large as can be: a good deal larger there is no room.
    larger = ClosedCurve(
        name, 1.3 * figure.width, figure.points[:-1].mean(axis=0), heading_axes(arm)
    )
    assert not ShapeFitter(arm, 'nearest', around, q).fits(larger)


def test_it_is_in_front_of_the_arm_where_that_is_as_good():
    middle = (
        ShapeFitter(ARM, 'nearest', keep_out(), (0.0, 0.5)).largest('circle').points[:-1].mean(0)
    )
    assert middle[1] == pytest.approx(0.0, abs=0.02)
    assert middle[0] > 0.2


def test_there_is_none_where_the_elbow_cannot_be():
    assert (
        ShapeFitter(ONE_SIDED, 'positive', keep_out(ONE_SIDED), (0.2, -0.5)).largest('circle')
        is None
    )


def test_the_first_point_is_the_nearest_and_is_waited_at():
    tracing = ShapeProgress(CIRCLE, 6.0, 0.5, (0.3, 0.4))
    first = tracing.next_target(0.02, None)
    assert first == pytest.approx((0.3, 0.1))
    for _ in range(10):
        assert tracing.next_target(0.02, 0.3) == first
    assert not tracing.has_begun
    assert tracing.next_target(0.02, START_TOLERANCE_RATIO * 0.5) != first
    assert tracing.has_begun


def test_one_round_takes_as_long_as_asked():
    tracing = ShapeProgress(CIRCLE, 6.0, 0.5, (0.4, 0.0))
    points = [tracing.next_target(0.02, 0.0) for _ in range(300)]
    assert points[-1] == pytest.approx((0.4, 0.0), abs=1e-3)
    assert sum(map(dist, points, points[1:])) == pytest.approx(0.2 * pi, rel=0.01)


def test_the_target_waits_for_a_tip_that_is_held_up():
    tracing = ShapeProgress(CIRCLE, 6.0, 0.5, (0.4, 0.0))
    tracing.next_target(0.02, 0.0)
    waiting = tracing.next_target(0.02, STOP_LAG_RATIO * 0.5)
    assert tracing.next_target(0.02, None) == tracing.next_target(0.02, 0.3) == waiting
    assert tracing.next_target(0.02, 0.0) != waiting


def stuck(errors, outcomes=None):
    """Whether the tip is stuck after each tenth of a second, with these distances, m."""
    approach, same = ArrivalMonitor(), Outcome('ACCEPTED')
    return [
        approach.is_stuck(0.1 * number, outcomes[number] if outcomes else same, error)
        for number, error in enumerate(errors)
    ]


def test_a_tip_that_stays_away_from_its_target_is_stuck_after_a_while():
    told = stuck([0.012 + 0.4 * STUCK_DISTANCE_M * (number % 2) for number in range(60)])
    assert 0.1 * told.index(True) == pytest.approx(STUCK_TIMEOUT_S, abs=0.15)
    assert all(told[told.index(True) :])


def test_a_tip_on_its_way_is_not_stuck():
    assert not any(stuck(np.linspace(0.4, 0.0, 60)))
    # The elbow changes sides: the tip goes away first.
    assert not any(stuck(0.2 * np.sin(np.linspace(0.1, 3.0, 100))))
    # A stream of targets, each as far ahead.
    assert not any(stuck([0.05] * 60, [Outcome('ACCEPTED') for _ in range(60)]))
    # Not on its way: held, or nowhere to go to.
    assert not any(stuck([None] * 60))
