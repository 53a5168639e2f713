"""
The node moves a simulated arm, each in its own process: rigid bodies, servos, pushes.

With IK_NN_ROS_MOTION_PLOTS=<folder> each scenario leaves a plot there.
"""

import re
import time
from math import cos, pi, sin

import motion_plot
import numpy as np
import pytest
from ik_node_rig import ARM
from motion_rig import BOUNDS, LEFT, MIDDLE, motion_rig, retry_if_starved
from std_msgs.msg import Float64MultiArray

TARGET_PERIOD_S = 0.02
UNEVEN_S = 0.045
"""Targets, or commands, farther apart let the tip cut corners."""
MAX_DELAY_S = 0.1
"""With a longer delay a motion shows nothing."""
START = (-0.6, 1.6)
"""Joints in the middle of the figure eight, rad."""
HEAVY, LIGHT = 9.0, 4.0
"""Torques, N m: more than the servos have, and a nudge."""
HOLDING_DAMPING = 200.0
"""N m s/rad: the servos move a held arm by 0.04 rad/s."""
JOINT_STATES_TIMEOUT_S = 0.3
PARAMETERS = {'on_unreachable': 'nearest', 'joint_states_timeout': JOINT_STATES_TIMEOUT_S}


@pytest.fixture(scope='module')
def shared():
    with motion_rig(PARAMETERS) as rig:
        rig.push = rig.client.node.create_publisher(Float64MultiArray, 'push', 10)
        yield rig


@pytest.fixture
def rig(shared, request, tmp_path):
    """Node and arm, ready and at rest; their messages are saved."""

    def set_up():
        if shared.arm is None or shared.arm.process.poll() is not None:
            shared.start_arm(MIDDLE, 'pushed_arm')
        push(shared)
        shared.ready()
        shared.wait_at_rest()

    shared.begin_test(set_up)
    yield shared
    push(shared)
    name = re.sub(r'\W+', '_', request.node.name.removeprefix('test_')).strip('_')
    motion_plot.save_motion(tmp_path, name, BOUNDS, shared.history)


def push(rig, first=0.0, second=0.0, damping=0.0):
    rig.push.publish(Float64MultiArray(data=[first, second, damping]))


def lead(rig, start, path, seconds):
    """
    Move the arm to joints (rad), then lead its tip along a path, a function of time (s).

    :return: the commands, and by how much (s) targets or commands were farther apart than usual
    """
    rig.arrive(start, tolerance=0.05)
    rig.forget()
    begin, sent = time.monotonic(), [-1.0]
    while (elapsed := time.monotonic() - begin) < seconds:
        if elapsed - sent[-1] >= TARGET_PERIOD_S:
            sent.append(elapsed)
            rig.send_point(*path(elapsed))
        rig.client.spin(0.002)
    rig.send_point(*path(seconds))
    rig.wait_at_rest()
    stream = rig.check()
    delay = max(np.diff(sent[1:]).max(), np.diff(stream.t).max(), UNEVEN_S) - UNEVEN_S
    if delay > 0.0:
        rig.note_starvation(f'targets or commands came {delay:.3f} s late')
    assert delay < MAX_DELAY_S
    return stream, delay


def tips(stream):
    return ARM.fk(stream.q)


def max_measured_speed(rig):
    """Return the largest measured speed of a joint, a mean over 80 ms, rad/s."""
    t = np.array([state.sent for state in rig.states])
    q = np.array([state.q for state in rig.states])
    return float(np.abs((q[8:] - q[:-8]) / (t[8:] - t[:-8])[:, np.newaxis]).max())


def longest_standstill(stream):
    """Return the longest time during which the commands are slower than 0.1 rad/s, s."""
    fast = stream.t[stream.peak_speeds().max(axis=1) > 0.1]
    return np.diff([stream.t[0], *fast, stream.t[-1]]).max()


@retry_if_starved
def test_a_step(rig):
    """The arm itself, too, stays inside its limits and ends on the target."""
    goal = rig.set_off()
    rig.check_arrived(goal)
    rig.wait(lambda: np.abs(rig.measured() - goal).max() < 2e-3, 'the arm is not at the goal')
    q = np.array([state.q for state in rig.states])
    assert (q >= ARM.lower).all()
    assert (q <= ARM.upper).all()
    assert max_measured_speed(rig) < 1.1 * BOUNDS.rates[0]


@pytest.mark.parametrize(
    ('lap', 'tolerance'),
    [(3.0, 0.005), (2.0, 0.015), (0.7, 0.08)],
    ids=['slow', 'fast', 'too fast'],
)
@retry_if_starved
def test_a_figure_eight(rig, lap, tolerance):
    """The fastest one needs more than the limits allow: its corners are cut, within the limits."""

    def eight(elapsed):
        turn = 2.0 * pi * elapsed / lap
        return middle[0] + 0.04 * sin(2.0 * turn), middle[1] + 0.1 * sin(turn)

    middle = ARM.fk_point(*START)
    stream, delay = lead(rig, START, eight, lap)
    curve = np.array([eight(elapsed) for elapsed in np.linspace(0.0, lap, 400)])
    gaps = np.linalg.norm(tips(stream)[:, np.newaxis] - curve, axis=2).min(axis=1)
    # Where a target comes late, the tip takes a short cut to it.
    speed = 0.13 * 2.0 * pi / lap
    assert gaps.max() < tolerance + speed * delay
    assert (stream.q[:, 1] > 0.0).all(), 'the branch changed'
    np.testing.assert_allclose(tips(stream)[-1], eight(lap), atol=1e-6)


@retry_if_starved
def test_led_beyond_its_workspace_the_arm_follows_along_the_boundary(rig):
    """It does not freeze while the target is outside, nor jump when the target comes back."""

    def arc(elapsed):
        return 0.8 * cos(elapsed - 0.75), 0.8 * sin(elapsed - 0.75)

    stream, delay = lead(rig, (-0.75, 0.05), arc, 1.5)
    radius = np.linalg.norm(tips(stream), axis=1)
    assert radius.max() <= ARM.reach + 1e-9
    assert radius[-len(radius) // 2 :].min() > 0.49
    assert longest_standstill(stream) < 0.2 + delay, 'the arm froze'
    np.testing.assert_allclose(tips(stream)[-1], [0.5 * part / 0.8 for part in arc(1.5)], atol=1e-6)


# Pushes


@retry_if_starved
def test_pushed_at_rest_the_arm_returns_without_commands(rig):
    """Commands would fight the push; the next motion begins where the arm is, without a jump."""
    rig.arrive(START)
    rig.spin_for(0.6)
    rig.forget()
    push(rig, LIGHT)
    rig.wait(lambda: np.abs(rig.measured() - START).max() > 0.01, 'the push has no effect')
    push(rig)
    rig.wait(lambda: np.abs(rig.measured() - START).max() < 2e-3, 'the arm does not return')
    rig.wait_at_rest()
    assert not rig.commands
    goal = rig.set_off()
    rig.check_arrived(goal)


@retry_if_starved
def test_a_nudge_while_moving_does_not_end_the_motion(rig):
    goal = rig.set_off()
    push(rig, -LIGHT, LIGHT)
    rig.spin_for(0.1)
    push(rig)
    rig.check_arrived(goal)
    rig.wait(lambda: np.abs(rig.measured() - goal).max() < 2e-3, 'the arm is not at the goal')


@retry_if_starved
def test_the_motion_of_a_held_arm_is_given_up(rig):
    """A command far ahead would make the arm jump as soon as it is let go."""
    goal = rig.set_off()
    push(rig, damping=HOLDING_DAMPING)
    rig.wait_stopped('the joints do not')
    rig.wait_at_rest()
    stream = rig.check()
    np.testing.assert_allclose(stream.q[-1], rig.measured(), atol=0.1)
    assert np.abs(stream.q[-1] - goal).max() > 0.3, 'the arm went on to the goal'
    rig.forget()
    push(rig)
    rig.spin_for(0.3)
    assert not rig.commands
    assert max_measured_speed(rig) < 1.5
    rig.wait_ready()
    rig.arrive(LEFT)
    rig.check()


@retry_if_starved
def test_the_command_yields_to_an_arm_that_is_pushed_away_while_moving(rig):
    """By more than the servos can do. Let go, the arm jumps as far as the command is away."""
    rig.arrive(LEFT)
    rig.forget()
    rig.set_off()
    push(rig, -HEAVY)
    rig.wait_stopped('the joints do not')
    rig.wait_at_rest()
    np.testing.assert_allclose(rig.check().q[-1], rig.measured(), atol=0.3)
    push(rig)
    rig.wait_ready()
    rig.forget()
    rig.arrive(START)
    rig.check()


@retry_if_starved
def test_an_arm_that_dies_while_moving_and_comes_back_elsewhere_waits_for_a_new_target(rig):
    """The rest of the old motion would make the new arm jump."""
    goal = rig.set_off()
    rig.arm.process.kill()
    died = rig.now()
    rig.wait_reported('joint_states: got none')
    rig.check_gave_up(goal, died + JOINT_STATES_TIMEOUT_S)
    rig.forget()
    rig.start_arm(START, 'pushed_arm')
    rig.wait_ready()
    assert not rig.commands
    rig.arrive(MIDDLE)
    rig.check()
