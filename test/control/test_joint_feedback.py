"""Joint feedback: which measurements count, velocities, and joints that stand still."""

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.control.joint_feedback import JointFeedback, SettlingDetector

ARM = ArmModel('arm', ('a', 'b'), (0.3, 0.2), max_velocity=(3.0, 2.0))
LIMITED = ArmModel(
    'arm', ('a', 'b'), (0.3, 0.2), lower=(-4, -4), upper=(4, 4), max_velocity=(3.0, 2.0)
)
TIMEOUT = 0.5
EPSILON = 1e-9


def feedback(now=10.0, q=(0.1, 0.2), arm=LIMITED):
    """Return feedback with one measurement, stamped 100 s later than its reception."""
    measured = JointFeedback(arm, TIMEOUT)
    assert measured.add(now, now + 100.0, q)
    return measured


def test_measurements_are_stale_after_the_timeout():
    measured = JointFeedback(LIMITED, TIMEOUT)
    assert measured.is_stale(0.0)
    assert measured.age(7.0) == 0.0
    assert measured.q == measured.raw_q == LIMITED.home
    measured.add(10.0, 0.0, (0.1, 0.2))
    assert measured.age(10.2) == pytest.approx(0.2)
    assert not measured.is_stale(10.5)
    assert measured.is_stale(10.5 + EPSILON)
    measured.set_timeout(0.1)
    assert measured.is_stale(10.2)


@pytest.mark.parametrize(
    ('stamp', 'used'),
    [
        (110.0 - 1e-6, False),
        (110.0 - 0.2 + 1e-6, False),
        (110.0 - 0.2 - 1e-6, True),
        (110.0, True),
        (110.1, True),
        (0.0, True),
    ],
    ids=['just older', 'almost 0.2 s', 'over 0.2 s', 'same', 'newer', 'unknown'],
)
def test_measurements_that_were_overtaken_are_ignored(stamp, used):
    """By up to 0.2 s; a larger difference means that the clock was set back."""
    measured = feedback()
    assert measured.add(10.01, stamp, (0.11, 0.2)) is used
    assert (measured.raw_q == (0.11, 0.2)) is used


def test_unknown_stamps_are_never_older():
    measured = JointFeedback(LIMITED, TIMEOUT)
    assert measured.add(10.0, 0.1, (0.1, 0.2))
    assert measured.add(10.01, 0.0, (0.11, 0.2))


def test_an_older_stamp_counts_after_a_silence():
    measured = feedback()
    assert measured.add(10.0 + TIMEOUT + 0.01, 109.9, (0.11, 0.2))


@pytest.mark.parametrize(('joint', 'limit'), [(0, 3.0), (1, 2.0)])
@pytest.mark.parametrize('elapsed', [0.01, 0.1])
def test_a_position_is_plausible_within_a_distance_and_twice_the_velocity(joint, limit, elapsed):
    for excess, plausible in ((-1e-6, True), (1e-6, False)):
        for sign in (1.0, -1.0):
            measured = feedback()
            q = [0.1, 0.2]
            q[joint] += sign * (0.1 + 2.0 * limit * elapsed + excess)
            assert measured.add(10.0 + elapsed, 0.0, tuple(q)) is plausible
            assert measured.outlier_pending is not plausible


def test_an_outlier_counts_once_the_next_measurement_confirms_it():
    measured = feedback()
    assert not measured.add(10.01, 0.0, (2.0, 0.2))
    assert measured.raw_q == (0.1, 0.2)
    assert measured.add(10.02, 0.0, (2.01, 0.2))
    assert measured.raw_q == (2.01, 0.2)
    assert not measured.outlier_pending
    assert measured.velocity == (0.0, 0.0)


def test_an_outlier_is_forgotten_where_the_next_measurement_is_plausible():
    measured = feedback()
    assert not measured.add(10.01, 0.0, (2.0, 0.2))
    assert measured.add(10.02, 0.0, (0.11, 0.2))
    assert not measured.outlier_pending
    assert not measured.add(10.03, 0.0, (2.0, 0.2))


def test_two_different_outliers_do_not_confirm_each_other():
    measured = feedback()
    assert not measured.add(10.01, 0.0, (2.0, 0.2))
    assert not measured.add(10.02, 0.0, (-2.0, 0.2))
    assert measured.outlier_pending


def test_after_a_silence_every_position_is_plausible():
    measured = feedback()
    assert measured.add(10.0 + TIMEOUT + EPSILON, 0.0, (3.0, -3.0))


def test_turns_of_a_continuous_joint_are_counted_from_the_command_on():
    measured = JointFeedback(ARM, TIMEOUT)
    measured.add(10.0, 0.0, (3.1, 0.2), command=(3.1 + 4.0 * np.pi, 0.2))
    assert measured.q == pytest.approx((3.1 + 4.0 * np.pi, 0.2))
    measured.add(10.01, 0.0, (-3.1, 0.2), command=(0.0, 0.2))
    assert measured.q == pytest.approx((-3.1 + 6.0 * np.pi, 0.2))
    assert measured.raw_q == (-3.1, 0.2)
    measured.forget_turns()
    assert measured.q == (-3.1, 0.2)
    measured.add(10.02, 0.0, (3.1, 0.2))
    assert measured.q == (3.1, 0.2)


def test_distances_are_those_of_each_joint():
    measured = feedback()
    assert measured.distances_to((0.3, -0.3)) == pytest.approx((0.2, 0.5))
    assert measured.distance_to((0.3, -0.3)) == pytest.approx(0.5)
    assert measured.distance_to((0.9, 0.3)) == pytest.approx(0.8)


def test_feedback_is_frozen_since_its_last_change():
    measured = feedback()
    for step in range(1, 5):
        measured.add(10.0 + 0.1 * step, 0.0, (0.1, 0.2))
    assert measured.frozen_time(10.4) == pytest.approx(0.4)
    measured.add(10.5, 0.0, (0.1, 0.2 + 1e-15))
    assert measured.frozen_time(10.5) == 0.0
    measured.add(11.2, 0.0, (0.1, 0.2 + 1e-15))
    assert measured.frozen_time(11.2) == 0.0, 'after a silence'


def test_velocities_are_estimated_over_the_last_50_ms():
    """From half of that time on; 7 periods are the first multiple that is not less."""
    period = 1.0 / 128.0
    measured = JointFeedback(LIMITED, TIMEOUT)
    for step in range(21):
        now = period * step
        measured.add(now, 0.0, (2.0 * now, -now))
        expected = (2.0, -1.0) if now >= 0.025 else (0.0, 0.0)
        assert measured.velocity == pytest.approx(expected)
    end = measured.q
    for step in range(1, 8):
        measured.add(period * (20 + step), 0.0, end)
        fraction = 1.0 - step / 7.0
        assert measured.velocity == pytest.approx((2.0 * fraction, -fraction))


@pytest.mark.parametrize(('elapsed', 'estimated'), [(TIMEOUT, True), (TIMEOUT + 0.01, False)])
def test_velocities_are_not_estimated_over_a_silence(elapsed, estimated):
    measured = feedback()
    measured.add(10.0 + elapsed, 0.0, (0.1 + elapsed, 0.2))
    assert measured.velocity == pytest.approx((1.0, 0.0) if estimated else (0.0, 0.0))


@pytest.mark.parametrize(
    ('velocity', 'expected'),
    [(2.49, 2.49), (2.51, 1.0), (0.01, 0.01), (-0.01, -0.01), (-0.5, -0.5), (1e6, 1.0)],
)
def test_a_measured_velocity_far_from_the_estimate_is_replaced_by_the_smaller_one(
    velocity, expected
):
    """The estimate is 1 rad/s, so that up to 1 rad/s of difference count."""
    measured = JointFeedback(LIMITED, TIMEOUT)
    for step in range(20):
        measured.add(0.01 * step, 0.0, (0.01 * step, 0.0), velocity=(velocity, 0.0))
    limit = 0.5 * (1.0 + 1.0)
    if abs(velocity - 1.0) > limit:
        expected = min(velocity, 1.0, key=abs)
    assert measured.velocity == pytest.approx((expected, 0.0))


# Joints that stand still


def settled(q1, period=0.01, time=0.15, tolerance=0.005):
    """Return a detector after a series of positions of joint 1, rad."""
    detector = SettlingDetector(time, tolerance)
    for i, q in enumerate(q1):
        detector.add(i * period, (float(q), 0.0))
    return detector


def test_joints_are_still_once_the_window_is_full():
    assert not settled(np.zeros(15)).is_still
    assert settled(np.zeros(17)).is_still


@pytest.mark.parametrize(
    'motion',
    [
        lambda t: 0.05 * t,  # creeping: 7.5 mrad in the window
        lambda t: 0.004 * np.sin(2 * np.pi * 5 * t),  # swinging around a position
        lambda t: np.where(t > 0.95, 0.01, 0.0),  # a motion that has just begun
    ],
)
def test_moving_joints_are_not_still(motion):
    assert not settled(motion(np.arange(0.0, 1.0, 0.01))).is_still


def test_encoder_noise_counts_as_still():
    rng = np.random.default_rng(0)
    assert settled(rng.normal(scale=5e-4, size=100)).is_still


def test_joints_are_still_a_window_after_the_motion():
    q = np.concatenate((np.linspace(0.0, 1.0, 50), np.ones(16)))
    assert settled(q).is_still
    assert not settled(q[:-2]).is_still


def test_few_measurements_are_enough_if_they_span_the_window():
    assert settled(np.zeros(3), period=0.1).is_still
    assert not settled(np.zeros(2), period=0.1).is_still


def test_a_clock_that_is_set_back_starts_a_new_window():
    detector = settled(np.zeros(30))
    detector.add(-100.0, (0.0, 0.0))
    assert not detector.is_still
    detector.add(-99.8, (0.0, 0.0))
    assert detector.is_still


def test_clear_discards_all_measurements():
    detector = settled(np.zeros(30))
    detector.clear()
    assert not detector.is_still
    detector.add(1.0, (0.0, 0.0))
    assert not detector.is_still
    assert SettlingDetector(0.1, 0.1).movement == 0.0


@pytest.mark.parametrize(('movement', 'still'), [(0.005, True), (0.00501, False)])
@pytest.mark.parametrize('joint', [0, 1])
def test_a_movement_up_to_the_tolerance_counts_as_still(movement, still, joint):
    detector = SettlingDetector(0.15, 0.005)
    for step in range(20):
        q = [0.0, 0.0]
        q[joint] += movement * (step % 2)
        detector.add(0.01 * step, tuple(q))
    assert detector.movement == pytest.approx(movement)
    assert detector.is_still is still


def test_the_window_is_filled_exactly_at_its_length():
    detector = SettlingDetector(0.25, 0.005)
    detector.add(1.0, (0.0, 0.0))
    detector.add(1.249, (0.0, 0.0))
    assert not detector.is_still
    detector.add(1.25, (0.0, 0.0))
    assert detector.is_still
