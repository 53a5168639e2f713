"""A path of poses: gone along as a whole, streamed or handed to a controller, or refused."""

import time

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from motion_rig import motion_rig
from nav_msgs.msg import Path
from processes import Client, node_process, reserved_domain
from rig import ARM, MODEL, MODULE
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

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
    tips = ARM.fk(stream.q)
    away = np.hypot(*(tips[:, None] - poses).transpose(2, 0, 1)).min(axis=0)
    # Between two commands the tip moves by some millimetres.
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


def seconds(point):
    return point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec


def test_a_controller_gets_it_as_one_trajectory_and_commands_when_it_is_held():
    parameters = {**MODEL, 'require_joint_states': False, 'command_type': 'joint_trajectory'}
    with (
        reserved_domain() as domain,
        node_process(MODULE, domain=domain, parameters=parameters) as node,
        Client(domain) as client,
    ):
        received = client.collect(JointTrajectory, 'joint_trajectory')
        paths = client.publisher(Path, 'target_path')
        poses = figure_eight()
        client.publish_until(paths, path(poses[:1]), lambda: received)  # until it is there
        client.wait_until(
            lambda: np.allclose(ARM.fk(received[-1].points[-1].positions), poses[0], atol=1e-6),
            what=lambda: node.output,
        )
        end = time.monotonic() + 0.3
        client.wait_until(lambda: time.monotonic() > end)
        received.clear()
        paths.publish(path(poses))
        client.wait_until(lambda: received, what=lambda: node.output)
        (whole,) = received
        times = np.array([seconds(point) for point in whole.points])
        q = np.array([point.positions for point in whole.points])
        assert whole.header.stamp.sec == 0
        assert times[0] > 0.0
        assert (np.diff(times) > 0.0).all()
        velocity = np.abs(np.diff(q, axis=0)) / np.diff(times)[:, None]
        assert velocity.max() < 3.0 + 1e-6
        np.testing.assert_allclose(ARM.fk(q[-1]), poses[-1], atol=1e-6)
        assert not any(whole.points[-1].velocities)

        paths.publish(path(poses))
        client.wait_until(lambda: len(received) == 2, what=lambda: node.output)
        assert client.call(Trigger, 'ik_node/hold', Trigger.Request()).success
        client.wait_until(lambda: len(received) > 4, what=lambda: f'no brakes\n{node.output}')
        assert all(len(command.points) == 1 for command in received[2:])
