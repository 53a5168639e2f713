"""A path of poses: followed as a whole, streamed or sent to a controller, or refused."""

import signal
import time
from itertools import pairwise

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from ik_node_rig import ARM
from motion_rig import motion_rig, retry_if_starved
from nav_msgs.msg import Path
from simulated_arm import SimulatedArm
from simulated_controller import SimulatedController, time_from_start
from std_srvs.srv import Trigger

START = (0.3, 1.0)
NAN = float('nan')
PATH_STAMP = 5_000_000
STOPPED_S = 0.3
"""Time without motion after which the arm has stopped."""


def figure_eight(count=200, size=0.08):
    turn = np.linspace(0.0, 2.0 * np.pi, count)
    return np.stack((0.3 + 0.5 * size * np.sin(2.0 * turn), 0.1 + size * np.sin(turn)), axis=1)


def path(points):
    message = Path()
    for x, y in points:
        pose = PoseStamped()
        pose.pose.position.x, pose.pose.position.y = float(x), float(y)
        message.poses.append(pose)
    return message


def ask(rig, message):
    """Send a path; return code and detail of the answer."""
    message.header.stamp.sec = PATH_STAMP + len(rig.sent)
    stamp = f'{message.header.stamp.sec}.000000000'
    rig.sent.append(stamp)
    rig.paths.publish(message)
    rig.wait(lambda: stamp in rig.codes, f'no answer to {stamp}')
    return rig.codes[stamp], rig.details[stamp]


def trigger(rig, name):
    return rig.client.call(Trigger, f'ik_node/{name}', Trigger.Request()).success


def provide_node(rig):
    """Provide a node that takes targets and paths."""
    if rig.node_runs:
        assert trigger(rig, 'resume')
    rig.ready()
    rig.wait(rig.paths.get_subscription_count, 'no node takes paths')


def distances_to_path(tips, poses):
    """Return the distance of each tip (N, 2) to the nearest of the poses, m."""
    return np.hypot(*(tips[:, None] - poses).transpose(2, 0, 1)).min(axis=1)


# Streamed


@pytest.fixture(scope='module')
def shared():
    with motion_rig() as rig:
        SimulatedArm(rig.client, START)
        rig.paths = rig.client.node.create_publisher(Path, 'target_path', 10)
        yield rig


@pytest.fixture
def rig(shared):
    """A node that takes paths, and an arm at START."""

    def set_up():
        provide_node(shared)
        shared.arrive(START)

    shared.begin_test(set_up)
    return shared


@retry_if_starved
def test_the_tip_passes_every_pose_within_the_limits(rig):
    poses = figure_eight()
    assert ask(rig, path(poses)) == ('ACCEPTED', 'path of 200 poses')
    rig.wait_at_rest()
    stream = rig.check()
    # On a busy machine the commands are far from each other.
    tips = ARM.fk(np.concatenate([np.linspace(*ends, 10) for ends in pairwise(stream.q)]))
    assert distances_to_path(poses, tips).max() < 0.006
    np.testing.assert_allclose(tips[-1], poses[-1], atol=1e-6)


@retry_if_starved
def test_hold_ends_a_path_and_the_rest_is_not_carried_out_later(rig):
    assert ask(rig, path(figure_eight()))[0] == 'ACCEPTED'
    rig.wait_faster(0.5)
    assert trigger(rig, 'hold')
    rig.wait_at_rest()
    rig.check()
    rig.forget()
    assert trigger(rig, 'resume')
    rig.wait_ready()
    assert not rig.commands


def unreachable():
    poses = figure_eight(50)
    poses[17] = (0.6, 0.0)
    return path(poses)


def not_finite():
    poses = figure_eight(50)
    poses[3, 1] = NAN
    return path(poses)


def two_frames():
    message = path(figure_eight(50))
    message.poses[4].header.frame_id = 'map'
    return message


@pytest.mark.parametrize(
    ('message', 'code', 'words'),
    [
        (unreachable, 'UNREACHABLE', 'pose 17: '),
        (not_finite, 'NOT_FINITE', 'pose 3: got (0.'),
        (two_frames, 'BAD_FRAME', "pose 4: got 'map', expected the path's ''"),
        (lambda: path([]), 'EMPTY_PATH', 'got none, expected at least one'),
        (lambda: path([(0.3, 0.0), (-0.3, 0.0)]), 'JOINT_LIMITS', 'pose 1: '),
    ],
)
@retry_if_starved
def test_a_path_with_a_bad_pose_is_refused_as_a_whole(rig, message, code, words):
    answer, detail = ask(rig, message())
    assert answer == code
    assert words in detail
    assert rig.ask(START) == 'ACCEPTED'
    rig.wait_at_rest()
    tips = ARM.fk(rig.check().q)
    np.testing.assert_allclose(tips, np.broadcast_to(ARM.fk_point(*START), tips.shape), atol=1e-6)


# Sent to a controller


@pytest.fixture(scope='module')
def shared_with_controller():
    with motion_rig({'command_type': 'joint_trajectory'}) as rig:
        rig.controller = SimulatedController(rig.client, START)
        rig.paths = rig.client.node.create_publisher(Path, 'target_path', 10)
        yield rig


@pytest.fixture
def controlled(shared_with_controller):
    """A node that sends paths as a whole to a controller, whose arm stands still."""
    rig = shared_with_controller

    def set_up():
        rig.controller.publishes = True
        provide_node(rig)
        assert rig.client.set_parameter('ik_node', 'speed_scale', 1.0).successful
        rig.ask_until('ACCEPTED', rig.measured())
        wait_stopped(rig)

    rig.begin_test(set_up)
    return rig


def start_path(rig, poses):
    """Send a path; return the trajectory that the controller receives."""
    rig.controller.received.clear()
    code, detail = ask(rig, path(poses))
    assert code == 'ACCEPTED', detail
    rig.wait(lambda: rig.controller.received, 'no trajectory')
    return rig.controller.received[0]


def wait_stopped(rig):
    """Wait until the arm has not moved for a while."""
    log = rig.controller.log

    def stopped():
        last = [entry[1:] for entry in log if entry[0] > log[-1][0] - STOPPED_S]
        return (
            len(last) > 5 and log[-1][0] - since > STOPPED_S and np.ptp(last, axis=0).max() < 1e-9
        )

    since = time.monotonic()
    rig.wait(stopped, 'the arm moves on')


def check_revoked(rig, whole, start):
    """Assert that the controller was stopped on its way, which began at a time, s."""
    wait_stopped(rig)
    last = rig.controller.received[-1]
    assert last is not whole, 'the controller was not stopped'
    np.testing.assert_allclose(rig.controller.q, last.points[-1].positions, atol=1e-6)
    q = np.array([point.positions for point in whole.points])
    length = np.abs(np.diff(q, axis=0)).sum(axis=0).max()
    assert rig.controller.distance_since(start) < length - 0.3, 'the arm went on to the end'


def note_outage(rig):
    """Note where a busy machine suspended the node for longer than joint_states_timeout."""
    if 'brought to rest: no joint_states' in rig.log:
        rig.note_starvation('the node had no joint_states, though the arm published them')


@retry_if_starved
def test_a_controller_gets_a_path_as_one_trajectory(controlled):
    poses = figure_eight()
    whole = start_path(controlled, poses)
    times = np.array([time_from_start(point) for point in whole.points])
    q = np.array([point.positions for point in whole.points])
    assert whole.header.stamp.sec == 0
    assert times[0] > 0.0
    assert (np.diff(times) > 0.0).all()
    velocity = np.abs(np.diff(q, axis=0)) / np.diff(times)[:, None]
    assert velocity.max() < 3.0 + 1e-6
    np.testing.assert_allclose(ARM.fk(q[-1]), poses[-1], atol=1e-6)
    assert not any(whole.points[-1].velocities)
    controlled.spin_for(times[-1])
    wait_stopped(controlled)
    note_outage(controlled)
    np.testing.assert_allclose(controlled.controller.q, q[-1], atol=1e-6)
    assert len(controlled.controller.received) <= 2, 'streamed as well'  # the second: stand there


@pytest.mark.parametrize('delay', [0.0, 0.1, 1.0])
@retry_if_starved
def test_hold_stops_the_controller(controlled, delay):
    start = time.monotonic()
    whole = start_path(controlled, figure_eight())
    controlled.spin_for(delay)
    assert trigger(controlled, 'hold')
    check_revoked(controlled, whole, start)


@retry_if_starved
def test_hold_stops_the_controller_at_low_speed(controlled):
    """The brakes end so near to the plan that the difference cannot be measured."""
    assert controlled.client.set_parameter('ik_node', 'speed_scale', 0.05).successful
    start = time.monotonic()
    whole = start_path(controlled, figure_eight())
    controlled.spin_for(1.0)
    assert trigger(controlled, 'hold')
    check_revoked(controlled, whole, start)


@retry_if_starved
def test_a_path_that_takes_long_is_streamed(controlled):
    """Its message would have megabytes, and take longer than the control loop may wait."""
    assert controlled.client.set_parameter('ik_node', 'speed_scale', 0.001).successful
    assert len(start_path(controlled, figure_eight()).points) == 1
    assert trigger(controlled, 'hold')
    wait_stopped(controlled)


@retry_if_starved
def test_a_change_of_the_speed_revokes_the_trajectory(controlled):
    """The rest of the path is streamed at the new speed."""
    poses = figure_eight()
    start_path(controlled, poses)
    controlled.spin_for(1.0)
    since = time.monotonic()
    controller = controlled.controller
    assert controlled.client.set_parameter('ik_node', 'speed_scale', 0.3).successful
    controlled.wait(lambda: len(controller.received) > 100, 'not streamed', deadline=20.0)
    until = time.monotonic()
    assert trigger(controlled, 'hold')
    wait_stopped(controlled)
    assert controller.max_speed_since(since) < 3.1
    tips = ARM.fk(np.array([entry[1:] for entry in controller.log if since < entry[0] < until]))
    assert distances_to_path(tips, poses).max() < 0.005


@retry_if_starved
def test_missing_joint_states_stop_the_controller(controlled):
    start = time.monotonic()
    whole = start_path(controlled, figure_eight())
    controlled.controller.publishes = False
    controlled.wait_stopped('no joint_states')
    check_revoked(controlled, whole, start)


@retry_if_starved
def test_a_node_that_was_suspended_does_not_send_the_arm_back(controlled):
    """The controller has moved on meanwhile."""
    whole = start_path(controlled, figure_eight())
    controlled.spin_for(1.0)
    since = time.monotonic()
    with controlled.suspended_node():
        controlled.spin_for(0.2)
    wait_stopped(controlled)
    note_outage(controlled)
    controller = controlled.controller
    np.testing.assert_allclose(controller.q, whole.points[-1].positions, atol=1e-6)
    assert controller.max_speed_since(since) < 3.1
    assert len(controller.received) <= 2


@retry_if_starved
def test_a_signal_stops_the_controller(controlled):
    start = time.monotonic()
    whole = start_path(controlled, figure_eight())
    controlled.spin_for(0.7)
    controlled.node.process.send_signal(signal.SIGINT)
    controlled.wait(lambda: not controlled.node_runs, 'does not end')
    check_revoked(controlled, whole, start)
    assert controlled.node.process.returncode == 0
