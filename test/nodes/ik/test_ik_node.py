"""The node ik_node as a process of its own: every target gets one right answer."""

import re
import signal
from collections import Counter

import numpy as np
import pytest
from arms import random_arm
from built_arms import calibration_of, tips
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PointStamped, PoseStamped
from ik_node_rig import ARM, MODEL, MODULE, URDF, joint_state, rig
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from processes import Client, fresh_domain, node_process
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker, MarkerArray

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.common.conversions import MessageError, joint_positions
from models import info, linear_model

NAN, INF = float('nan'), float('inf')
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
GOOD = (0.3, 0.2)


@pytest.fixture(scope='module')
def node():
    """One node for tests that only send targets."""
    with rig() as it:
        yield it


def tip(command):
    return ARM.fk_point(*command.position)


def transition(client, number, node='ik_node'):
    request = ChangeState.Request(transition=Transition(id=number))
    return client.call(ChangeState, f'{node}/change_state', request).success


def state(client, node='ik_node'):
    return client.call(GetState, f'{node}/get_state', GetState.Request()).current_state.label


# Targets


def test_a_target_becomes_a_command_for_both_joints(node):
    before = len(node.commands)
    code, values = node.ask(*GOOD, frame='base_link')
    assert code == 'ACCEPTED'
    assert values['stage'] in ('network', 'refined')
    assert float(values['position_error_m']) <= 1e-9 * ARM.reach
    node.client.wait_until(lambda: len(node.commands) > before)
    command = node.commands[-1]
    assert command.name == ['joint1', 'joint2']
    assert list(command.position) == [float(values['q1']), float(values['q2'])]
    assert not command.velocity
    assert not command.effort
    assert command.header.stamp.sec > 0
    np.testing.assert_allclose(tip(command), GOOD, atol=1e-9)


REFUSED = [
    ('NOT_FINITE', (NAN, 0.0, 0.0), '', 'position: got (nan, 0.0, 0.0) m, expected finite'),
    ('NOT_FINITE', (0.3, -INF, 0.0), '', 'expected finite'),
    ('NOT_FINITE', (0.3, 0.2, NAN), '', 'expected finite'),
    ('UNREACHABLE', (0.6, 0.0), '', 'got 0.6 m, expected 0.1 to 0.5 m'),
    ('UNREACHABLE', (0.05, 0.0), '', 'got 0.05 m, expected 0.1 to 0.5 m'),
    ('UNREACHABLE', (0.5 + 1e-8, 0.0), '', 'expected 0.1 to 0.5 m'),
    ('UNREACHABLE', (1e300, -1e300), '', 'expected 0.1 to 0.5 m'),
    ('UNREACHABLE', (1.7e308, 1.7e308), '', 'got inf m'),
    ('UNREACHABLE', (5e-324, 0.0), '', 'expected 0.1 to 0.5 m'),
    ('JOINT_LIMITS', (-0.49, -0.005), '', 'inside the limits'),
    ('JOINT_LIMITS', (0.12, 0.0), '', 'inside the limits'),
    ('OUT_OF_PLANE', (0.3, 0.2, 0.02), '', 'got 0.02 m, expected at most 0.01 m'),
    ('OUT_OF_PLANE', (0.3, 0.2, -1e300), '', 'expected at most 0.01 m'),
    ('NO_TRANSFORM', (0.3, 0.2), 'map', "'map'"),
    ('NO_TRANSFORM', (0.3, 0.2), 'base_link ', "'base_link '"),
    ('BAD_FRAME', (0.3, 0.2), '/base_link', "got '/base_link', expected a name without"),
]


@pytest.mark.parametrize(('code', 'target', 'frame', 'words'), REFUSED)
def test_a_target_that_cannot_be_met_is_refused_by_name(node, code, target, frame, words):
    before = len(node.commands)
    answer, values = node.ask(*target, frame=frame)
    assert answer == code
    assert words in values['detail']
    assert values['q1'] == values['stage'] == ''
    # The commands come before the answer; the next target is met as if nothing had been.
    assert len(node.commands) == before
    assert node.ask(*GOOD)[0] == 'ACCEPTED'


def test_denormal_parts_of_a_target_do_no_harm(node):
    assert node.ask(0.3, 5e-324, -5e-324)[0] == 'ACCEPTED'


@pytest.mark.parametrize('stamp', [Time(), Time(sec=1), Time(sec=2**31 - 1, nanosec=999999999)])
def test_stamps_do_not_matter_unless_asked_for(node, stamp):
    message = PoseStamped()
    message.header.stamp = stamp
    message.pose.position.x, message.pose.position.y = GOOD
    before = len(node.answers)
    node.targets.publish(message)
    node.client.wait_until(lambda: len(node.answers) > before)
    assert node.answers[-1].message == 'ACCEPTED'


def test_points_are_targets_too(node):
    points = node.client.publisher(PointStamped, 'target_point')
    message = PointStamped()
    message.point.x, message.point.y = 0.1, 0.35
    before = len(node.commands)
    node.client.publish_until(points, message, lambda: len(node.commands) > before)
    np.testing.assert_allclose(tip(node.commands[-1]), (0.1, 0.35), atol=1e-9)


def test_every_one_of_many_targets_is_answered_once_and_rightly(node):
    """Random targets, garbage among them: one answer each, no command off target or limits."""
    rng = np.random.default_rng(0)
    targets = rng.uniform(-0.6, 0.6, (800, 2))
    targets[::40] = rng.choice([NAN, INF, -INF, 1e200, 5e-324], (20, 2))
    asked = {}
    for target in targets:
        stamp = node.send(*target)
        asked[stamp] = target
        if len(asked) % 20 == 0:
            node.answer(stamp)

    def answers():
        found = [({v.key: v.value for v in s.values}, s.message) for s in node.answers]
        return [(values, code) for values, code in found if values['stamp'] in asked]

    node.client.wait_until(lambda: len(answers()) >= len(asked))
    assert Counter(values['stamp'] for values, _ in answers()) == Counter(asked.keys())
    accepted = [values for values, code in answers() if code == 'ACCEPTED']
    assert len(accepted) > 200
    # What an earlier test asked for may still be on its way: each command is known by its joints.
    q = [(float(values['q1']), float(values['q2'])) for values in accepted]

    def commanded():
        return Counter(tuple(command.position) for command in node.commands)

    node.client.wait_until(
        lambda: set(q) <= set(commanded()),
        what=lambda: f'{len(set(q) - set(commanded()))} of {len(q)} commands are missing',
    )
    assert {commanded()[joints] for joints in q} == {1}
    every = np.array([command.position for command in node.commands])
    assert ((every >= ARM.lower) & (every <= ARM.upper)).all()
    wanted = [asked[values['stamp']] for values in accepted]
    np.testing.assert_allclose(ARM.fk(q), wanted, atol=1e-9 * ARM.reach)


def test_warnings_are_logged_once_a_cause(node):
    for _ in range(20):
        node.ask(0.6, 0.0)
    # Twenty answers, one warning in five seconds.
    assert node.process.output.count('got 0.6 m') < 10


def test_old_targets_are_refused_only_when_asked_for():
    with rig({**MODEL, 'max_target_age': 1.0}, ready=None) as it:
        now = it.client.node.get_clock().now().nanoseconds // 10**9
        message = PoseStamped()
        message.pose.position.x, message.pose.position.y = GOOD
        it.client.publish_until(  # no stamp is not old
            it.targets, message, lambda: it.answers and it.answers[-1].message == 'ACCEPTED'
        )
        for sec, code in ((now - 100, 'TOO_OLD'), (now + 100, 'ACCEPTED'), (now, 'ACCEPTED')):
            message.header.stamp = Time(sec=sec, nanosec=900_000_000)
            assert it.answer(it.send_message(it.targets, message))[0] == code
        assert 'expected <= 1 s' in it.process.output


def test_the_nearest_reachable_point_is_driven_to_when_asked_for():
    with rig({**MODEL, 'on_unreachable': 'nearest'}) as it:
        code, values = it.ask(3.0, 4.0)
        assert (code, it.answers[-1].level) == ('PROJECTED', DiagnosticStatus.WARN)
        assert 'got 5 m, expected 0.1 to 0.5 m; going to (0.3, 0.4) m' in values['detail']
        it.client.wait_until(lambda: it.commands)
        np.testing.assert_allclose(tip(it.commands[-1]), (0.3, 0.4), atol=1e-9)
        assert float(values['q2']) == pytest.approx(0.0, abs=1e-3)
        assert it.ask(NAN, 0.0)[0] == 'NOT_FINITE'


def test_an_arm_in_a_vertical_plane_is_led_in_its_own_base_frame():
    """RRBot: both axes +Y, zero pose up, the plane 0.2 m beside the base."""
    urdf = """<robot name="rrbot">
      <link name="base_link"/><link name="link1"/><link name="link2"/><link name="tool_link"/>
      <joint name="joint1" type="continuous"><parent link="base_link"/><child link="link1"/>
        <origin xyz="0 0.1 1.95"/><axis xyz="0 1 0"/></joint>
      <joint name="joint2" type="continuous"><parent link="link1"/><child link="link2"/>
        <origin xyz="0 0.1 0.9"/><axis xyz="0 1 0"/></joint>
      <joint name="tool" type="fixed"><parent link="link2"/><child link="tool_link"/>
        <origin xyz="0 0 1"/></joint></robot>"""
    with rig({'robot_description': urdf, 'tip_link': 'tool_link'}, ready='UNREACHABLE') as it:
        assert it.ask(0.0, 0.2, 3.85)[0] == 'ACCEPTED'
        it.client.wait_until(lambda: it.commands)
        np.testing.assert_allclose(it.commands[-1].position, (0.0, 0.0), atol=1e-4)
        arm = load_arm(urdf, 'base_link', 'tool_link')
        assert it.ask(1.2, 0.2, 2.4)[0] == 'ACCEPTED'
        it.client.wait_until(lambda: len(it.commands) == 2)
        reached = arm.plane.to_base(arm.fk(it.commands[-1].position))
        np.testing.assert_allclose(reached, (1.2, 0.2, 2.4), atol=1e-8)


# Joint states


def test_noise_around_a_straight_arm_does_not_choose_the_branch():
    with rig() as it:
        assert it.ask(0.4999, 0.0)[1]['branch'] == '1'
        it.client.wait_until(lambda: it.commands)
        q1, q2 = it.commands[-1].position
        it.joints = joint_state(q1, q2)
        it.ask_until('ACCEPTED', 0.4999, 0.0)
        assert q2 - 0.045 < 0.0
        for noise in (-0.045, 0.01, -0.043):
            it.joints = joint_state(q1, q2 + noise)
            # Several, for the joint_states take their time.
            assert {it.ask(0.4999, 0.0)[1]['branch'] for _ in range(40)} == {'1'}


def test_joints_are_found_by_name_in_any_order():
    """The branch of the answer shows which number was taken for the elbow."""

    def elbow_bent(side):
        return JointState(
            name=['gripper', 'joint2', 'joint1'],
            position=[-side * 9.0, side * 0.5, -side * 0.5],
            velocity=[NAN] * 3,
            effort=[NAN] * 3,
        )

    with rig(joints=elbow_bent(-1)) as it:
        assert it.ask(*GOOD)[1]['branch'] == '-1'
        it.joints = elbow_bent(1)
        it.client.wait_until(lambda: it.ask(*GOOD)[1]['branch'] == '1')


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        (JointState(name=['a', 'b'], position=[0.0, 0.0]), 'joints: got a, b, expected joint1'),
        (JointState(name=['joint1'], position=[0.0]), 'joints: got joint1, expected'),
        (JointState(position=[0.0, 0.0]), 'positions: got 2 for 0 names'),
        (joint_state(0.0, 0.0, position=[]), 'positions: got 0 for 2 names'),
        (joint_state(0.0, 0.0, position=[0.0]), 'positions: got 1 for 2 names'),
        (joint_state(NAN, 0.0), 'got nan, 0.0 rad, expected finite'),
        (joint_state(0.0, INF), 'got 0.0, inf rad, expected finite'),
    ],
)
def test_what_is_no_pair_of_joint_positions_is_named(message, words):
    with pytest.raises(MessageError, match=re.escape(words)):
        joint_positions(message, ARM.joint_names)


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        (JointState(name=['joint1'], position=[0.0]), 'joints: got joint1, expected'),
        (joint_state(NAN, 0.0), 'got nan, 0.0 rad, expected finite'),
    ],
)
def test_unusable_joint_states_are_named_and_do_not_count(message, words):
    with rig(joints=message, ready='NO_JOINT_STATES') as it:
        it.client.wait_until(lambda: words in it.process.output)
        # Once in five seconds, not fifty times a second.
        assert it.process.output.count('joint_states ignored') <= 4
        assert 'joint_states: got none' in it.ask(*GOOD)[1]['detail']
        assert not it.commands
        it.joints = joint_state(0.0, 0.5)
        it.ask_until('ACCEPTED', *GOOD)


def test_joint_states_that_stop_are_not_trusted_for_long():
    with rig() as it:
        it.joints = None
        it.ask_until('NO_JOINT_STATES', *GOOD)
        it.joints = joint_state(0.0, 0.5)
        it.ask_until('ACCEPTED', *GOOD)


def test_without_feedback_the_last_command_stands_for_it():
    with rig({**MODEL, 'require_joint_states': False}, joints=None) as it:
        assert it.ask(*GOOD)[0] == 'ACCEPTED'
        assert it.client.set_parameter('ik_node', 'branch', 'negative').successful
        assert it.ask(0.2, 0.2)[1]['branch'] == '-1'
        assert it.client.set_parameter('ik_node', 'branch', 'nearest').successful
        assert it.ask(0.2, 0.1)[1]['branch'] == '-1'


def test_best_effort_joint_states_are_taken():
    with rig(joints=None, ready='NO_JOINT_STATES') as it:
        states = it.client.publisher(JointState, 'joint_states', qos_profile_sensor_data)
        it.client.node.create_timer(0.02, lambda: states.publish(joint_state(0.0, 0.5)))
        it.ask_until('ACCEPTED', *GOOD)


# Hold and resume


def test_hold_stops_the_arm_where_it_is_until_resume():
    with rig(joints=joint_state(0.2, 0.7)) as it:
        assert it.client.call(Trigger, 'ik_node/hold', Trigger.Request()).success
        it.client.wait_until(lambda: it.commands)
        np.testing.assert_allclose(it.commands[-1].position, (0.2, 0.7))
        it.commands.clear()
        assert it.ask(*GOOD)[0] == 'HOLDING'
        assert not it.commands
        assert it.client.call(Trigger, 'ik_node/resume', Trigger.Request()).success
        assert it.ask(*GOOD)[0] == 'ACCEPTED'


def test_hold_beyond_a_limit_commands_that_limit():
    """Not the other one, which can be nearer on the circle and a sweep away."""
    ways = [((0.2, 2.7), (0.2, 2.6)), ((3.3, 0.5), (2.9, 0.5)), ((-3.1, -9.0), (-2.9, -2.6))]
    with rig(joints=joint_state(*ways[0][0])) as it:
        for at, held in ways:
            it.joints = joint_state(*at)

            def holds(at=at, held=held):
                before = len(it.commands)
                assert it.client.call(Trigger, 'ik_node/hold', Trigger.Request()).success
                it.client.wait_until(lambda: len(it.commands) > before)
                # The first may come from where the arm was before.
                return np.allclose(it.commands[-1].position, held)

            it.client.wait_until(holds, what=lambda: it.commands[-1])


@pytest.mark.parametrize('required', [True, False])
def test_hold_without_joint_states_says_that_it_did_not_stop_the_arm(required):
    ready = 'NO_JOINT_STATES' if required else 'ACCEPTED'
    with rig({**MODEL, 'require_joint_states': required}, joints=None, ready=ready) as it:
        answer = it.client.call(Trigger, 'ik_node/hold', Trigger.Request())
        assert not answer.success
        assert 'not stopped: no joint_states' in answer.message
        assert it.ask(*GOOD)[0] == 'HOLDING'
        assert not it.commands


def test_only_resume_ends_a_hold():
    with rig() as it:
        assert it.client.call(Trigger, 'ik_node/hold', Trigger.Request()).success
        assert transition(it.client, Transition.TRANSITION_DEACTIVATE)
        assert it.client.call(Trigger, 'ik_node/hold', Trigger.Request()).success
        assert transition(it.client, Transition.TRANSITION_ACTIVATE)
        it.ask_until('HOLDING', *GOOD)
        assert it.client.call(Trigger, 'ik_node/resume', Trigger.Request()).success
        it.ask_until('ACCEPTED', *GOOD)


# Lifecycle and robot description


def test_the_lifecycle_is_led_from_outside():
    with rig({**MODEL, 'autostart': False}, ready='NOT_ACTIVE') as it:
        client = it.client
        assert state(client) == 'unconfigured'
        for number, label, code in (
            (Transition.TRANSITION_CONFIGURE, 'inactive', 'NOT_ACTIVE'),
            (Transition.TRANSITION_ACTIVATE, 'active', 'ACCEPTED'),
            (Transition.TRANSITION_DEACTIVATE, 'inactive', 'NOT_ACTIVE'),
            (Transition.TRANSITION_ACTIVATE, 'active', 'ACCEPTED'),
            (Transition.TRANSITION_DEACTIVATE, 'inactive', 'NOT_ACTIVE'),
            (Transition.TRANSITION_CLEANUP, 'unconfigured', 'NOT_ACTIVE'),
            (Transition.TRANSITION_CONFIGURE, 'inactive', 'NOT_ACTIVE'),
            (Transition.TRANSITION_ACTIVATE, 'active', 'ACCEPTED'),
        ):
            assert transition(client, number)
            assert state(client) == label
            it.ask_until(code, *GOOD)
        assert transition(client, Transition.TRANSITION_ACTIVE_SHUTDOWN)
        assert state(client) == 'finalized'
        assert it.process.stop() == 0


def test_the_robot_description_comes_by_topic():
    with rig({'model_file': 'arm.onnx'}, ready='NOT_ACTIVE') as it:
        it.process.wait_for('waiting for the robot description')
        it.client.publisher(String, 'robot_description', LATCHED).publish(String(data=URDF))
        it.ask_until('ACCEPTED', *GOOD)


def test_a_changed_description_is_reported_and_taken_after_a_cleanup():
    with rig({'model_file': ''}, ready='NOT_ACTIVE') as it:
        descriptions = it.client.publisher(String, 'robot_description', LATCHED)
        descriptions.publish(String(data=URDF))
        it.ask_until('ACCEPTED', *GOOD)
        reports = it.client.collect(DiagnosticArray, '/diagnostics')
        xacro = share_directory() / 'urdf' / 'arm.urdf.xacro'
        descriptions.publish(String(data=read_description(xacro, {'l2': '0.35'})))
        it.client.wait_until(lambda: reports and 'has changed' in reports[-1].status[0].message)
        assert it.ask(0.6, 0.0)[0] == 'UNREACHABLE'
        for number in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
            assert transition(it.client, number)
        descriptions.publish(String(data=read_description(xacro, {'l2': '0.36'})))
        it.ask_until('NOT_ACTIVE', *GOOD)  # whoever cleaned it up configures it
        assert state(it.client) == 'unconfigured'
        for number in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            assert transition(it.client, number)
        it.ask_until('ACCEPTED', 0.6, 0.0)


def test_an_unusable_description_is_named_and_a_good_one_still_works():
    with rig({'robot_description': '<robot'}, ready='NOT_ACTIVE') as it:
        reports = it.client.collect(DiagnosticArray, '/diagnostics')

        def named(words):
            it.process.wait_for(words)
            assert state(it.client) == 'unconfigured'
            reports.clear()
            it.client.wait_until(lambda: reports and words in reports[-1].status[0].message)
            assert reports[-1].status[0].level == DiagnosticStatus.ERROR

        named('robot description: got')
        turning = URDF.replace('"tip_joint" type="fixed"', '"tip_joint" type="revolute"')
        assert it.client.set_parameter('ik_node', 'robot_description', turning).successful
        named('got 3 (joint1')
        assert it.client.set_parameter('ik_node', 'robot_description', URDF).successful
        it.ask_until('ACCEPTED', *GOOD)


# Model


def write_of_another_arm(path):
    longer = read_description(share_directory() / 'urdf' / 'arm.urdf.xacro', {'l1': '0.4'})
    linear_model(path, info(load_arm(longer)).to_metadata())


@pytest.mark.parametrize(
    ('write', 'words'),
    [
        (lambda path: None, 'got no such file'),
        (write_of_another_arm, 'got lengths [0.4, 0.2], expected [0.3, 0.2]'),
    ],
)
def test_an_unusable_model_leaves_the_closed_form(tmp_path, write, words):
    file = tmp_path / 'model.onnx'
    write(file)
    with rig({'robot_description': URDF, 'model_file': str(file)}) as it:
        assert words in it.process.output
        assert it.ask(*GOOD)[1]['stage'] == 'closed_form'
        reports = it.client.collect(DiagnosticArray, '/diagnostics')
        it.client.wait_until(lambda: reports)
        assert reports[-1].status[0].level == DiagnosticStatus.WARN
        assert words in reports[-1].status[0].message

        file.write_bytes((share_directory() / 'models' / 'arm.onnx').read_bytes())
        answer = it.client.call(Trigger, 'ik_node/reload_model', Trigger.Request())
        assert answer.success
        assert 'edge_smooth network' in answer.message
        assert it.ask(*GOOD)[1]['stage'] in ('network', 'refined')


def test_a_required_model_keeps_the_node_from_being_configured(tmp_path):
    with rig({**MODEL, 'model_file': '', 'model_required': True}, ready='NOT_ACTIVE') as it:
        it.process.wait_for('model_file: got none, expected one, as model_required is set')
        missing = str(tmp_path / 'none.onnx')
        assert it.client.set_parameter('ik_node', 'model_file', missing).successful
        it.process.wait_for('none.onnx: got no such file')
        assert state(it.client) == 'unconfigured'
        assert it.client.set_parameter('ik_node', 'model_file', 'arm.onnx').successful
        it.ask_until('ACCEPTED', *GOOD)


def test_reloading_a_broken_model_keeps_the_one_in_use(tmp_path):
    with rig() as it:
        file = tmp_path / 'model.onnx'
        file.write_text('not a model')
        assert it.client.set_parameter('ik_node', 'model_file', str(file)).successful
        answer = it.client.call(Trigger, 'ik_node/reload_model', Trigger.Request())
        assert not answer.success
        assert 'the model in use stays' in answer.message
        assert it.ask(*GOOD)[1]['stage'] in ('network', 'refined')


# Parameters


def test_absurd_parameters_at_start_are_named_until_they_are_set_right():
    wrong = [
        ('position_tolerance', 'small', 1e-6, "got 'small' (str), expected a float"),
        ('joint_states_timeout', 1e9, 1.0, 'got 1000000000.0, expected 0.01 to 60.0'),
        ('branch', 'left', 'nearest', "got 'left', expected nearest or positive or negative"),
    ]
    with rig({**MODEL, **{name: bad for name, bad, *_ in wrong}}, ready='NOT_ACTIVE') as it:
        for name, _, _, words in wrong:
            it.process.wait_for(f'parameter {name}: {words}')
        for name, _, good, _ in wrong:
            assert not transition(it.client, Transition.TRANSITION_CONFIGURE)
            assert it.client.set_parameter('ik_node', name, good).successful
        it.ask_until('ACCEPTED', *GOOD)


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('branch', 'left', 'expected nearest or positive or negative'),
        ('position_tolerance', 1.0, ''),
        ('position_tolerance', NAN, ''),
        ('position_tolerance', 'small', ''),
        ('base_link', 'world', 'takes effect when the node is configured'),
    ],
)
def test_bad_changes_while_running_are_refused(node, name, value, words):
    result = node.client.set_parameter('ik_node', name, value)
    assert not result.successful
    assert words in result.reason
    assert node.ask(*GOOD)[0] == 'ACCEPTED'


def test_live_parameters_apply_at_once():
    with rig() as it:
        assert it.ask(*GOOD)[1]['branch'] == '1'
        assert it.client.set_parameter('ik_node', 'branch', 'negative').successful
        assert it.ask(*GOOD)[1]['branch'] == '-1'
        assert it.ask(*GOOD, 0.05)[0] == 'OUT_OF_PLANE'
        assert it.client.set_parameter('ik_node', 'plane_tolerance', 0.1).successful
        assert it.ask(*GOOD, 0.05)[0] == 'ACCEPTED'


# Reports, and the process as a whole


def test_diagnostics_count_what_happened():
    with rig() as it:
        reports = it.client.collect(DiagnosticArray, '/diagnostics')

        def values():
            return {v.key: v.value for v in reports[-1].status[0].values}

        it.client.wait_until(lambda: reports)
        before = values()
        for target in (GOOD, GOOD, (0.3, 0.2, 1.0)):
            it.ask(*target)
        it.client.wait_until(lambda: values().get('OUT_OF_PLANE') == '1')
        for key in ('ACCEPTED', 'refined'):
            assert int(values()[key]) == int(before[key]) + 2
        assert values()['model'].endswith('arm.onnx')
        status = reports[-1].status[0]
        assert (status.level, status.message) == (DiagnosticStatus.OK, 'ready')
        assert (status.name, status.hardware_id) == ('ik_node: targets', 'two_link_arm')


def test_the_workspace_is_shown_as_a_surface_to_click_on(node):
    arrays = node.client.collect(MarkerArray, 'ik_node/markers', LATCHED)
    node.client.wait_until(lambda: arrays)
    surface, edge = arrays[-1].markers[:2]
    assert (surface.type, edge.type) == (Marker.TRIANGLE_LIST, Marker.LINE_LIST)
    assert surface.header.frame_id == 'base_link'
    assert len(surface.points) % 3 == 0
    assert len(edge.points) % 2 == 0
    radius = [np.hypot(p.x, p.y) for p in surface.points]
    assert 0.1 - 1e-9 <= min(radius) < 0.2 < 0.49 < max(radius) <= 0.5 + 1e-9


def test_no_torch_and_no_simulator_in_the_node(node):
    with open(f'/proc/{node.process.process.pid}/maps') as maps:
        libraries = maps.read()
    assert 'onnxruntime' in libraries
    for heavy in ('torch', 'mujoco', 'matplotlib', '/scipy/'):
        assert heavy not in libraries


def test_two_nodes_in_two_namespaces_do_not_mix():
    domain = fresh_domain()
    with (
        node_process(MODULE, '-r', '__ns:=/left', domain=domain, parameters=MODEL),
        node_process(MODULE, '-r', '__ns:=/right', domain=domain, parameters=MODEL),
        Client(domain) as client,
    ):
        got = {
            side: client.collect(JointState, f'/{side}/joint_command') for side in ('left', 'right')
        }
        states = {side: client.publisher(JointState, f'/{side}/joint_states') for side in got}
        client.node.create_timer(
            0.02, lambda: [p.publish(joint_state(0.0, 0.5)) for p in states.values()]
        )
        targets = client.publisher(PoseStamped, '/left/target_pose')
        client.publisher(PoseStamped, '/right/target_pose')
        message = PoseStamped()
        message.pose.position.x, message.pose.position.y = GOOD
        client.publish_until(targets, message, lambda: len(got['left']) > 5)
        assert not got['right']


@pytest.mark.parametrize(
    'signals',
    [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)],
    ids=['SIGINT', 'SIGTERM', 'SIGINT twice'],
)
def test_a_signal_ends_the_node_cleanly(signals):
    with rig() as it:
        assert it.process.stop(*signals) == 0
        assert 'Traceback' not in it.process.output


@pytest.fixture
def calibration(tmp_path):
    file = tmp_path / 'arm.yaml'
    calibration_of(ARM).write(file)
    return file


def test_with_a_calibration_commands_are_those_of_the_arm_as_built(calibration):
    """The tip of the command is on the target by the calibrated arm, told term by term."""
    built = Calibration.read(calibration).apply(ARM)
    parameters = {'robot_description': URDF, 'calibration_file': str(calibration)}
    with rig(parameters) as it:
        it.ask_until('ACCEPTED', *GOOD)
        q = np.array([it.commands[-1].position])
        x, y, _ = built.plane.to_base(tips(built, q))[0]
        assert np.hypot(x - GOOD[0], y - GOOD[1]) <= 1e-9
        assert np.hypot(*(ARM.fk(q)[0] - GOOD[:2])) > 1e-3
        assert 'calibrated' in it.process.output
        reports = it.client.collect(DiagnosticArray, '/diagnostics')
        it.client.wait_until(lambda: reports)
        values = {entry.key: entry.value for entry in reports[-1].status[0].values}
        assert values['calibration'] == str(calibration)


def test_a_model_of_the_arm_by_urdf_is_not_used_on_the_calibrated_one(calibration):
    with rig({**MODEL, 'calibration_file': str(calibration)}) as it:
        it.process.wait_for('trained without the calibration')
        assert it.ask(*GOOD)[1]['stage'] == 'closed_form'


def test_an_unusable_calibration_keeps_the_node_from_being_configured(tmp_path):
    """To go on with the arm by URDF would move the tip somewhere else than was asked."""
    file = tmp_path / 'arm.yaml'
    parameters = {**MODEL, 'calibration_file': str(file)}
    with rig(parameters, ready='NOT_ACTIVE') as it:
        it.process.wait_for('No such file')
        for write, words in (
            (lambda: file.write_text('a: ['), 'expected a file of'),
            (lambda: calibration_of(random_arm(1).model).write(file), 'of its arm'),
        ):
            write()
            assert not transition(it.client, Transition.TRANSITION_CONFIGURE)
            it.process.wait_for(words)
        assert state(it.client) == 'unconfigured'
