"""A path is solved as a whole, continuous and on one branch, or its first bad pose is named."""

from dataclasses import replace

import numpy as np
import pytest
from built_arms import calibration_of
from paths import circle, figure_eight, off_lines, square, wave

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.ik.acceptance import Reason, SolverConfig
from ik_nn_ros.ik.path import solve_path
from ik_nn_ros.ik.solver import HybridSolver

ARM = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))
FREE = replace(ARM, lower=(-np.inf, -np.inf), upper=(np.inf, np.inf))
EQUAL = replace(FREE, lengths=(0.25, 0.25))
BUILT = calibration_of(ARM, 3).apply(ARM)
FREE_BUILT = replace(BUILT, lower=FREE.lower, upper=FREE.upper)
NOW = (0.1, 0.5)
REACH = ARM.reach
ALONE = SolverConfig(allow_branch_change=False)
NEAREST = SolverConfig(on_unreachable='nearest')


def solve(arm, xy, now=NOW, config=None):
    return solve_path(HybridSolver(arm, None, config), xy, now)


def require_valid(arm, xy, solution):
    """The joints reach the poses inside the limits, on one branch, without a jump, on the lines."""
    assert solution.reason is Reason.NONE
    assert solution.detail == ''
    assert solution.failed_index == -1
    q, waypoints = solution.q, solution.path.waypoints
    assert (np.hypot(*(arm.fk(q) - xy).T) <= 1.1e-5 * REACH).all()
    assert (waypoints >= arm.lower).all()
    assert (waypoints <= arm.upper).all()
    assert (solution.branch * arm.elbow_sine_batch(waypoints) >= -1e-6).all()
    assert np.abs(np.diff(waypoints, axis=0)).max(initial=0.0) <= 0.1 + 1e-9
    if len(xy) > 1:
        assert off_lines(arm.fk(waypoints), np.asarray(xy)) <= 1e-5 * REACH


@pytest.mark.parametrize(
    'xy',
    [
        circle((0.3, 0.0), 0.1, 1000),
        circle((0.3, 0.0), 0.1, 24),
        figure_eight(),
        square(),
        [(0.3, 0.1)],
        [(0.3, 0.1), (0.2, -0.3)],
    ],
    ids=['circle', 'coarse circle', 'eight', 'square', 'one pose', 'two poses'],
)
@pytest.mark.parametrize('arm', [ARM, FREE, BUILT], ids=['limited', 'free', 'as built'])
def test_every_pose_is_reached_on_the_current_branch(arm, xy):
    for now in (NOW, (0.1, -0.5)):
        solution = solve(arm, xy, now)
        require_valid(arm, xy, solution)
        assert solution.branch == np.sign(now[1])
        assert not solution.projected.any()


@pytest.mark.parametrize('seed', range(20))
def test_random_paths_are_solved_or_leave_what_the_branch_reaches(seed):
    xy = wave(np.random.default_rng(seed))
    solution = solve(ARM, xy)
    if solution.q is not None:
        require_valid(ARM, xy, solution)
    else:
        refused = HybridSolver(ARM, None, ALONE).solve(*xy[solution.failed_index], (0.0, -0.5))
        other = HybridSolver(ARM, None, ALONE).solve(*xy[solution.failed_index], (0.0, 0.5))
        assert refused.q is None or other.q is None
        assert not solution.failed_index or solve(ARM, xy[: solution.failed_index]).q is not None


@pytest.mark.parametrize('arm', [FREE, FREE_BUILT], ids=['by URDF', 'as built'])
@pytest.mark.parametrize('turns', [2.0, -3.0])
def test_a_continuous_joint_turns_any_number_of_times(arm, turns):
    xy = circle((0.0, 0.0), 0.35, 1000, turns)
    solution = solve(arm, xy)
    require_valid(arm, xy, solution)
    travel = solution.q[-1] - solution.q[0]
    np.testing.assert_allclose(travel, (2.0 * np.pi * turns, 0.0), atol=1e-6)


def test_a_joint_with_more_than_one_turn_starts_where_the_whole_path_fits():
    """Nearest to where it is, the path would begin at 0.3 rad and end past the limit."""
    arm = replace(ARM, lower=(-7.0, -2.6), upper=(7.0, 2.6))
    xy = circle((0.0, 0.0), 0.35, 500, 1.5)
    solution = solve(arm, xy)
    require_valid(arm, xy, solution)
    assert solution.q[0, 0] < -4.0
    assert solve(arm, circle((0.0, 0.0), 0.35, 500, 0.5)).q[0, 0] > -2.0


def test_a_path_that_fits_on_no_turn_fails_where_the_longest_try_ends():
    arm = replace(ARM, lower=(-4.0, -2.6), upper=(4.0, 2.6))
    xy = circle((0.0, 0.0), 0.35, 1001, 2.0)
    solution = solve(arm, xy)
    assert solution.q is solution.path is None
    assert solution.reason is Reason.JOINT_LIMITS
    # From the lowest turn joint 1 goes up to 4 rad.
    begin = solve(FREE, xy[:1]).q[0, 0] - 2.0 * np.pi
    begin += 2.0 * np.pi * np.ceil((-4.0 - begin) / (2.0 * np.pi))
    assert solution.failed_index == pytest.approx((4.0 - begin) / (4.0 * np.pi) * 1000, abs=2)
    assert f'pose {solution.failed_index}: got' in solution.detail


@pytest.mark.parametrize('bad', [0, 1, 17, 99])
def test_the_first_bad_pose_is_named(bad):
    xy = circle((0.3, 0.0), 0.1, 100)
    xy[bad:] = (0.7, 0.0)
    solution = solve(ARM, xy[: bad + 1])
    assert (solution.failed_index, solution.reason) == (bad, Reason.UNREACHABLE)
    # A coarse path leaves the reach on the line to it.
    assert solution.detail.startswith(f'pose {bad}: got (')
    assert solution.detail.endswith('from the first axis, expected 0.1 to 0.5 m')
    xy[min(bad, 50)] = (np.nan, 0.0)
    solution = solve(ARM, xy)
    assert (solution.failed_index, solution.reason) == (min(bad, 50), Reason.NOT_FINITE)


def test_an_unreachable_stretch_between_two_good_poses_is_found():
    """Both ends can be reached; the hole in the middle, or a limit, is between them."""
    there, back = (0.3, 0.05), (-0.3, 0.05)
    solution = solve(FREE, [(0.3, 0.2), there, back, (-0.3, 0.2)])
    assert (solution.failed_index, solution.reason) == (2, Reason.UNREACHABLE)
    assert 'on the straight line to it' in solution.detail
    past = solve(FREE, [there, (0.3, 0.101), (-0.3, 0.101)])
    assert past.q is not None
    solution = solve(ARM, [(-0.25, 0.2), (-0.25, -0.2)], (2.0, 0.5))
    assert (solution.failed_index, solution.reason) == (1, Reason.JOINT_LIMITS)


def test_the_earlier_failure_is_reported_though_it_is_found_later():
    """The wide hole is found at once, the narrow one before it only with finer sampling."""
    xy = [(0.25, 0.0999), (-0.3, 0.0999), (-0.3, 0.0), (0.3, 0.0)]
    assert solve(FREE, xy).failed_index == 1
    assert solve(FREE, xy[1:]).failed_index == 2


def test_a_path_through_the_base_would_make_the_joints_jump():
    solution = solve(EQUAL, [(0.3, 0.0), (-0.3, 0.0)], (0.0, 1.0))
    assert (solution.failed_index, solution.reason) == (1, Reason.UNREACHABLE)
    assert 'a jump of the joints by 3.' in solution.detail
    assert solve(EQUAL, [(0.3, 1e-4), (-0.3, 1e-4)], (0.0, 1.0)).q is not None


def test_the_other_branch_is_taken_where_only_it_reaches_the_whole_path():
    arm = replace(ARM, lower=(-2.9, -2.6), upper=(2.9, 0.8))
    xy = circle((0.3, 0.0), 0.1, 100)
    solution = solve(arm, xy)
    require_valid(arm, xy, solution)
    assert solution.branch == -1
    assert solve(arm, xy, config=ALONE).reason is Reason.JOINT_LIMITS
    assert solve(arm, xy, config=SolverConfig(branch='positive')).reason is Reason.JOINT_LIMITS
    assert solve(ARM, xy, config=SolverConfig(branch='negative')).branch == -1


def test_of_two_branches_the_one_that_gets_farther_is_reported():
    arm = replace(ARM, upper=(2.9, 0.8))
    xy = np.vstack([circle((0.3, 0.0), 0.1, 100), [(0.45, 0.0), (0.7, 0.0)]])
    assert solve(arm, xy).failed_index == 101


# Projected


def test_poses_out_of_reach_are_moved_to_the_boundary():
    xy = np.column_stack((np.full(200, 0.42), np.linspace(-0.4, 0.4, 200)))
    solution = solve(ARM, xy, config=NEAREST)
    far = np.hypot(*xy.T) > REACH
    np.testing.assert_array_equal(solution.projected, far)
    assert far.any()
    assert not far.all()
    tips = ARM.fk(solution.q)
    np.testing.assert_allclose(np.hypot(*tips[far].T), REACH, atol=1e-6)
    np.testing.assert_allclose(tips[~far], xy[~far], atol=1e-8)
    assert np.abs(np.diff(solution.path.waypoints, axis=0)).max() <= 0.1


def test_a_line_beyond_the_boundary_is_projected_onto_it():
    """Also where both its poses are reachable."""
    solution = solve(FREE, [(0.3, 0.05), (-0.3, 0.05)], (0.0, 1.0), NEAREST)
    assert not solution.projected.any()
    r = np.hypot(*FREE.fk(solution.path.waypoints).T)
    assert r.min() == pytest.approx(FREE.inner_reach, abs=1e-6)
    assert solution.path.corners.sum() <= 6


def test_a_jump_between_projected_poses_is_refused():
    """Behind the arm the nearest point is first at one limit of joint 1, then at the other."""
    xy = np.column_stack((np.full(101, -0.55), np.linspace(0.2, -0.2, 101)))
    solution = solve(ARM, xy, (2.5, 0.1), NEAREST)
    assert solution.q is None
    assert 40 <= solution.failed_index <= 75
    assert 'a jump of the joints by' in solution.detail
    assert solve(ARM, xy[: solution.failed_index], (2.5, 0.1), NEAREST).q is not None


# Shape


def test_only_sharp_corners_are_stops():
    assert solve(ARM, square()).path.corners.sum() == 5
    assert solve(ARM, circle((0.3, 0.0), 0.1, 25)).path.corners.sum() == 2
    # A bend of 45 degrees, between poses so dense that a curve through them stays on the lines.
    step = 0.0005 * np.array([(1.0, 0.0), (0.7, 0.7)])
    dense = np.cumsum(np.vstack([[(0.3, 0.0)], np.repeat(step, 50, axis=0)]), axis=0)
    assert solve(ARM, dense).path.corners.sum() == 2
    assert solve(ARM, dense[[0, 50, 100]]).path.corners.sum() == 3


def test_the_arm_stops_where_the_joints_turn_back_at_the_boundary():
    """The tip continues on its circle; the elbow stretches and bends to the same side again."""
    xy = circle((0.4, 0.0), 0.1, 500, begin=2.0)
    solution = solve(ARM, xy)
    require_valid(ARM, xy, solution)
    (corner,) = np.flatnonzero(solution.path.corners[1:-1]) + 1
    np.testing.assert_allclose(ARM.fk(solution.path.waypoints[corner]), (REACH, 0.0), atol=5e-4)


def test_poses_that_repeat_count_once():
    xy = square()
    twice = np.repeat(xy, 3, axis=0) + 1e-7
    solution = solve(ARM, twice)
    assert len(solution.q) == 15
    np.testing.assert_allclose(solution.q, np.repeat(solve(ARM, xy).q, 3, axis=0), atol=1e-5)
    assert len(solution.path.waypoints) == len(solve(ARM, xy).path.waypoints)
    assert len(solve(ARM, [(0.3, 0.1)] * 4).path.waypoints) == 1


@pytest.mark.parametrize('xy', [np.empty((0, 2)), [(1.0, 2.0, 3.0)], [0.3, 0.1]])
def test_an_array_of_another_shape_is_refused(xy):
    with pytest.raises(ConfigError, match=r'path: got poses of shape .*, expected \(N, 2\)'):
        solve(ARM, xy)


@pytest.mark.parametrize('far', [1e3, 1e8, 1e18, 1e300])
@pytest.mark.parametrize('on_unreachable', ['reject', 'nearest'])
def test_a_pose_at_an_absurd_distance_is_refused_early(far, on_unreachable):
    """Its line would be sampled every few centimetres."""
    solver = HybridSolver(ARM, None, SolverConfig(on_unreachable=on_unreachable))
    solution = solve_path(solver, [(0.3, 0.1), (far, 0.0)], (0.0, 0.5))
    assert (solution.failed_index, solution.reason) == (1, Reason.UNREACHABLE)
    assert 'expected at most 10 times the reach' in solution.detail
