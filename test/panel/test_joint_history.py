"""The history holds the last ten seconds, and derives velocities that are not measured."""

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.panel.history import (
    HISTORY_DURATION_S,
    MIN_SAMPLE_PERIOD_S,
    JointHistory,
    velocity_limits,
)


def filled(velocity, rate=100.0, duration=12.0):
    history = JointHistory()
    for now in np.arange(0.0, duration, 1.0 / rate):
        history.add(now, (0.5 * now, -now), velocity)
    return history


def test_it_holds_ten_seconds_and_few_samples_at_any_rate():
    table = filled(None, rate=500.0).table(12.0)
    assert table[0].min() >= -HISTORY_DURATION_S
    assert table[0].max() == pytest.approx(0.0, abs=2 * MIN_SAMPLE_PERIOD_S)
    assert (
        0.9 * HISTORY_DURATION_S / MIN_SAMPLE_PERIOD_S
        < table.shape[1]
        <= HISTORY_DURATION_S / MIN_SAMPLE_PERIOD_S + 1
    )
    assert (np.diff(table[0]) > 0.0).all()


def test_measured_velocities_are_kept():
    table = filled((0.1, 0.2)).table(12.0)
    assert set(table[3]) == {0.1}
    assert set(table[4]) == {0.2}


def test_other_velocities_are_derived_from_the_positions():
    table = filled(None).table(12.0)
    np.testing.assert_allclose(table[3], 0.5, atol=1e-9)
    np.testing.assert_allclose(table[4], -1.0, atol=1e-9)


def test_velocities_are_derived_with_the_time_stamps():
    history = JointHistory()
    for number in range(40):
        delay = 0.03 * (number % 2)
        history.add(0.1 * number + delay, (0.05 * number, -0.1 * number), None, 7.0 + 0.1 * number)
    table = history.table(4.0)
    np.testing.assert_allclose(table[3, 1:], 0.5, atol=1e-9)
    np.testing.assert_allclose(table[4, 1:], -1.0, atol=1e-9)


@pytest.mark.parametrize('stamps', [(5.0, 5.0), (5.0, 1.0), (0.0, 0.0)])
def test_stamps_that_do_not_advance_are_ignored(stamps):
    history = JointHistory()
    for number, stamp in enumerate(stamps):
        history.add(0.1 * number, (0.05 * number, -0.1 * number), None, stamp)
    assert history.table(0.1)[3:, 1] == pytest.approx((0.5, -1.0))


def test_the_limits_are_those_in_force():
    arm = ArmModel('free', ('a', 'b'), (0.3, 0.2), max_velocity=(3.0, np.inf))
    assert velocity_limits(arm, (0.0, 2.0), 1.0) == (3.0, 2.0)
    assert velocity_limits(arm, (1.0, 2.0), 0.5) == (0.5, 1.0)
    assert velocity_limits(arm, (9.0, 0.0), 0.1) == pytest.approx((0.3, np.inf))


def test_old_samples_are_dropped_without_new_ones():
    history = filled(None, duration=3.0)
    assert history.table(8.0)[0].max() == pytest.approx(-5.0, abs=2 * MIN_SAMPLE_PERIOD_S)
    assert history.table(20.0).shape == (5, 0)


def test_the_first_sample_has_no_velocity():
    history = JointHistory()
    history.add(7.0, (1.0, 2.0), None)
    assert history.table(7.0).T.tolist() == [[0.0, 1.0, 2.0, 0.0, 0.0]]
