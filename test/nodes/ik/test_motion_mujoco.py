"""
The node moves a simulated arm, both in processes of their own: rigid bodies, servos, pushes.

With IK_NN_ROS_MOTION_PLOTS=<folder> each scenario leaves a picture there.
"""

import re
import time
from math import cos, pi, sin

import motion_plot
import numpy as np
import pytest
from ik_node_rig import ARM
from motion_rig import LEFT, MIDDLE, motion_rig
from motion_watch import BOUNDS
from std_msgs.msg import Float64MultiArray

TARGETS, UNEVEN, TRIES = 0.02, 0.045, 3
"""Between two targets of a path, and the most of that, s; and how often it is tried."""
EIGHT = (-0.6, 1.6)
"""In the middle of the figure, rad."""
HEAVY, LIGHT = 9.0, 4.0
"""Torques, N m: more than the servo has, and a nudge."""
FAST = 200.0
"""So hard (N m s/rad) an arm is held fast: its servos move it by 0.04 rad/s."""
TIMEOUT = 0.3
"""joint_states_timeout, s."""
PARAMETERS = {'on_unreachable': 'nearest', 'joint_states_timeout': TIMEOUT}


@pytest.fixture(scope='module')
def shared():
    with motion_rig(PARAMETERS) as rig:
        rig.push = rig.client.node.create_publisher(Float64MultiArray, 'push', 10)
        yield rig


@pytest.fixture
def rig(shared, request, tmp_path):
    """Node and arm, ready and at rest; what they said is kept."""
    if shared.arm is None or shared.arm.process.poll() is not None:
        shared.start_arm(MIDDLE, 'pushed_arm')
    shared.ready()
    shared.wait_quiet()
    shared.forget()
    for said in shared.history.values():
        said.clear()
    yield shared
    push(shared)
    name = re.sub(r'\W+', '_', request.node.name.removeprefix('test_')).strip('_')
    motion_plot.keep(tmp_path, name, BOUNDS, shared.history)


def push(rig, first=0.0, second=0.0, held=0.0):
    rig.push.publish(Float64MultiArray(data=[first, second, held]))


def lead(rig, path, seconds):
    """Send targets along a path, a function of time (s); return the longest time between two, s."""
    begin, sent = time.monotonic(), [-1.0]
    while (passed := time.monotonic() - begin) < seconds:
        if passed - sent[-1] >= TARGETS:
            sent.append(passed)
            rig.send_point(*path(passed))
        rig.client.spin(0.002)
    rig.send_point(*path(seconds))
    rig.wait_quiet()
    return np.diff(sent[1:]).max()


def led(rig, start, path, seconds):
    """
    Return the commands for targets along a path, sent at an even rate.

    What shape they have is told only where nobody was held up: on a busy machine the targets come
    in lumps, or the commands do.
    """
    for _ in range(TRIES):
        rig.arrive(start, tolerance=0.05)
        rig.forget()
        longest = lead(rig, path, seconds)
        stream = rig.check()
        if longest < UNEVEN and np.diff(stream.t).max() < UNEVEN:
            return stream
    pytest.skip(f'the machine is too busy to send targets evenly: {TRIES} times')


def tips(stream):
    return ARM.fk(stream.q)


def fastest(rig):
    """The largest joint speed that the arm has had, rad/s, a mean over 80 ms."""
    t = np.array([state.sent for state in rig.states])
    q = np.array([state.q for state in rig.states])
    return float(np.abs((q[8:] - q[:-8]) / (t[8:] - t[:-8])[:, np.newaxis]).max())


def test_a_step(rig):
    """The arm itself, too, stays inside its limits and ends on the target."""
    goal = rig.set_off()
    rig.wait_quiet()
    stream = rig.check()
    np.testing.assert_allclose(stream.q[-1], goal, atol=1e-6)
    np.testing.assert_allclose(rig.measured(), goal, atol=2e-3)
    q = np.array([state.q for state in rig.states])
    assert (q >= ARM.lower).all()
    assert (q <= ARM.upper).all()
    assert fastest(rig) < 1.1 * BOUNDS.rates[0]


@pytest.mark.parametrize(
    ('lap', 'off'), [(3.0, 0.005), (2.0, 0.015), (0.7, 0.08)], ids=['slow', 'fast', 'too fast']
)
def test_a_figure_eight(rig, lap, off):
    """The fastest asks for more than the limits allow: it is cut short, not overrun."""

    def eight(passed):
        turn = 2.0 * pi * passed / lap
        return middle[0] + 0.04 * sin(2.0 * turn), middle[1] + 0.1 * sin(turn)

    middle = ARM.fk_point(*EIGHT)
    stream = led(rig, EIGHT, eight, lap)
    curve = np.array([eight(passed) for passed in np.linspace(0.0, lap, 400)])
    gaps = np.linalg.norm(tips(stream)[:, np.newaxis] - curve, axis=2).min(axis=1)
    assert gaps.max() < off
    assert (stream.q[:, 1] > 0.0).all(), 'changed the branch'
    np.testing.assert_allclose(tips(stream)[-1], eight(lap), atol=1e-6)


def test_dragged_beyond_its_workspace_the_arm_follows_along_the_edge(rig):
    """No freeze while the target is outside, and no jump when it comes back."""

    def arc(passed):
        return 0.8 * cos(passed - 0.75), 0.8 * sin(passed - 0.75)

    stream = led(rig, (-0.75, 0.05), arc, 1.5)
    radius = np.linalg.norm(tips(stream), axis=1)
    assert radius.max() <= ARM.reach + 1e-9
    assert radius[-len(radius) // 2 :].min() > 0.49
    under_way = (stream.t > stream.t[0] + 0.3) & (stream.t < stream.t[0] + 1.4)
    assert stream.speed()[under_way].max(axis=1).min() > 0.1, 'froze'
    np.testing.assert_allclose(tips(stream)[-1], [0.5 * part / 0.8 for part in arc(1.5)], atol=1e-6)


# Somebody in the way


def test_pushed_at_rest_the_arm_comes_back_by_itself(rig):
    """Commands would fight the push; the next motion begins where the arm is, without a jump."""
    rig.arrive(EIGHT)
    rig.wait_for(0.6)
    rig.forget()
    push(rig, LIGHT)
    rig.wait(lambda: np.abs(rig.measured() - EIGHT).max() > 0.01, 'the push does nothing')
    push(rig)
    rig.wait(lambda: np.abs(rig.measured() - EIGHT).max() < 2e-3, 'does not come back')
    rig.wait_quiet()
    assert not rig.commands
    rig.set_off()
    rig.wait_quiet()
    rig.check()


def test_a_nudge_while_moving_does_not_end_the_motion(rig):
    goal = rig.set_off()
    push(rig, -LIGHT, LIGHT)
    rig.wait_for(0.1)
    push(rig)
    rig.wait_quiet()
    np.testing.assert_allclose(rig.check().q[-1], goal, atol=1e-6)
    np.testing.assert_allclose(rig.measured(), goal, atol=2e-3)


def test_an_arm_that_is_held_fast_is_given_up_and_not_pulled_at(rig):
    """The command would stay far ahead; the arm leaps after it as soon as it is let go."""
    goal = rig.set_off()
    push(rig, held=FAST)
    rig.wait_stopped('the joints do not')
    rig.wait_quiet()
    stream = rig.check()
    np.testing.assert_allclose(stream.q[-1], rig.measured(), atol=0.1)
    assert np.abs(stream.q[-1] - goal).max() > 0.3, 'went on to the goal'
    rig.forget()
    push(rig)
    rig.wait_for(0.3)
    assert not rig.commands
    assert fastest(rig) < 1.5
    rig.wait_ready()
    rig.arrive(LEFT)
    rig.check()


def test_an_arm_that_is_pushed_away_while_moving_is_let_go_to_where_it_is_pushed(rig):
    """By more than the servos can do. Let go, it leaps by as much as the command is elsewhere."""
    rig.arrive(LEFT)
    rig.forget()
    rig.set_off()
    push(rig, -HEAVY)
    rig.wait_stopped('the joints do not')
    rig.wait_quiet()
    np.testing.assert_allclose(rig.check().q[-1], rig.measured(), atol=0.3)
    push(rig)
    rig.wait_ready()
    rig.wait_quiet()
    rig.forget()
    rig.arrive(EIGHT)
    rig.check()


def test_an_arm_that_dies_while_moving_and_comes_back_elsewhere(rig):
    """The rest of the old motion would sweep the new one off its feet."""
    goal = rig.set_off()
    rig.arm.process.kill()
    died = rig.now()
    rig.wait_said('joint_states: got none')
    rig.wait_quiet()
    rig.check_gave_up(goal, died + TIMEOUT)
    rig.forget()
    rig.start_arm(EIGHT, 'pushed_arm')
    rig.wait_ready()
    assert not rig.commands
    rig.arrive(MIDDLE)
    rig.check()
