"""Path trajectories keep all limits at every time, pass every pose and stop at the end."""

from itertools import pairwise

import numpy as np
import pytest
from paths import circle, figure_eight, off_lines, square, wave
from scipy.interpolate import CubicHermiteSpline, make_interp_spline

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.path import solve_path
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.trajectory.online_generator import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
)
from ik_nn_ros.trajectory.path_trajectory import (
    MIN_INTERVALS_PER_SECTION,
    PathCurve,
    TrajectorySequence,
    plan_path_trajectory,
)
from ik_nn_ros.trajectory.spline import sample_waypoints

LIMITED = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))
FREE = ArmModel('free', ('a', 'b'), (0.3, 0.2))
USUAL = MotionLimits((3.0, 3.0), (10.0, 10.0), (100.0, 100.0))
UNLIKE = MotionLimits((3.0, 1.5), (20.0, 6.0), (400.0, 60.0))
STANDSTILL = (0.0, 0.0)
PATH_TOLERANCE = 5e-4
"""Fraction of the reach by which the tip may leave the straight lines."""
REACH = 0.5

TO_THE_EDGE = [(0.3, 0.1), (0.5, 0.0), (0.3, -0.1)]
PAST_THE_HOLE = [(0.3, 0.1005), (-0.3, 0.1005)]
ROUGH = figure_eight(200) + 3e-4 * np.random.default_rng(0).normal(size=(200, 2))
PATHS = {
    'round the base': circle((0.0, 0.0), 0.35, 1000, 2.0),
    'coarse circle': circle((0.3, 0.0), 0.1, 40),
    'eight': figure_eight(),
    'square': square(),
    'touching the edge': circle((0.4, 0.0), 0.1, 500, begin=2.0),
    'along the edge': circle((0.0, 0.0), 0.5, 500, 0.5),
    'to the edge and back': TO_THE_EDGE,
    'past the hole': PAST_THE_HOLE,
    'rough': ROUGH,
    'a millimetre': [(0.3, 0.1), (0.301, 0.1)],
}


def joint_path(arm, xy):
    return solve_path(HybridSolver(arm), xy, (0.1, 0.5)).path


def approach_and_path(start, path, speed_ratio=1.0):
    """What the controller commits to: a motion to the path, then the motion along it."""
    trajectory = plan_path_trajectory(FREE, path, USUAL)
    generator = OnlineTrajectoryGenerator(USUAL, start.position)
    approach = generator.plan_to(trajectory.at(0.0).position, start)
    return TrajectorySequence(approach, trajectory, speed_ratio)


def sampled(trajectory, period=0.001):
    times = np.append(np.arange(0.0, trajectory.duration, period), trajectory.duration)
    return times, *trajectory.states_at(times)


def assert_within(trajectory, limits, arm=FREE):
    """Differences between samples count, too, not only the reported derivatives."""
    _, q, v, a = (values[:-1] for values in sampled(trajectory))
    assert (q >= np.subtract(arm.lower, 1e-9)).all()
    assert (q <= np.add(arm.upper, 1e-9)).all()
    for n, limit in enumerate((limits.velocity, limits.acceleration, limits.jerk)):
        rates = np.diff(q, n + 1, axis=0) / 0.001 ** (n + 1)
        rounding = 1e-14 / 0.001 ** (n + 1)
        assert (np.abs(rates) <= np.multiply(1.0 + 1e-6, limit) + rounding).all()
    assert (np.abs(v) <= limits.velocity).all()
    assert (np.abs(a) <= limits.acceleration).all()


def assert_stops_at(trajectory, position):
    q, v, a = trajectory.at(trajectory.duration)
    assert (v, a) == (STANDSTILL, STANDSTILL)
    np.testing.assert_allclose(q, position, atol=1e-9)
    assert trajectory.at(trajectory.duration + 1.0).position == q


def assert_follows(arm, trajectory, xy):
    """The tip stays near the lines and passes every pose in order."""
    _, q, v, _ = sampled(trajectory)
    tips, xy = arm.fk(q), np.asarray(xy)
    assert off_lines(tips, xy) <= PATH_TOLERANCE * REACH
    speed = 0.001 * np.abs(v).max() * REACH
    row = 0
    for pose in xy.tolist():
        near = np.hypot(*(tips[row : row + 3000] - pose).T)
        row += int(np.argmax(near <= 2e-5 * REACH + speed))
        assert near.min() <= 2e-5 * REACH + speed


@pytest.mark.parametrize('limits', [USUAL, UNLIKE], ids=['usual', 'unlike'])
@pytest.mark.parametrize('name', PATHS)
def test_a_path_is_followed_within_every_limit(name, limits):
    path = joint_path(FREE, PATHS[name])
    trajectory = plan_path_trajectory(FREE, path, limits)
    assert trajectory.at(0.0) == (tuple(path.waypoints[0]), STANDSTILL, STANDSTILL)
    assert_stops_at(trajectory, path.waypoints[-1])
    assert_within(trajectory, limits)
    assert_follows(FREE, trajectory, PATHS[name])


@pytest.mark.parametrize('seed', range(8))
def test_random_paths_keep_every_limit(seed):
    xy = wave(np.random.default_rng(seed))
    path = joint_path(FREE, xy)
    trajectory = plan_path_trajectory(FREE, path, USUAL)
    assert_within(trajectory, USUAL)
    assert_stops_at(trajectory, path.waypoints[-1])
    assert off_lines(FREE.fk(sampled(trajectory)[1]), xy) <= PATH_TOLERANCE * REACH


def test_the_arm_stops_at_corners_but_not_on_a_smooth_path():
    def stop_count(xy):
        _, _, v, _ = sampled(plan_path_trajectory(FREE, joint_path(FREE, xy), USUAL))
        slow = np.abs(v).max(axis=1) < 2e-3
        return np.flatnonzero(np.diff(slow.astype(int)) == 1).size - 1  # without the end

    assert stop_count(figure_eight()) == 0
    assert stop_count(circle((0.3, 0.0), 0.1, 40)) == 0
    assert stop_count(square()) == 3


def test_a_path_trajectory_uses_its_limits():
    """Most of the time a limit is nearly reached; a tenth is reserved for changes of the speed."""
    trajectory = plan_path_trajectory(FREE, joint_path(FREE, figure_eight()), USUAL)
    _, _, v, a = sampled(trajectory)
    used = np.maximum(1.1 * np.abs(v) / 3.0, 1.21 * np.abs(a) / 10.0).max(axis=1)
    assert np.median(used) > 0.4
    assert trajectory.duration < 4.5


def test_joint_limits_along_a_path_are_kept():
    """Joint 2 stays at its limit on a circle around the base at that distance."""
    inner = np.hypot(*LIMITED.fk((0.0, 2.6)))
    xy = np.vstack([[(0.3, -0.2)], circle((0.0, 0.0), inner + 1e-9, 200, 0.3, -1.0), [(0.3, 0.3)]])
    path = joint_path(LIMITED, xy)
    assert path.waypoints[:, 1].max() == pytest.approx(2.6, abs=1e-6)
    trajectory = plan_path_trajectory(LIMITED, path, USUAL)
    assert_within(trajectory, USUAL, LIMITED)
    assert off_lines(LIMITED.fk(sampled(trajectory)[1]), xy) <= PATH_TOLERANCE * REACH


def test_a_path_of_one_pose_stays_there():
    path = joint_path(FREE, [(0.3, 0.1)])
    assert plan_path_trajectory(FREE, path, USUAL).duration == 0.0
    sequence = approach_and_path(KinematicState((0.1, 0.5), STANDSTILL, STANDSTILL), path)
    np.testing.assert_allclose(FREE.fk(sequence.at(sequence.duration).position), (0.3, 0.1))


@pytest.mark.parametrize('velocity', [STANDSTILL, (1.0, -2.0)], ids=['standing', 'moving'])
def test_a_sequence_begins_with_the_state_of_the_joints(velocity):
    start = KinematicState((0.1, 0.5), velocity, STANDSTILL)
    sequence = approach_and_path(start, joint_path(FREE, square()))
    np.testing.assert_allclose(sequence.at(0.0), start, atol=1e-12)
    assert_within(sequence, USUAL)
    times, *states = sampled(sequence, 0.01)
    one_by_one = np.array([sequence.at(time) for time in times.tolist()]).transpose(1, 0, 2)
    np.testing.assert_allclose(states, one_by_one, atol=1e-9)


@pytest.mark.parametrize('ratio', [1.0, 0.4])
def test_the_path_time_of_a_sequence_is_the_time_at_full_speed(ratio):
    path = joint_path(FREE, square())
    full_speed = plan_path_trajectory(FREE, path, USUAL)
    start = KinematicState((0.1, 0.5), STANDSTILL, STANDSTILL)
    sequence = approach_and_path(start, path, ratio)
    assert sequence.path_time(0.0) < 0.0
    assert sequence.path_time(sequence.duration) == pytest.approx(full_speed.duration)
    for time in np.linspace(0.0, full_speed.duration, 7).tolist():
        at = sequence.duration - (full_speed.duration - time) / ratio
        assert sequence.path_time(at) == pytest.approx(time, abs=1e-9)
        q, v, a = full_speed.at(time)
        slowed = sequence.at(at)
        np.testing.assert_allclose(slowed.position, q, atol=1e-9)
        np.testing.assert_allclose(slowed.velocity, ratio * np.array(v), atol=1e-6)
        np.testing.assert_allclose(slowed.acceleration, ratio**2 * np.array(a), atol=1e-4)


# The curve


def corner_path(seed=0, count=40, corners=(0, 11, 12, 15, 39)):
    rng = np.random.default_rng(seed)
    waypoints = np.cumsum(rng.uniform(0.01, 0.05, (count, 2)), axis=0)
    marked = np.zeros(count, dtype=bool)
    marked[list(corners)] = True
    return JointPath(waypoints, marked)


def polyline_lengths(path):
    return np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(path.waypoints, axis=0).T))))


def test_a_curve_passes_its_waypoints_at_the_length_of_the_polyline():
    path = corner_path()
    curve = PathCurve(path)
    lengths = polyline_lengths(path)
    assert curve.length == pytest.approx(lengths[-1])
    np.testing.assert_allclose(curve.joints_at(lengths), path.waypoints, atol=1e-12)
    ends = curve.joints_at(np.array([-1.0, curve.length + 1.0]))
    np.testing.assert_allclose(ends, path.waypoints[[0, -1]], atol=1e-12)


def test_the_sections_of_a_curve_are_splines_without_a_third_derivative_at_their_ends():
    """As scipy has them: one section of 12 waypoints, one of a single line, one of 4, one of 25."""
    path = corner_path()
    curve = PathCurve(path)
    lengths, corners = polyline_lengths(path), np.flatnonzero(path.corners)
    for first, last in pairwise(corners):
        rows = slice(first, last + 1)
        inside = (curve.sigma > lengths[first]) & (curve.sigma < lengths[last])
        at = curve.sigma[inside]
        if last == first + 1:
            witness = make_interp_spline(lengths[rows], path.waypoints[rows], 1)
            np.testing.assert_allclose(curve.curvatures[inside], 0.0, atol=1e-9)
        else:
            no_third = [(3, np.zeros(2))]
            witness = make_interp_spline(
                lengths[rows], path.waypoints[rows], 3, bc_type=(no_third, no_third)
            )
            np.testing.assert_allclose(curve.curvatures[inside], witness(at, 2), atol=1e-9)
        np.testing.assert_allclose(curve.joints_at(at), witness(at), atol=1e-12)
        np.testing.assert_allclose(curve.tangents[inside], witness(at, 1), atol=1e-9)


def test_third_derivatives_are_the_larger_ones_beside_each_grid_point():
    path = corner_path(corners=(0, 39))
    curve = PathCurve(path)
    curvatures = make_interp_spline(curve.sigma, curve.curvatures, 1)
    middles = (curve.sigma[1:] + curve.sigma[:-1]) / 2.0
    between = np.abs(curvatures(middles, 1))
    beside = np.maximum(between[1:], between[:-1])
    np.testing.assert_allclose(curve.third_derivatives[1:-1], beside, atol=1e-6)


def test_corners_inside_a_path_are_contained_twice_and_ends_once():
    path = corner_path()
    curve = PathCurve(path)
    twice = curve.sigma[:-1][np.diff(curve.sigma) == 0.0]
    np.testing.assert_allclose(twice, polyline_lengths(path)[[11, 12, 15]])
    at = np.flatnonzero(np.diff(curve.sigma) == 0.0)
    assert np.abs(curve.tangents[at] - curve.tangents[at + 1]).max(axis=1).min() > 1e-3
    smooth = PathCurve(corner_path(corners=(0, 39)))
    assert (np.diff(smooth.sigma) > 0.0).all()


def test_every_section_of_the_grid_has_enough_intervals():
    """A waypoint more needs no more parts of an interval than one part each."""
    path = corner_path()
    curve = PathCurve(path)
    lengths = polyline_lengths(path)
    counts = [
        np.count_nonzero((curve.sigma > lengths[first]) & (curve.sigma < lengths[last])) + 1
        for first, last in pairwise(np.flatnonzero(path.corners))
    ]
    # 11, 1, 3 and 24 intervals between waypoints.
    assert counts == [11, MIN_INTERVALS_PER_SECTION, 9, 24]


def test_a_curve_of_a_single_line_is_straight():
    curve = PathCurve(JointPath(np.array([(0.1, 0.2), (0.4, 0.6)]), np.ones(2, dtype=bool)))
    assert curve.length == pytest.approx(0.5)
    assert len(curve.sigma) == MIN_INTERVALS_PER_SECTION + 1
    np.testing.assert_allclose(curve.tangents, np.tile((0.6, 0.8), (len(curve.sigma), 1)))
    np.testing.assert_allclose(curve.joints_at(np.array([0.25])), [(0.25, 0.4)])


# Waypoints for a controller


@pytest.mark.parametrize('name', ['eight', 'square', 'past the hole', 'a millimetre'])
def test_cubics_through_the_waypoints_follow_the_trajectory(name):
    start = KinematicState((0.1, 0.5), (1.0, -0.5), STANDSTILL)
    sequence = approach_and_path(start, joint_path(FREE, PATHS[name]))
    points = sample_waypoints(sequence)
    assert points.times[0] > 0.0
    assert points.times[-1] == sequence.duration
    assert (np.diff(points.times) <= 0.05 + 1e-9).all()
    for time, *state in zip(*points, strict=True):
        np.testing.assert_allclose(state, sequence.at(float(time)), atol=1e-9)
    spline = CubicHermiteSpline(
        np.append(0.0, points.times),
        np.vstack([start.position, points.positions]),
        np.vstack([start.velocity, points.velocities]),
    )
    times, q, *_ = sampled(sequence)
    assert np.abs(spline(times) - q).max() <= 1.1e-4
    assert len(points.times) < 40 * sequence.duration + 2


def test_an_arm_that_is_already_there_gets_one_waypoint():
    path = joint_path(FREE, [(0.3, 0.1)])
    start = KinematicState(tuple(path.waypoints[0].tolist()), STANDSTILL, STANDSTILL)
    points = sample_waypoints(approach_and_path(start, path))
    assert points.times.tolist() == [0.05]
    np.testing.assert_array_equal(points.positions, path.waypoints)


@pytest.mark.parametrize(
    ('waypoints', 'corners'),
    [
        (np.empty((0, 2)), np.empty(0, dtype=bool)),
        (np.zeros((2, 2)), np.ones(2, dtype=bool)),
        (np.array([(0.0, np.nan)]), np.ones(1, dtype=bool)),
        (np.eye(2), np.array([True, False])),
    ],
    ids=['empty', 'alike', 'not finite', 'no end'],
)
def test_waypoints_that_are_no_path_are_rejected(waypoints, corners):
    with pytest.raises(ConfigError):
        JointPath(waypoints, corners)
