"""Along a path within all limits at every time, through every pose, to rest at its end."""

import numpy as np
import pytest
from paths import circle, figure_eight, off_lines, square, wave

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.path import solve_path
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.trajectory.online_generator import KinematicState, MotionLimits
from ik_nn_ros.trajectory.path_trajectory import plan_approach_and_path, plan_path_trajectory
from ik_nn_ros.trajectory.waypoints import sample_waypoints

LIMITED = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))
FREE = ArmModel('free', ('a', 'b'), (0.3, 0.2))
USUAL = MotionLimits((3.0, 3.0), (10.0, 10.0), (100.0, 100.0))
UNLIKE = MotionLimits((3.0, 1.5), (20.0, 6.0), (400.0, 60.0))
STILL = (0.0, 0.0)
OFF = 5e-4
"""Part of the reach by which the tip may leave the straight lines."""
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


def fine(course, period=0.001):
    times = np.append(np.arange(0.0, course.duration, period), course.duration)
    return times, *course.states_at(times)


def assert_within(course, limits, arm=FREE):
    """Also what differences between samples show, not only what the motion says of itself."""
    _, q, v, a = (values[:-1] for values in fine(course))
    assert (q >= np.subtract(arm.lower, 1e-9)).all()
    assert (q <= np.add(arm.upper, 1e-9)).all()
    for n, limit in enumerate((limits.velocity, limits.acceleration, limits.jerk)):
        rates = np.diff(q, n + 1, axis=0) / 0.001 ** (n + 1)
        rounding = 1e-14 / 0.001 ** (n + 1)
        assert (np.abs(rates) <= np.multiply(1.0 + 1e-6, limit) + rounding).all()
    assert (np.abs(v) <= limits.velocity).all()
    assert (np.abs(a) <= limits.acceleration).all()


def assert_rests(course, place):
    q, v, a = course.at(course.duration)
    assert (v, a) == (STILL, STILL)
    np.testing.assert_allclose(q, place, atol=1e-9)
    assert course.at(course.duration + 1.0).position == q


def assert_follows(arm, course, xy):
    """Near the lines, and past every pose in their order."""
    _, q, v, _ = fine(course)
    tips, xy = arm.fk(q), np.asarray(xy)
    assert off_lines(tips, xy) <= OFF * REACH
    speed = 0.001 * np.abs(v).max() * REACH
    row = 0
    for pose in xy.tolist():
        near = np.hypot(*(tips[row : row + 3000] - pose).T)
        row += int(np.argmax(near <= 2e-5 * REACH + speed))
        assert near.min() <= 2e-5 * REACH + speed


@pytest.mark.parametrize('limits', [USUAL, UNLIKE], ids=['usual', 'unlike'])
@pytest.mark.parametrize('name', PATHS)
def test_follows_it_within_every_limit(name, limits):
    path = joint_path(FREE, PATHS[name])
    course = plan_path_trajectory(FREE, path, limits)
    assert course.at(0.0) == (tuple(path.waypoints[0]), STILL, STILL)
    assert_rests(course, path.waypoints[-1])
    assert_within(course, limits)
    assert_follows(FREE, course, PATHS[name])


@pytest.mark.parametrize('seed', range(8))
def test_random_paths_keep_every_limit(seed):
    xy = wave(np.random.default_rng(seed))
    path = joint_path(FREE, xy)
    course = plan_path_trajectory(FREE, path, USUAL)
    assert_within(course, USUAL)
    assert_rests(course, path.waypoints[-1])
    assert off_lines(FREE.fk(fine(course)[1]), xy) <= OFF * REACH


def test_a_smooth_path_is_run_through_and_corners_are_stopped_at():
    def rests(xy):
        _, _, v, _ = fine(plan_path_trajectory(FREE, joint_path(FREE, xy), USUAL))
        slow = np.abs(v).max(axis=1) < 2e-3
        return np.flatnonzero(np.diff(slow.astype(int)) == 1).size - 1  # the end is one, too

    assert rests(figure_eight()) == 0
    assert rests(circle((0.3, 0.0), 0.1, 40)) == 0
    assert rests(square()) == 3


def test_uses_the_limits_it_has():
    """Some limit is all but reached most of the time; a tenth is kept for changes of the pace."""
    course = plan_path_trajectory(FREE, joint_path(FREE, figure_eight()), USUAL)
    _, _, v, a = fine(course)
    used = np.maximum(1.1 * np.abs(v) / 3.0, 1.21 * np.abs(a) / 10.0).max(axis=1)
    assert np.median(used) > 0.4
    assert course.duration < 4.5


def test_keeps_joint_limits_that_it_runs_along():
    """Joint 2 stays at its limit for a while: a circle round the base at that distance."""
    inner = np.hypot(*LIMITED.fk((0.0, 2.6)))
    xy = np.vstack([[(0.3, -0.2)], circle((0.0, 0.0), inner + 1e-9, 200, 0.3, -1.0), [(0.3, 0.3)]])
    path = joint_path(LIMITED, xy)
    assert path.waypoints[:, 1].max() == pytest.approx(2.6, abs=1e-6)
    course = plan_path_trajectory(LIMITED, path, USUAL)
    assert_within(course, USUAL, LIMITED)
    assert off_lines(LIMITED.fk(fine(course)[1]), xy) <= OFF * REACH


def test_a_path_of_one_pose_is_where_it_is():
    course = plan_path_trajectory(FREE, joint_path(FREE, [(0.3, 0.1)]), USUAL)
    assert course.duration == 0.0
    journey = plan_approach_and_path(
        FREE, KinematicState((0.1, 0.5), STILL, STILL), joint_path(FREE, [(0.3, 0.1)]), USUAL
    )
    np.testing.assert_allclose(FREE.fk(journey.at(journey.duration).position), (0.3, 0.1))


@pytest.mark.parametrize('velocity', [STILL, (1.0, -2.0)], ids=['at rest', 'moving'])
def test_begins_where_the_joints_are_with_what_they_do(velocity):
    start = KinematicState((0.1, 0.5), velocity, STILL)
    journey = plan_approach_and_path(FREE, start, joint_path(FREE, square()), USUAL)
    np.testing.assert_allclose(journey.at(0.0), start, atol=1e-12)
    assert_within(journey, USUAL)
    times, *states = fine(journey, 0.01)
    one_by_one = np.array([journey.at(time) for time in times.tolist()]).transpose(1, 0, 2)
    np.testing.assert_allclose(states, one_by_one, atol=1e-9)


# Points for a controller


@pytest.mark.parametrize('name', ['eight', 'square', 'past the hole', 'a millimetre'])
def test_cubics_through_the_points_are_the_motion(name):
    start = KinematicState((0.1, 0.5), (1.0, -0.5), STILL)
    journey = plan_approach_and_path(FREE, start, joint_path(FREE, PATHS[name]), USUAL)
    points = sample_waypoints(journey)
    assert points.times[0] > 0.0
    assert points.times[-1] == journey.duration
    assert (np.diff(points.times) <= 0.05 + 1e-9).all()
    for time, *state in zip(*points, strict=True):
        np.testing.assert_allclose(state, journey.at(float(time)), atol=1e-9)
    from scipy.interpolate import CubicHermiteSpline

    spline = CubicHermiteSpline(
        np.append(0.0, points.times),
        np.vstack([start.position, points.positions]),
        np.vstack([start.velocity, points.velocities]),
    )
    times, q, *_ = fine(journey)
    assert np.abs(spline(times) - q).max() <= 1.1e-4
    assert len(points.times) < 40 * journey.duration + 2


def test_an_arm_that_is_there_already_gets_one_point():
    path = joint_path(FREE, [(0.3, 0.1)])
    start = KinematicState(tuple(path.waypoints[0].tolist()), STILL, STILL)
    points = sample_waypoints(plan_approach_and_path(FREE, start, path, USUAL))
    assert points.times.tolist() == [0.05]
    np.testing.assert_array_equal(points.positions, path.waypoints)


@pytest.mark.parametrize(
    ('places', 'corners'),
    [
        (np.empty((0, 2)), np.empty(0, dtype=bool)),
        (np.zeros((2, 2)), np.ones(2, dtype=bool)),
        (np.array([(0.0, np.nan)]), np.ones(1, dtype=bool)),
        (np.eye(2), np.array([True, False])),
    ],
    ids=['empty', 'alike', 'not finite', 'no end'],
)
def test_places_that_are_no_path_are_refused(places, corners):
    with pytest.raises(ConfigError):
        JointPath(places, corners)
