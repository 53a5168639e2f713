"""The plots show the last ten seconds, with velocities also where none are measured."""

import numpy as np
import pytest

from ik_nn_ros.panel.history import LASTS, PERIOD, JointHistory


def filled(velocity, rate=100.0, lasts=12.0):
    history = JointHistory()
    for now in np.arange(0.0, lasts, 1.0 / rate):
        history.add(now, (0.5 * now, -now), velocity)
    return history


def test_it_holds_ten_seconds_and_few_entries_whatever_the_rate():
    table = filled(None, rate=500.0).table(12.0)
    assert table[0].min() >= -LASTS
    assert table[0].max() == pytest.approx(0.0, abs=2 * PERIOD)
    assert 0.9 * LASTS / PERIOD < table.shape[1] <= LASTS / PERIOD + 1
    assert (np.diff(table[0]) > 0.0).all()


def test_measured_velocities_are_shown_as_they_are():
    table = filled((0.1, 0.2)).table(12.0)
    assert set(table[3]) == {0.1}
    assert set(table[4]) == {0.2}


def test_without_them_they_are_told_from_the_positions():
    table = filled(None).table(12.0)
    np.testing.assert_allclose(table[3], 0.5, atol=1e-9)
    np.testing.assert_allclose(table[4], -1.0, atol=1e-9)


def test_what_is_old_goes_when_nothing_new_comes():
    history = filled(None, lasts=3.0)
    assert history.table(8.0)[0].max() == pytest.approx(-5.0, abs=2 * PERIOD)
    assert history.table(20.0).shape == (5, 0)


def test_the_first_entry_stands_still():
    history = JointHistory()
    history.add(7.0, (1.0, 2.0), None)
    assert history.table(7.0).T.tolist() == [[0.0, 1.0, 2.0, 0.0, 0.0]]
