"""The check of command streams accepts good ones, also late ones, and finds each kind of fault."""

import numpy as np
import pytest
from command_stream import PERIOD_S, SEND_JITTER_S, CommandStream, MotionBounds, violations
from ik_node_rig import ARM

from ik_nn_ros.trajectory.online_generator import MotionLimits, OnlineTrajectoryGenerator

BOUNDS = MotionBounds.of(ARM)


def made_stream(seed=0, velocity=3.0, acceleration=10.0, jerk=100.0):
    """Make a motion to goals that change while it moves, stepped by a busy computer."""
    rng = np.random.default_rng(seed)
    limits = MotionLimits((velocity,) * 2, (acceleration,) * 2, (jerk,) * 2)
    generator = OnlineTrajectoryGenerator(limits, (0.0, 0.5))
    ticks = PERIOD_S * np.arange(500) + rng.exponential(2e-4, 500).clip(0.0, 5e-3)
    q = []
    for number, step in enumerate(np.diff(ticks, prepend=-PERIOD_S)):
        if number % 70 == 0 and number < 280:
            generator.set_goal(tuple(rng.uniform(-2.5, 2.5, 2)))
        q.append(generator.step(step)[0])
    sent = ticks + rng.uniform(0.0, SEND_JITTER_S, 500)
    sent += rng.choice([0.0, 3e-3, 8.3e-3, 12e-3], 500, p=[0.97, 0.01, 0.01, 0.01])
    sent = np.maximum.accumulate(sent) + 2e-6 * np.arange(500)
    return CommandStream(1e6 + sent, np.array(q))


@pytest.mark.parametrize('seed', range(8))
def test_a_stream_within_its_limits_is_accepted(seed):
    stream = made_stream(seed)
    assert violations(stream, BOUNDS) == []
    assert stream.ends_at_rest(BOUNDS)
    fastest = int(stream.peak_speeds().max(axis=1).argmax())
    assert not CommandStream(stream.t[:fastest], stream.q[:fastest]).ends_at_rest(BOUNDS)


@pytest.mark.parametrize(
    ('word', 'limits'),
    [
        ('velocity', {'velocity': 3.3}),
        ('acceleration', {'acceleration': 13.0}),
        ('jerk', {'jerk': 160.0}),
    ],
)
def test_a_stream_with_a_wider_limit_is_found(word, limits):
    assert {found.split(':')[0] for found in violations(made_stream(**limits), BOUNDS)} == {word}


def test_jumps_are_found():
    """At standstill a small one, at full speed one that the stamps cannot explain."""
    good = made_stream()
    speed = good.peak_speeds().max(axis=1)
    for number, jump in ((speed.argmax(), 0.03), (495, 0.001)):
        q = good.q.copy()
        q[number:] += jump
        assert violations(CommandStream(good.t, q), BOUNDS)


def test_a_dead_stop_is_found():
    good = made_stream()
    speed = good.peak_speeds().max(axis=1)
    number = int(speed[:60].argmax())
    stopped = good.q.copy()
    stopped[number:] = stopped[number]
    found = violations(CommandStream(good.t, stopped), BOUNDS)
    assert any('acceleration' in text for text in found)


def test_positions_outside_the_limits_are_found():
    stream = made_stream()
    q = stream.q.copy()
    q[7, 1] = 2.6001
    found = violations(CommandStream(stream.t, q), BOUNDS)
    assert 'position: 0.0001 rad outside the limits' in found
    q[7, 1] = np.nan
    assert violations(CommandStream(stream.t, q), BOUNDS)


def test_a_jump_in_a_short_gap_is_found():
    good = made_stream()
    t = good.t.copy()
    t[490:] += 0.1
    assert violations(CommandStream(t, good.q), BOUNDS) == []
    q = good.q.copy()
    q[490:] += 0.4
    assert violations(CommandStream(t, q), BOUNDS) == ['velocity: 0.4 rad in a gap']


def test_a_long_gap_is_no_violation():
    """The commands after it are another motion, wherever that begins."""
    stream = made_stream()
    t, q = stream.t.copy(), stream.q.copy()
    t[490:] += 1.0
    q[490:] += 0.3
    assert violations(CommandStream(t, q), BOUNDS) == []
