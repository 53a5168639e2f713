"""A path of poses: gone along as a whole, streamed or handed to a controller, or refused."""

import signal
import time
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from ik_node_rig import ARM, MODEL, MODULE
from motion_rig import motion_rig
from nav_msgs.msg import Path
from processes import DEADLINE, Client, node_process, reserved_domain
from simulated_controller import PlayedController, seconds
from std_srvs.srv import Trigger

START = (0.3, 1.0)
NAN = float('nan')


def figure_eight(count=200, size=0.08):
    turn = np.linspace(0.0, 2.0 * np.pi, count)
    return np.stack((0.3 + 0.5 * size * np.sin(2.0 * turn), 0.1 + size * np.sin(turn)), axis=1)


def path(points, stamp=0):
    message = Path()
    message.header.stamp.sec = stamp
    for x, y in points:
        pose = PoseStamped()
        pose.pose.position.x, pose.pose.position.y = float(x), float(y)
        message.poses.append(pose)
    return message


@pytest.fixture(scope='module')
def rig():
    with motion_rig() as it:
        it.start_arm(START)
        it.start_node()
        it.paths = it.client.publisher(Path, 'target_path')
        it.ready()
        it.wait(lambda: it.paths.get_subscription_count(), 'nobody takes paths')
        yield it


def ask(rig, message):
    """Send a path; return the code and what it says."""
    message.header.stamp.sec = 5_000_000 + len(rig.sent)
    stamp = f'{message.header.stamp.sec}.000000000'
    rig.sent.append(stamp)
    rig.paths.publish(message)
    rig.wait(lambda: stamp in rig.codes, f'no answer to {stamp}')
    return rig.codes[stamp], rig.details[stamp]


def test_the_tip_goes_through_every_pose_within_the_limits(rig):
    rig.arrive(START)
    rig.forget()
    poses = figure_eight()
    code, detail = ask(rig, path(poses))
    assert (code, detail) == ('ACCEPTED', 'path of 200 poses')
    rig.wait_quiet()
    stream = rig.check()
    # Between two commands as well: on a busy machine they are far between.
    between = [np.linspace(*ends, 10) for ends in pairwise(stream.q)]
    tips = ARM.fk(np.concatenate(between))
    away = np.hypot(*(tips[:, None] - poses).transpose(2, 0, 1)).min(axis=0)
    assert away.max() < 0.006, f'{away.max()} m from pose {away.argmax()}'
    np.testing.assert_allclose(tips[-1], poses[-1], atol=1e-6)


def test_hold_ends_a_path_and_nothing_of_it_is_carried_out_later(rig):
    rig.arrive(START)
    rig.forget()
    assert ask(rig, path(figure_eight()))[0] == 'ACCEPTED'
    rig.wait(lambda: rig.speed() > 0.5, 'the arm does not move')
    assert rig.client.call(Trigger, 'ik_node/hold', Trigger.Request()).success
    rig.wait_quiet()
    rig.check()
    where = rig.measured()
    assert rig.client.call(Trigger, 'ik_node/resume', Trigger.Request()).success
    rig.wait_for(0.3)
    np.testing.assert_allclose(rig.measured(), where, atol=1e-2)


def beyond():
    poses = figure_eight(50)
    poses[17] = (0.6, 0.0)
    return path(poses)


def broken():
    poses = figure_eight(50)
    poses[3, 1] = NAN
    return path(poses)


def mixed():
    message = path(figure_eight(50))
    message.poses[4].header.frame_id = 'map'
    return message


@pytest.mark.parametrize(
    ('message', 'code', 'words'),
    [
        (beyond, 'UNREACHABLE', 'pose 17: '),
        (broken, 'NOT_FINITE', 'pose 3: got (0.'),
        (mixed, 'BAD_FRAME', "pose 4: got 'map', expected the path's ''"),
        (lambda: path([]), 'EMPTY_PATH', 'got none, expected at least one'),
        (lambda: path([(0.3, 0.0), (-0.3, 0.0)]), 'JOINT_LIMITS', 'pose 1: '),
    ],
)
def test_a_path_that_cannot_be_gone_is_refused_as_a_whole(rig, message, code, words):
    rig.arrive(START)
    rig.forget()
    answer, detail = ask(rig, message())
    assert answer == code
    assert words in detail
    assert rig.ask(START) == 'ACCEPTED'
    rig.wait_quiet()
    tips = ARM.fk(rig.check().q)
    np.testing.assert_allclose(tips, np.broadcast_to(ARM.fk_point(*START), tips.shape), atol=1e-6)


@contextmanager
def controlled(**parameters):
    """A node beside a controller that takes paths; a client that speaks to both."""
    parameters = {**MODEL, 'command_type': 'joint_trajectory', **parameters}
    with (
        reserved_domain() as domain,
        node_process(MODULE, domain=domain, parameters=parameters) as node,
        Client(domain) as client,
    ):
        client.paths = client.publisher(Path, 'target_path')
        it = PlayedController(client, START)
        # The first ones may be lost, as long as not all know each other.
        client.publish_until(client.paths, path([ARM.fk_point(*START)]), lambda: it.received)
        yield node, client, it


def wait(client, seconds):
    end = time.monotonic() + seconds
    client.wait_until(lambda: time.monotonic() > end)


def begin(client, it, poses):
    """Send a path; return what was handed over."""
    wait(client, 0.3)
    it.received.clear()
    client.paths.publish(path(poses))
    client.wait_until(lambda: it.received, what='no trajectory')
    return it.received[0]


def require_stopped(client, it):
    """Joints that were told to stop have done so, and stay there."""
    wait(client, 0.8)
    where = it.q
    wait(client, 0.4)
    np.testing.assert_allclose(it.q, where, atol=1e-9, err_msg='the arm goes on')
    assert len(it.received) > 1, 'the controller was told nothing'


@pytest.fixture(scope='module')
def handed():
    with controlled() as it:
        yield it


def test_a_controller_gets_a_path_as_one_trajectory(handed):
    node, client, it = handed
    poses = figure_eight()
    whole = begin(client, it, poses)
    times = np.array([seconds(point) for point in whole.points])
    q = np.array([point.positions for point in whole.points])
    assert whole.header.stamp.sec == 0
    assert times[0] > 0.0
    assert (np.diff(times) > 0.0).all()
    velocity = np.abs(np.diff(q, axis=0)) / np.diff(times)[:, None]
    assert velocity.max() < 3.0 + 1e-6
    np.testing.assert_allclose(ARM.fk(q[-1]), poses[-1], atol=1e-6)
    assert not any(whole.points[-1].velocities)
    wait(client, times[-1] + 0.5)
    np.testing.assert_allclose(it.q, q[-1], atol=1e-6)
    assert len(it.received) <= 2, 'it was streamed, too'  # the second: where to stand
    assert 'brought to rest' not in node.output


@pytest.mark.parametrize('delay', [0.0, 0.1, 1.0])
def test_hold_stops_what_was_handed_over(handed, delay):
    _, client, it = handed
    begin(client, it, figure_eight())
    wait(client, delay)
    since = time.monotonic()
    assert client.call(Trigger, 'ik_node/hold', Trigger.Request()).success
    require_stopped(client, it)
    assert it.travelled(since) < 1.0, 'went on to the end'
    assert client.call(Trigger, 'ik_node/resume', Trigger.Request()).success


def test_a_slow_one_stops_too(handed):
    """Its brakes end so near to the plan that nobody sees the difference."""
    _, client, it = handed
    assert client.set_parameter('ik_node', 'speed_scale', 0.05).successful
    try:
        begin(client, it, figure_eight())
        wait(client, 1.0)
        assert client.call(Trigger, 'ik_node/hold', Trigger.Request()).success
        require_stopped(client, it)
    finally:
        assert client.call(Trigger, 'ik_node/resume', Trigger.Request()).success
        assert client.set_parameter('ik_node', 'speed_scale', 1.0).successful


def test_one_that_takes_long_is_streamed(handed):
    """The message would be megabytes, and take the node longer than its control loop may wait."""
    _, client, it = handed
    assert client.set_parameter('ik_node', 'speed_scale', 0.001).successful
    try:
        assert len(begin(client, it, figure_eight()).points) == 1
        assert client.call(Trigger, 'ik_node/hold', Trigger.Request()).success
        require_stopped(client, it)
    finally:
        assert client.call(Trigger, 'ik_node/resume', Trigger.Request()).success
        assert client.set_parameter('ik_node', 'speed_scale', 1.0).successful


def test_another_pace_takes_it_back(handed):
    _, client, it = handed
    poses = figure_eight()
    begin(client, it, poses)
    wait(client, 1.0)
    since = time.monotonic()
    assert client.set_parameter('ik_node', 'speed_scale', 0.3).successful
    try:
        client.wait_until(lambda: len(it.received) > 100, what='not streamed')
        assert client.call(Trigger, 'ik_node/hold', Trigger.Request()).success
        require_stopped(client, it)
        assert it.fastest(since) < 3.1
        tips = ARM.fk(np.array([entry[1:] for entry in it.log if entry[0] > since]))
        away = np.hypot(*(tips[:, None] - poses).transpose(2, 0, 1)).min(axis=1)
        assert away[:-100].max() < 0.005, f'off the path by {away.max()} m'
    finally:
        assert client.call(Trigger, 'ik_node/resume', Trigger.Request()).success
        assert client.set_parameter('ik_node', 'speed_scale', 1.0).successful


def test_silent_joint_states_stop_it(handed):
    node, client, it = handed
    begin(client, it, figure_eight())
    wait(client, 0.7)
    it.speaks = False
    wait(client, 0.6)
    require_stopped(client, it)
    assert 'brought to rest: no joint_states' in node.output
    it.speaks = True
    client.publish_until(client.paths, path([ARM.fk_point(*START)]), lambda: len(it.received) > 99)


def test_a_node_that_was_held_up_does_not_send_the_arm_back(handed):
    """The controller has not waited."""
    node, client, it = handed
    whole = begin(client, it, figure_eight())
    wait(client, 1.0)
    since = time.monotonic()
    node.process.send_signal(signal.SIGSTOP)
    wait(client, 0.4)
    node.process.send_signal(signal.SIGCONT)
    end = whole.points[-1].positions
    client.wait_until(lambda: np.allclose(it.q, end, atol=1e-6), what=lambda: f'{it.q}, not {end}')
    assert it.fastest(since) < 3.1
    assert len(it.received) <= 2


def test_ctrl_c_stops_it():
    with controlled() as (node, client, it):
        begin(client, it, figure_eight())
        wait(client, 0.7)
        node.process.send_signal(signal.SIGINT)
        require_stopped(client, it)
        assert node.process.wait(DEADLINE) == 0
