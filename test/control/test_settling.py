"""An arm that stands still is told from one that moves, however slowly or to and fro."""

import numpy as np
import pytest

from ik_nn_ros.control.joint_feedback import SettlingDetector


def watched(q1, period=0.01, time=0.15):
    """Stillness after a series of positions of joint 1, rad."""
    stillness = SettlingDetector(time, 0.005)
    for i, q in enumerate(q1):
        stillness.add(i * period, (float(q), 0.0))
    return stillness


def test_is_still_once_the_window_is_full():
    assert not watched(np.zeros(15)).is_still
    assert watched(np.zeros(17)).is_still


@pytest.mark.parametrize(
    'motion',
    [
        lambda t: 0.05 * t,  # creeping: 7.5 mrad in the window
        lambda t: 0.004 * np.sin(2 * np.pi * 5 * t),  # swinging, at rest on the average
        lambda t: np.where(t > 0.95, 0.01, 0.0),  # just set in motion
    ],
)
def test_is_not_still(motion):
    assert not watched(motion(np.arange(0.0, 1.0, 0.01))).is_still


def test_noise_of_an_encoder_is_still():
    rng = np.random.default_rng(0)
    assert watched(rng.normal(scale=5e-4, size=100)).is_still


def test_becomes_still_a_window_after_the_motion():
    q = np.concatenate((np.linspace(0.0, 1.0, 50), np.ones(16)))
    assert watched(q).is_still
    assert not watched(q[:-2]).is_still


def test_few_measurements_are_enough_if_they_span_the_window():
    assert watched(np.zeros(3), period=0.1).is_still
    assert not watched(np.zeros(2), period=0.1).is_still


def test_time_that_is_set_back_begins_a_new_window():
    stillness = watched(np.zeros(30))
    stillness.add(-100.0, (0.0, 0.0))
    assert not stillness.is_still
    stillness.add(-99.8, (0.0, 0.0))
    assert stillness.is_still


def test_forgets():
    stillness = watched(np.zeros(30))
    stillness.clear()
    assert not stillness.is_still
    stillness.add(1.0, (0.0, 0.0))
    assert not stillness.is_still
