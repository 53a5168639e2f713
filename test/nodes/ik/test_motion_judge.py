"""The judge of command streams lets good ones pass, also late ones, and sees what is wrong."""

import numpy as np
import pytest
from ik_node_rig import ARM
from motion_judge import LATE, PERIOD, Bounds, Stream, at_rest, violations

from ik_nn_ros.trajectory.online_generator import MotionLimits, OnlineTrajectoryGenerator

BOUNDS = Bounds.of(ARM)


def stream(seed=0, velocity=3.0, acceleration=10.0, jerk=100.0, late=LATE):
    """Goals that change on the way, stepped by a busy computer."""
    rng = np.random.default_rng(seed)
    limits = MotionLimits((velocity,) * 2, (acceleration,) * 2, (jerk,) * 2)
    motion = OnlineTrajectoryGenerator(limits, (0.0, 0.5))
    ticks = PERIOD * np.arange(500) + rng.exponential(2e-4, 500).clip(0.0, 5e-3)
    q = []
    for number, step in enumerate(np.diff(ticks, prepend=-PERIOD)):
        if number % 70 == 0 and number < 280:
            motion.set_goal(tuple(rng.uniform(-2.5, 2.5, 2)))
        q.append(motion.step(step)[0])
    sent = ticks + rng.uniform(0.0, late, 500)
    sent += rng.choice([0.0, 3e-3, 8.3e-3, 12e-3], 500, p=[0.97, 0.01, 0.01, 0.01])
    sent = np.maximum.accumulate(sent) + 2e-6 * np.arange(500)
    return Stream(1e6 + sent, np.array(q))


@pytest.mark.parametrize('seed', range(8))
def test_what_keeps_its_limits_passes(seed):
    it = stream(seed)
    assert violations(it, BOUNDS) == []
    assert at_rest(it, BOUNDS)
    fastest = int(it.speed().max(axis=1).argmax())
    assert not at_rest(Stream(it.t[:fastest], it.q[:fastest]), BOUNDS)


@pytest.mark.parametrize(
    ('word', 'limits'),
    [
        ('velocity', {'velocity': 3.3}),
        ('acceleration', {'acceleration': 13.0}),
        ('jerk', {'jerk': 160.0}),
    ],
)
def test_limits_that_are_too_wide_are_seen(word, limits):
    assert {found.split(':')[0] for found in violations(stream(**limits), BOUNDS)} == {word}


def test_jumps_are_seen():
    """At rest a small one; at full speed one that the stamps cannot explain."""
    good = stream()
    speed = good.speed().max(axis=1)
    for number, jump in ((speed.argmax(), 0.03), (495, 0.001)):
        q = good.q.copy()
        q[number:] += jump
        assert violations(Stream(good.t, q), BOUNDS)


def test_a_dead_stop_is_seen():
    good = stream()
    speed = good.speed().max(axis=1)
    number = int(speed[:60].argmax())
    stopped = good.q.copy()
    stopped[number:] = stopped[number]
    assert any('acceleration' in found for found in violations(Stream(good.t, stopped), BOUNDS))


def test_positions_outside_the_limits_are_seen():
    it = stream()
    q = it.q.copy()
    q[7, 1] = 2.6001
    assert 'position: 0.0001 rad outside the limits' in violations(Stream(it.t, q), BOUNDS)
    q[7, 1] = np.nan
    assert violations(Stream(it.t, q), BOUNDS)


def test_a_leap_in_a_short_pause_is_seen():
    good = stream()
    t = good.t.copy()
    t[490:] += 0.1
    assert violations(Stream(t, good.q), BOUNDS) == []
    q = good.q.copy()
    q[490:] += 0.4
    assert violations(Stream(t, q), BOUNDS) == ['velocity: 0.4 rad in a pause']


def test_a_pause_is_no_violation():
    """What is commanded after it is another stream, wherever that begins."""
    it = stream()
    t, q = it.t.copy(), it.q.copy()
    t[490:] += 1.0
    q[490:] += 0.3
    assert violations(Stream(t, q), BOUNDS) == []
