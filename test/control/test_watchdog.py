"""The watchdog's thresholds: lag, progress and responsiveness of joints that follow a command."""

import pytest

from ik_nn_ros.control.watchdog import TrackingMonitor, exceeds_tracking_tolerance

TOLERANCE = 0.2
EPSILON = 1e-9


def monitor():
    return TrackingMonitor((0.5, -1.0), TOLERANCE)


@pytest.mark.parametrize('joint', [0, 1])
@pytest.mark.parametrize('sign', [1.0, -1.0])
@pytest.mark.parametrize(('speed', 'allowed'), [(0.0, 0.2), (2.0, 0.4), (-2.0, 0.4), (3.0, 0.5)])
def test_a_joint_lags_beyond_the_tolerance_and_a_tenth_of_a_second(joint, sign, speed, allowed):
    """In either direction, ahead of its command or behind it; each joint alone."""
    q, velocity = [0.3, 0.7], [0.0, 0.0]
    velocity[joint] = speed
    for distance, expected in ((allowed - EPSILON, False), (allowed + EPSILON, True)):
        command = list(q)
        command[joint] += sign * distance
        assert exceeds_tracking_tolerance(q, command, velocity, TOLERANCE) is expected
        assert monitor().is_lagging(q, command, velocity) is expected


def test_the_speed_of_one_joint_allows_the_other_no_lag():
    assert exceeds_tracking_tolerance((0.0, 0.0), (0.3, 0.0), (0.0, 3.0), TOLERANCE)
    assert not exceeds_tracking_tolerance((0.0, 0.0), (0.3, 0.0), (3.0, 0.0), TOLERANCE)


@pytest.mark.parametrize('sign', [1.0, -1.0])
def test_a_joint_is_responsive_once_it_and_its_command_have_moved_the_same_way(sign):
    watched = monitor()
    start, moved = (0.5, -1.0), (0.5 + sign * (0.03 + EPSILON), -1.0)
    short = 0.5 + sign * (0.03 - EPSILON), -1.0
    opposite = 0.5 - sign * 0.1, -1.0
    for q, command in (
        (moved, start),
        (start, moved),
        (moved, short),
        (short, moved),
        (opposite, moved),
    ):
        assert not watched.update_responsive(q, command)
        assert watched.responsive == (False, False)
    assert watched.update_responsive(moved, moved)
    assert watched.responsive == (True, False)
    assert not watched.update_responsive(moved, moved)
    assert not watched.update_responsive(start, start)
    assert watched.responsive == (True, False)


def test_each_joint_becomes_responsive_by_itself():
    watched = monitor()
    assert watched.update_responsive((0.5, -0.9), (0.5, -0.9))
    assert watched.responsive == (False, True)
    assert watched.update_responsive((0.6, -0.9), (0.6, -0.9))
    assert watched.responsive == (True, True)


def test_joints_make_progress_by_a_hundredth_of_a_radian_within_half_a_second():
    watched = monitor()
    watched.start_waiting()
    assert watched.is_progressing(10.0, 0.3)
    assert watched.is_progressing(10.5, 0.3)
    assert not watched.is_progressing(10.5 + EPSILON, 0.3)


def test_progress_restarts_the_time_and_less_does_not():
    watched = monitor()
    watched.start_waiting()
    assert watched.is_progressing(10.0, 0.3)
    assert watched.is_progressing(10.4, 0.3 - 0.01 - EPSILON)
    assert watched.is_progressing(10.9, 0.29)
    assert not watched.is_progressing(10.9 + 1e-6, 0.29)
    watched.start_waiting()
    assert watched.is_progressing(20.0, 0.3)
    assert watched.is_progressing(20.4, 0.3 - 0.01 + EPSILON)
    assert not watched.is_progressing(20.6, 0.3 - 0.01 + EPSILON)


def test_a_new_wait_forgets_the_one_before():
    watched = monitor()
    watched.start_waiting()
    assert watched.is_progressing(10.0, 0.1)
    watched.start_waiting()
    assert watched.is_progressing(12.0, 0.4)
