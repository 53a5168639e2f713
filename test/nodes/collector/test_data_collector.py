"""The node data_collector in its own process, with a simulated arm or with the test as the arm."""

import itertools
import os
import re
import signal
from array import array
from pathlib import Path

import numpy as np
import pytest
from collector_rig import (
    ARM,
    GENTLE,
    QUICK,
    URDF,
    FakeArm,
    joint_state,
    recorded,
    rig,
    speeds,
    tip_pose,
)
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from processes import node_process
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ik_nn_ros.nodes.common.conversions import stamp_to_seconds
from ik_nn_ros.recordings.samples import read_samples

NAN = float('nan')
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'arm.mcap'


def assert_smooth(commands, speed_scale=1.0):
    """
    Check the speed of commands by their stamps.

    A stamp is late if the node was suspended just before it was taken. That shows in the speed over
    four commands that begins or ends with it, but not in all four that contain a certain step.
    """
    over_four = np.abs(speeds(commands, over=4))
    of_each_step = np.lib.stride_tricks.sliding_window_view(over_four, 4, axis=0).min(axis=-1)
    assert (of_each_step <= np.array(ARM.max_velocity) * speed_scale * 1.3).all()
    assert all(ARM.within_limits(command.position) for command in commands)


def read(path):
    return read_samples([path], ARM.joint_names, 'base_link')


# Exploring


def test_explores_a_simulated_arm(path):
    count = 25
    with (
        rig(path, {**QUICK, 'samples': count, 'settle_time': 0.12}) as it,
        node_process(
            'ik_nn_ros.nodes.sim.node',
            domain=it.client.node.context.get_domain_id(),
            parameters={'robot_description': URDF},
        ),
    ):
        values = it.wait_for('done')
        assert it.status[:2] == ('done', DiagnosticStatus.OK)
        assert it.process.process.poll() is None
        assert int(values['samples']) == int(values['target']) == count
        assert float(values['coverage']) == pytest.approx(23 / 64, abs=2.5 / 64)
        assert values['file'] == str(path)
        assert f'done: {count} of {count} samples' in it.process.output

        messages = recorded(path)
        assert {topic: len(found) for topic, found in messages.items()} == {
            '/joint_states': count,
            '/tip_pose': count,
        }
        samples = read(path)
        assert len(samples) == count
        assert (samples.q >= ARM.lower).all()
        assert (samples.q <= ARM.upper).all()
        for state in messages['/joint_states']:
            assert np.abs(state.velocity).max() < 0.05
        expected = ARM.plane.to_base(ARM.fk(samples.q))
        np.testing.assert_allclose(samples.tip, expected, atol=1e-6)
        assert_smooth(it.commands)

        # It does not overwrite what it has just written.
        before = path.read_bytes()
        answer = it.call('start')
        assert not answer.success
        assert 'a file that exists' in answer.message
        assert it.status[0].startswith('error: recording')
        assert path.read_bytes() == before


def test_stops_while_joint_states_are_silent_and_for_good_when_the_joints_do_not_follow(path):
    with rig(path, {**GENTLE, 'tracking_tolerance': 0.1}) as it:
        arm = FakeArm(it.client)
        it.wait_until(lambda: it.samples >= 1)
        arm.speaking = False
        values = it.wait_for('exploring: no joint_states for 0.5 s; no tip_pose for 0.5 s')
        it.wait_until(lambda: '[WARN]' in it.process.output)
        sent = it.wait_quiet()
        arm.q = (0.5, -0.4)  # moved by hand
        it.client.wait_until(lambda: it.status[2] != values)
        assert it.wait_quiet() == sent
        assert np.abs(speeds(it.commands)[-1]).max() < 0.1
        samples = it.samples
        arm.speaking = True
        it.wait_until(lambda: len(it.commands) > sent)
        np.testing.assert_allclose(it.commands[sent].position, (0.5, -0.4), atol=1e-9)
        it.wait_until(lambda: it.samples > samples)
        assert_smooth(it.commands[:sent], 0.1)
        assert_smooth(it.commands[sent:], 0.1)

        # Now it is measured again, but does not move.
        arm.following = False
        it.wait_for('error: the joints do not follow: they are at (')
        assert it.status[1] == DiagnosticStatus.ERROR
        it.wait_quiet()
        assert len(recorded(path)['/tip_pose']) == it.samples


def test_stop_brakes_and_completes_the_file_and_start_begins_another(path):
    with rig(path, GENTLE) as it:
        FakeArm(it.client)
        it.wait_until(lambda: it.samples >= 2)
        answer = it.call('start')
        assert (answer.success, answer.message) == (False, f'already exploring: {path}')
        refused = it.set('output', 'other.mcap')
        assert 'takes effect with ~/start' in refused.reason
        it.wait_until(lambda: np.abs(speeds(it.commands[-3:])).max() > 0.4)
        answer = it.call('stop')
        # Between two targets, which may be the case by now, there is nothing to brake.
        assert answer.success
        assert answer.message in (f'stopping: {path}', f'stopped: {path}')
        it.wait_for('stopped')
        assert np.abs(speeds(it.commands)[-1]).max() < 0.1
        assert_smooth(it.commands, 0.1)
        assert len(recorded(path)['/tip_pose']) == it.samples >= 2

        other = path.with_name('other.mcap')
        assert it.set('output', str(other)).successful
        assert it.status[0] == 'stopped'
        assert it.call('start').message == f'exploring to {other}'
        it.wait_until(lambda: it.values['file'] == str(other) and it.samples >= 1)


def test_a_signal_brakes_and_completes_the_file(path):
    """A second signal follows, as from a terminal under ros2 launch."""
    with rig(path, GENTLE) as it:
        FakeArm(it.client)
        it.wait_until(lambda: it.samples >= 1)
        it.wait_until(lambda: np.abs(speeds(it.commands[-3:])).max() > 0.4)
        for number in (signal.SIGTERM, signal.SIGINT):
            it.process.process.send_signal(number)
        it.wait_until(lambda: it.process.process.poll() is not None)
        assert it.process.process.returncode == 0, it.process.output
        assert 'Traceback' not in it.process.output
        assert np.abs(speeds(it.commands)[-1]).max() < 0.1
        assert recorded(path)['/joint_states']


def test_a_full_disk_stops_the_arm_and_keeps_what_was_written(path, monkeypatch):
    rigs = str(Path(__file__).parents[2] / 'rigs')
    monkeypatch.setenv('PYTHONPATH', rigs, prepend=os.pathsep)
    with rig(path, QUICK, module='limited_collector') as it:
        FakeArm(it.client, rate=50.0, effort=array('d', bytes(8 * 30_000)))
        it.wait_for(f'error: recording {path}: got File too large')
        assert it.process.process.poll() is None
        assert '[ERROR]' in it.process.output
        it.wait_quiet()
        assert len(read(path)) == 4  # of 240 kB each
        assert it.set('output', str(path.with_name('other.mcap'))).successful
        assert it.call('start').success
        it.wait_until(lambda: 'other' in it.values['file'] and it.samples >= 1)


def test_an_arm_is_moved_only_on_request_with_samples_and_without_another_publisher(path):
    path.write_text('mine')
    endless = URDF.replace('velocity="5.0"', '')
    with rig(path, {**QUICK, 'robot_description': endless}) as it:
        arm = FakeArm(it.client)
        arm.frame = 'camera'
        it.wait_for('error: velocity limit of joint1: got none, expected one in the URDF')
        assert 'then call ~/start' in it.status[0]
        # Correcting the parameter does not set it in motion.
        assert it.set('robot_description', URDF).successful
        assert 'a recording is never overwritten' in it.call('start').message
        output = path.with_name('other.mcap')
        assert it.set('output', str(output)).successful
        assert it.status[0].startswith('error: ')
        assert not output.exists()

        assert it.call('start').success
        it.wait_for(
            'exploring: the arm does not start: tip_pose ignored: '
            "frame: got 'camera', expected 'base_link'"
        )
        assert not it.commands
        arm.frame = ''
        it.wait_until(lambda: it.samples >= 1)

        # Now another node commands it, too.
        it.client.publisher(JointState, 'joint_command')
        me = it.client.node.get_fully_qualified_name()
        it.wait_for('error: publishers of /joint_command: got ')
        # A node may be discovered before its name is known.
        assert f'got {me}, expected none' in it.status[0] or 'another node' in it.status[0]
        sent = it.wait_quiet()
        assert_smooth(it.commands)
        np.testing.assert_allclose(it.commands[-1].position, arm.q, atol=0.05)
        assert len(read(output)) == it.samples
        assert it.set('output', str(path.with_name('third.mcap'))).successful
        answer = it.call('start')
        assert not answer.success
        assert f'publishers of /joint_command: got {me}' in answer.message
        assert not path.with_name('third.mcap').exists()
        assert len(it.commands) == sent


# Recording an arm that another node moves


def test_records_computed_tips_by_the_names_of_the_topics(path):
    with rig(path, {'source': 'fk', 'samples': 20}, namespace='/left') as it:
        states = it.client.publisher(JointState, 'joint_states')
        q = joint_state(0, 0, name=['gripper', 'joint2', 'joint1'], position=[1.0, -0.4, 0.3])
        it.client.publish_until(states, q, lambda: it.status[0] == 'done')
        assert not it.commands
        assert it.client.node.count_publishers('/left/joint_command') == 0
    messages = recorded(path)
    assert set(messages) == {'/left/joint_states', '/left/tip_pose'}
    assert len(messages['/left/joint_states']) == 20
    for state, tip in zip(*messages.values(), strict=True):
        assert list(state.name) == list(q.name)
        assert stamp_to_seconds(tip.header.stamp) == stamp_to_seconds(state.header.stamp)
        expected = ARM.plane.to_base(ARM.fk((0.3, -0.4)))
        position = tip.pose.position
        np.testing.assert_allclose((position.x, position.y, position.z), expected)


def test_records_measured_tips_and_counts_by_reason_what_it_drops(path):
    with rig(path, {'max_time_difference': 0.01}) as it:
        states = it.client.publisher(JointState, 'joint_states')
        tips = it.client.publisher(PoseStamped, 'tip_pose')
        bad = {
            'joint_states not finite': (states, joint_state(NAN, 0.0)),
            'joint_states without the joints': (states, joint_state(0, 0, name=['a', 'joint1'])),
            'tip_pose not finite': (tips, tip_pose(NAN, 0, 0)),
            'tip_pose in another frame': (tips, tip_pose(0, 0, 0, 'camera')),
            'no tip_pose in time': (states, joint_state(0.0, 0.0)),
        }
        counted = {f'dropped.{reason}' for reason in bad}
        messages = itertools.cycle(bad.values())

        def are_counted():
            publisher, message = next(messages)
            publisher.publish(message)
            return counted <= set(it.values)

        it.wait_until(are_counted, 'not counted')
        assert it.samples == 0
        arm = FakeArm(it.client)
        it.wait_until(lambda: it.samples > 30)
        it.wait_until(lambda: it.status[:2] == ('recording', DiagnosticStatus.OK))
        assert it.values['coverage'] == f'{1 / 64:.3f}'
        arm.speaking = False
        it.wait_for('recording: no joint_states for 0.5 s; no tip_pose for 0.5 s')
        assert it.status[1] == DiagnosticStatus.WARN
        assert it.call('stop').message == f'stopped: {path}'
        assert it.process.output.count('[WARN]') == len(bad)
    assert len(recorded(path)['/tip_pose']) == it.samples


def test_keeps_its_rate_and_kill_loses_at_most_a_second(path):
    rate = 40.0
    with rig(path, {'rate': rate, 'robot_description': ''}) as it:
        it.wait_for('waiting: no description on /robot_description yet')
        assert 'robot_description: got none' in it.call('start').message
        descriptions = it.client.publisher(String, 'robot_description', LATCHED)
        descriptions.publish(String(data=URDF))
        arm = FakeArm(it.client, moving=True)
        it.wait_until(lambda: it.samples > 60)
        reported = it.samples
        os.kill(it.process.process.pid, signal.SIGKILL)
        it.process.process.wait()
    samples = read(path)
    assert samples.warnings  # the file is incomplete
    # By the number that the node had taken itself; in a second there are ``rate`` at most.
    assert len(samples) > reported - rate
    assert (len(samples) - 1) / np.ptp(samples.stamp) < 1.1 * rate
    # Between two samples the arm has sent nothing that was due, however seldom it could send.
    sent = np.array([stamp_to_seconds(tip.header.stamp) for tip in arm.tips])
    sent = sent[(sent > samples.stamp[0]) & (sent < samples.stamp[-1])]
    last = samples.stamp[np.searchsorted(samples.stamp, sent, side='right') - 1]
    assert (sent - last > 2.0 / rate).mean() < 0.1


# Errors


def test_reports_what_prevents_a_recording_until_it_is_corrected(tmp_path):
    (tmp_path / 'exists.mcap').write_text('mine')
    with rig(tmp_path / 'no' / 'such.mcap', {'samples': 'many'}) as it:
        it.wait_for("error: parameter samples: got 'many' (str), expected a int")
        assert not it.set('samples', -1).successful
        for name, value, text in (
            ('samples', 5, f'{it.path}: got No such file or directory'),
            ('output', 'arm.bag', "arm.bag: got '.bag', expected a .mcap file"),
            ('output', str(tmp_path / 'exists.mcap'), 'a recording is never overwritten'),
            ('output', str(tmp_path / 'right.mcap'), 'recording: '),
        ):
            assert it.set(name, value).successful
            it.wait_until(lambda text=text: text in it.status[0], text)
            it.process.wait_for(text)
        assert (tmp_path / 'right.mcap').exists()
        assert (tmp_path / 'exists.mcap').read_text() == 'mine'


def test_starts_on_request_and_names_the_file_by_date_and_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with rig(tmp_path, {'output': '', 'autostart': False}) as it:
        it.wait_for('waiting: ~/start has not been called')
        assert not list(tmp_path.iterdir())
        answer = it.call('start')
        assert answer.success
        (file,) = tmp_path.iterdir()
        assert answer.message == f'recording to {file}'
        assert it.call('stop').success
        assert it.call('stop').message == 'nothing to stop: stopped'
        assert re.fullmatch(r'recording_\d{8}-\d{6}\.mcap', file.name)
