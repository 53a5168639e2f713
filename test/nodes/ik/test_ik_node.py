"""The running ik_node: every target gets one correct answer; parameters, lifecycle, reports."""

import re
import signal
import time
from collections import Counter

import numpy as np
import pytest
from arms import random_arm
from built_arms import calibration_of, tips
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PointStamped, PoseStamped
from ik_node_rig import ARM, MODEL, TARGET, URDF, joint_state, run_ik_node
from lifecycle_msgs.msg import Transition
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from visualization_msgs.msg import Marker, MarkerArray

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.common.conversions import MessageError, joint_positions
from ik_nn_ros.nodes.common.diagnostics import WARNING_THROTTLE_S
from models import info, linear_model

NAN, INF = float('nan'), float('inf')
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
XACRO = share_directory() / 'urdf' / 'arm.urdf.xacro'
NETWORK_STAGES = ('network', 'refined')


@pytest.fixture(scope='module')
def shared():
    with run_ik_node() as it:
        yield it


@pytest.fixture
def node(shared):
    """The default arm's node, with default parameters."""
    shared.restore()
    return shared


def tip(command):
    return ARM.fk_point(*command.position)


def target_message():
    message = PoseStamped()
    message.pose.position.x, message.pose.position.y = TARGET
    return message


def wait_accepted(node, message):
    """Publish a target until it is accepted."""
    before = len(node.answers)
    node.client.publish_until(
        node.targets,
        message,
        lambda: 'ACCEPTED' in [answer.message for answer in node.answers[before:]],
    )


def reports_of(node):
    """Wait for diagnostics; return the list that gets them."""
    reports = node.client.collect(DiagnosticArray, '/diagnostics')
    node.client.wait_until(lambda: reports)
    return reports


def target_values(reports):
    return {entry.key: entry.value for entry in reports[-1].status[0].values}


def motion_values(reports):
    return {entry.key: entry.value for entry in reports[-1].status[1].values}


# Targets


def test_a_target_becomes_a_command_for_both_joints(node):
    before = len(node.commands)
    code, values = node.ask(*TARGET, frame='base_link')
    assert code == 'ACCEPTED'
    assert values['stage'] in NETWORK_STAGES
    assert float(values['position_error_m']) <= 1e-9 * ARM.reach
    node.client.wait_until(lambda: len(node.commands) > before)
    command = node.commands[-1]
    assert command.name == ['joint1', 'joint2']
    assert list(command.position) == [float(values['q1']), float(values['q2'])]
    assert not command.velocity
    assert not command.effort
    assert command.header.stamp.sec > 0
    np.testing.assert_allclose(tip(command), TARGET, atol=1e-9)


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
def test_a_bad_target_is_refused_with_its_reason(node, code, target, frame, words):
    before = len(node.commands)
    answer, values = node.ask(*target, frame=frame)
    assert answer == code
    assert words in values['detail']
    assert values['q1'] == values['stage'] == ''
    # Commands are sent before the answer; the next target is not affected.
    assert len(node.commands) == before
    assert node.ask(*TARGET)[0] == 'ACCEPTED'


def test_denormal_coordinates_are_accepted(node):
    assert node.ask(0.3, 5e-324, -5e-324)[0] == 'ACCEPTED'


@pytest.mark.parametrize('stamp', [Time(), Time(sec=1), Time(sec=2**31 - 1, nanosec=999999999)])
def test_by_default_stamps_do_not_matter(node, stamp):
    message = target_message()
    message.header.stamp = stamp
    wait_accepted(node, message)


def test_old_targets_are_refused_with_max_target_age(node):
    node.configure(max_target_age=1.0, ready='TOO_OLD')

    def message(age):
        """Return a target whose stamp has an age, s."""
        now = node.client.node.get_clock().now().nanoseconds
        it = target_message()
        it.header.stamp = Time(sec=now // 10**9 - age, nanosec=now % 10**9)
        return it

    def code(age):
        return node.answer(node.send_message(node.targets, message(age)))[0]

    assert code(100) == 'TOO_OLD'
    assert 'expected <= 1 s' in node.answers[-1].values[-1].value
    assert code(-100) == 'ACCEPTED'
    # A busy machine may take a second from the stamp to the answer.
    node.client.wait_until(lambda: code(0) == 'ACCEPTED', what='a new target is not accepted')
    wait_accepted(node, target_message())  # without a stamp


def test_points_are_targets_too(node):
    points = node.client.publisher(PointStamped, 'target_point')
    message = PointStamped()
    message.point.x, message.point.y = 0.1, 0.35
    before = len(node.commands)
    node.client.publish_until(points, message, lambda: len(node.commands) > before)
    np.testing.assert_allclose(tip(node.commands[-1]), (0.1, 0.35), atol=1e-9)


def test_each_of_many_targets_gets_one_correct_answer(node):
    """Random targets, some of them garbage: no command misses its target or leaves the limits."""
    reports = reports_of(node)
    commands_before = int(motion_values(reports)['commands'])
    rng = np.random.default_rng(0)
    targets = rng.uniform(-0.6, 0.6, (800, 2))
    targets[::40] = rng.choice([NAN, INF, -INF, 1e200, 5e-324], (20, 2))
    sent = {}
    for target in targets:
        stamp = node.send(*target)
        sent[stamp] = target
        if len(sent) % 20 == 0:
            node.answer(stamp)

    node.client.wait_until(lambda: all(node.answers_by_stamp[stamp] for stamp in sent))
    answers = [node.answers_by_stamp[stamp] for stamp in sent]
    assert {len(of_one) for of_one in answers} == {1}
    accepted = [values for ((code, values),) in answers if code == 'ACCEPTED']
    assert len(accepted) > 200
    q = [(float(values['q1']), float(values['q2'])) for values in accepted]
    wanted = [sent[values['stamp']] for values in accepted]
    np.testing.assert_allclose(ARM.fk(q), wanted, atol=1e-9 * ARM.reach)
    # The node counts its commands; DDS drops those that a busy test does not read in time.
    node.client.wait_until(
        lambda: int(motion_values(reports)['commands']) == commands_before + len(q),
        what=lambda: f'{motion_values(reports)}, {commands_before} before, {len(q)} accepted',
    )
    received = Counter(tuple(command.position) for command in node.commands)
    counts = [received[joints] for joints in q if joints in received]
    assert set(counts) == {1}
    assert len(counts) > len(q) // 2
    every = np.array(list(received))
    assert ((every >= ARM.lower) & (every <= ARM.upper)).all()


def test_a_warning_is_logged_once_per_cause_in_a_while(node):
    text, start = 'got 0.6 m', time.monotonic()
    before = node.process.output.count(text)
    for _ in range(20):
        node.ask(0.6, 0.0)
    logged = node.process.output.count(text) - before
    assert logged <= 1 + (time.monotonic() - start) / WARNING_THROTTLE_S


def test_with_on_unreachable_nearest_the_nearest_reachable_point_is_the_target(node):
    node.configure(on_unreachable='nearest')
    code, values = node.ask(3.0, 4.0)
    assert (code, node.answers[-1].level) == ('PROJECTED', DiagnosticStatus.WARN)
    assert 'got 5 m, expected 0.1 to 0.5 m; going to (0.3, 0.4) m' in values['detail']
    node.client.wait_until(lambda: node.commands)
    np.testing.assert_allclose(tip(node.commands[-1]), (0.3, 0.4), atol=1e-9)
    assert float(values['q2']) == pytest.approx(0.0, abs=1e-3)
    assert node.ask(NAN, 0.0)[0] == 'NOT_FINITE'


def test_targets_of_an_arm_in_a_vertical_plane_are_in_its_base_frame(node):
    """RRBot: both axes +Y, zero pose up, the plane 0.2 m beside the base."""
    urdf = """<robot name="rrbot">
      <link name="base_link"/><link name="link1"/><link name="link2"/><link name="tool_link"/>
      <joint name="joint1" type="continuous"><parent link="base_link"/><child link="link1"/>
        <origin xyz="0 0.1 1.95"/><axis xyz="0 1 0"/></joint>
      <joint name="joint2" type="continuous"><parent link="link1"/><child link="link2"/>
        <origin xyz="0 0.1 0.9"/><axis xyz="0 1 0"/></joint>
      <joint name="tool" type="fixed"><parent link="link2"/><child link="tool_link"/>
        <origin xyz="0 0 1"/></joint></robot>"""
    arm = load_arm(urdf, 'base_link', 'tool_link')
    node.configure(robot_description=urdf, tip_link='tool_link', ready='UNREACHABLE')
    for target, tolerance in (((0.0, 0.2, 3.85), 1e-4), ((1.2, 0.2, 2.4), 1e-8)):
        node.commands.clear()

        def commanded(target=target):
            assert node.ask(*target)[0] == 'ACCEPTED'
            return node.commands

        node.client.wait_until(commanded)
        q = node.commands[-1].position
        np.testing.assert_allclose(arm.plane.to_base(arm.fk(q)), target, atol=tolerance)


# Joint states


def test_noise_around_a_straight_arm_does_not_choose_the_branch(node):
    target = (0.4999, 0.0)
    assert node.ask(*target)[1]['branch'] == '1'
    node.client.wait_until(lambda: node.commands)
    q1, q2 = node.commands[-1].position
    node.joints = joint_state(q1, q2)
    node.ask_until('ACCEPTED', *target)
    assert q2 - 0.045 < 0.0
    for noise in (-0.045, 0.01, -0.043):
        node.joints = joint_state(q1, q2 + noise)
        # Several, as the joint_states take a while to arrive.
        assert {node.ask(*target)[1]['branch'] for _ in range(40)} == {'1'}


def test_joints_are_found_by_name_in_any_order(node):
    """The branch of the answer shows which number is taken for joint 2."""

    def elbow_bent(branch):
        return JointState(
            name=['gripper', 'joint2', 'joint1'],
            position=[-branch * 9.0, branch * 0.5, -branch * 0.5],
            velocity=[NAN] * 3,
            effort=[NAN] * 3,
        )

    for branch in (-1, 1):
        node.configure(elbow_bent(branch))
        node.client.wait_until(lambda b=branch: node.ask(*TARGET)[1]['branch'] == str(b))


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
def test_joint_states_without_both_joints_are_refused_with_the_reason(message, words):
    with pytest.raises(MessageError, match=re.escape(words)):
        joint_positions(message, ARM.joint_names)


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        (JointState(name=['joint1'], position=[0.0]), 'joints: got joint1, expected'),
        (joint_state(NAN, 0.0), 'got nan, 0.0 rad, expected finite'),
    ],
)
def test_unusable_joint_states_are_logged_and_not_used(node, message, words):
    start, before = time.monotonic(), node.process.output.count('joint_states ignored')
    node.configure(message, 'NO_JOINT_STATES')
    node.client.wait_until(lambda: words in node.process.output)
    logged = node.process.output.count('joint_states ignored') - before
    assert logged <= 1 + (time.monotonic() - start) / WARNING_THROTTLE_S
    assert 'joint_states: got none' in node.ask(*TARGET)[1]['detail']
    assert not node.commands
    node.joints = joint_state(0.0, 0.5)
    node.ask_until('ACCEPTED', *TARGET)


def test_without_new_joint_states_the_old_ones_are_soon_not_used(node):
    node.joints = None
    node.ask_until('NO_JOINT_STATES', *TARGET)
    node.joints = joint_state(0.0, 0.5)
    node.ask_until('ACCEPTED', *TARGET)


def test_without_feedback_the_last_command_is_taken_for_the_joints(node):
    node.configure(None, require_joint_states=False)
    assert node.ask(*TARGET)[0] == 'ACCEPTED'
    assert node.set_parameter('branch', 'negative').successful
    assert node.ask(0.2, 0.2)[1]['branch'] == '-1'
    assert node.set_parameter('branch', 'nearest').successful
    assert node.ask(0.2, 0.1)[1]['branch'] == '-1'


def test_best_effort_joint_states_are_used(node):
    node.configure(None, 'NO_JOINT_STATES')
    states = node.client.publisher(JointState, 'joint_states', qos_profile_sensor_data)
    timer = node.client.node.create_timer(0.02, lambda: states.publish(joint_state(0.0, 0.5)))
    try:
        node.ask_until('ACCEPTED', *TARGET)
    finally:
        node.client.node.destroy_timer(timer)


# Hold and resume


def test_hold_stops_the_arm_where_it_is_until_resume(node):
    node.configure(joint_state(0.2, 0.7))
    assert node.call('hold').success
    node.client.wait_until(lambda: node.commands)
    np.testing.assert_allclose(node.commands[-1].position, (0.2, 0.7))
    node.commands.clear()
    assert node.ask(*TARGET)[0] == 'HOLDING'
    assert not node.commands
    assert node.call('resume').success
    assert node.ask(*TARGET)[0] == 'ACCEPTED'


def test_hold_beyond_a_limit_commands_that_limit(node):
    """Not the other limit, which can be nearer on the circle and a sweep away."""
    for measured, held in (
        ((0.2, 2.7), (0.2, 2.6)),
        ((3.3, 0.5), (2.9, 0.5)),
        ((-3.1, -9.0), (-2.9, -2.6)),
    ):
        node.joints = joint_state(*measured)

        def holds(held=held):
            before = len(node.commands)
            assert node.call('hold').success
            node.client.wait_until(lambda: len(node.commands) > before)
            # The first ones may belong to the joints before.
            return np.allclose(node.commands[-1].position, held)

        node.client.wait_until(holds, what=lambda: node.commands[-1])


@pytest.mark.parametrize('required', [True, False])
def test_hold_without_joint_states_reports_that_the_arm_was_not_stopped(node, required):
    ready = 'NO_JOINT_STATES' if required else 'ACCEPTED'
    node.configure(None, ready, require_joint_states=required)
    response = node.call('hold')
    assert not response.success
    assert 'not stopped: no joint_states' in response.message
    assert node.ask(*TARGET)[0] == 'HOLDING'
    assert not node.commands


def test_only_resume_ends_a_hold(node):
    assert node.call('hold').success
    assert node.transition(Transition.TRANSITION_DEACTIVATE)
    assert node.call('hold').success
    assert node.transition(Transition.TRANSITION_ACTIVATE)
    node.ask_until('HOLDING', *TARGET)
    assert node.call('resume').success
    node.ask_until('ACCEPTED', *TARGET)


# Lifecycle and robot description


def test_lifecycle_transitions_change_the_state_and_the_answers():
    with run_ik_node({**MODEL, 'autostart': False}, ready='NOT_ACTIVE') as node:
        assert node.state == 'unconfigured'
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
            assert node.transition(number)
            assert node.state == label
            node.ask_until(code, *TARGET)
        assert node.transition(Transition.TRANSITION_ACTIVE_SHUTDOWN)
        assert node.state == 'finalized'
        assert node.process.stop() == 0


def test_the_robot_description_arrives_by_topic_and_a_new_one_counts_after_a_cleanup():
    with run_ik_node({'model_file': ''}, ready='NOT_ACTIVE') as node:
        node.process.wait_for('waiting for the robot description')
        descriptions = node.client.publisher(String, 'robot_description', LATCHED)
        descriptions.publish(String(data=URDF))
        node.ask_until('ACCEPTED', *TARGET)
        reports = reports_of(node)
        descriptions.publish(String(data=read_description(XACRO, {'l2': '0.35'})))
        node.client.wait_until(lambda: 'has changed' in reports[-1].status[0].message)
        assert node.ask(0.6, 0.0)[0] == 'UNREACHABLE'
        for number in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
            assert node.transition(number)
        descriptions.publish(String(data=read_description(XACRO, {'l2': '0.36'})))
        node.ask_until('NOT_ACTIVE', *TARGET)  # after a cleanup autostart does not configure it
        assert node.state == 'unconfigured'
        for number in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            assert node.transition(number)
        node.ask_until('ACCEPTED', 0.6, 0.0)


def test_what_keeps_the_node_unconfigured_at_start_is_named_until_it_is_corrected(tmp_path):
    """The description first, then the model that is required."""
    missing = str(tmp_path / 'none.onnx')
    parameters = {'robot_description': '<robot', 'model_file': '', 'model_required': True}
    with run_ik_node(parameters, ready='NOT_ACTIVE') as node:
        reports = reports_of(node)

        def check_named(words):
            node.process.wait_for(words)
            assert node.state == 'unconfigured'
            reports.clear()
            node.client.wait_until(lambda: reports and words in reports[-1].status[0].message)
            assert reports[-1].status[0].level == DiagnosticStatus.ERROR

        check_named('robot description: got')
        turning = URDF.replace('"tip_joint" type="fixed"', '"tip_joint" type="revolute"')
        for name, value, words in (
            ('robot_description', turning, 'got 3 (joint1'),
            ('robot_description', URDF, 'got none, expected one, as model_required is set'),
            ('model_file', missing, 'none.onnx: got no such file'),
        ):
            assert node.set_parameter(name, value).successful
            check_named(words)
        assert node.set_parameter('model_file', 'arm.onnx').successful
        node.ask_until('ACCEPTED', *TARGET)


# Model


def write_model_of_another_arm(file):
    longer = read_description(XACRO, {'l1': '0.4'})
    linear_model(file, info(load_arm(longer)).to_metadata())


@pytest.mark.parametrize(
    ('write', 'words'),
    [
        (lambda file: None, 'got no such file'),
        (write_model_of_another_arm, 'got lengths [0.4, 0.2], expected [0.3, 0.2]'),
    ],
)
def test_without_a_usable_model_the_closed_form_is_used(node, tmp_path, write, words):
    file = tmp_path / 'model.onnx'
    write(file)
    node.configure(model_file=str(file))
    assert words in node.process.output
    assert node.ask(*TARGET)[1]['stage'] == 'closed_form'
    status = reports_of(node)[-1].status[0]
    assert status.level == DiagnosticStatus.WARN
    assert words in status.message

    file.write_bytes((share_directory() / 'models' / 'arm.onnx').read_bytes())
    response = node.call('reload_model')
    assert response.success
    assert 'edge_smooth network' in response.message
    assert node.ask(*TARGET)[1]['stage'] in NETWORK_STAGES


def test_reloading_a_broken_model_keeps_the_one_in_use(node, tmp_path):
    file = tmp_path / 'model.onnx'
    file.write_text('not a model')
    assert node.set_parameter('model_file', str(file)).successful
    response = node.call('reload_model')
    assert not response.success
    assert 'the model in use stays' in response.message
    assert node.ask(*TARGET)[1]['stage'] in NETWORK_STAGES


# Parameters


def test_bad_parameters_at_start_are_named_until_they_are_corrected():
    wrong = [
        ('position_tolerance', 'small', 1e-6, "got 'small' (str), expected a float"),
        ('joint_states_timeout', 1e9, 1.0, 'got 1000000000.0, expected 0.01 to 60.0'),
        ('branch', 'left', 'nearest', "got 'left', expected nearest or positive or negative"),
    ]
    parameters = {**MODEL, **{name: bad for name, bad, *_ in wrong}}
    with run_ik_node(parameters, ready='NOT_ACTIVE') as node:
        for name, _, _, words in wrong:
            node.process.wait_for(f'parameter {name}: {words}')
        for name, _, good, _ in wrong:
            assert not node.transition(Transition.TRANSITION_CONFIGURE)
            assert node.set_parameter(name, good).successful
        node.ask_until('ACCEPTED', *TARGET)


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
    assert node.ask(*TARGET)[0] == 'ACCEPTED'


def test_live_parameters_apply_at_once(node):
    assert node.ask(*TARGET)[1]['branch'] == '1'
    assert node.set_parameter('branch', 'negative').successful
    assert node.ask(*TARGET)[1]['branch'] == '-1'
    assert node.ask(*TARGET, 0.05)[0] == 'OUT_OF_PLANE'
    assert node.set_parameter('plane_tolerance', 0.1).successful
    assert node.ask(*TARGET, 0.05)[0] == 'ACCEPTED'


# Reports, and the process as a whole


def test_diagnostics_count_answers(node):
    reports = reports_of(node)

    def counts():
        return {key: int(value) for key, value in target_values(reports).items() if value.isdigit()}

    before = Counter(counts())
    for target in (TARGET, TARGET, (0.3, 0.2, 1.0)):
        node.ask(*target)
    expected = {key: before[key] + 2 for key in ('ACCEPTED', 'refined')}
    expected['OUT_OF_PLANE'] = before['OUT_OF_PLANE'] + 1
    node.client.wait_until(lambda: expected.items() <= counts().items(), what=counts)
    assert target_values(reports)['model'].endswith('arm.onnx')
    status = reports[-1].status[0]
    assert (status.level, status.message) == (DiagnosticStatus.OK, 'ready')
    assert (status.name, status.hardware_id) == ('ik_node: targets', 'two_link_arm')


def test_the_workspace_is_shown_as_a_surface_to_click_on(node):
    arrays = node.client.collect(MarkerArray, 'ik_node/markers', LATCHED)
    node.client.wait_until(lambda: arrays and len(arrays[-1].markers) > 1)
    surface, boundary = arrays[-1].markers[:2]
    assert (surface.type, boundary.type) == (Marker.TRIANGLE_LIST, Marker.LINE_LIST)
    assert surface.header.frame_id == 'base_link'
    assert len(surface.points) % 3 == 0
    assert len(boundary.points) % 2 == 0
    radius = [np.hypot(p.x, p.y) for p in surface.points]
    assert 0.1 - 1e-9 <= min(radius) < 0.2 < 0.49 < max(radius) <= 0.5 + 1e-9


def test_the_process_loads_neither_torch_nor_a_simulator_and_ends_on_sigterm():
    with run_ik_node() as node:
        with open(f'/proc/{node.process.process.pid}/maps') as maps:
            libraries = maps.read()
        assert 'onnxruntime' in libraries
        for heavy in ('torch', 'mujoco', 'matplotlib', '/scipy/'):
            assert heavy not in libraries
        assert node.process.stop(signal.SIGTERM) == 0
        assert 'Traceback' not in node.process.output


# Calibration


@pytest.fixture
def calibration(tmp_path):
    file = tmp_path / 'arm.yaml'
    calibration_of(ARM).write(file)
    return file


def test_with_a_calibration_commands_are_those_of_the_calibrated_arm(node, calibration):
    """By the calibrated arm's formula, written out, the tip of the command is on the target."""
    calibrated = Calibration.read(calibration).apply(ARM)
    node.configure(model_file='', calibration_file=str(calibration))
    assert node.ask(*TARGET)[0] == 'ACCEPTED'
    node.client.wait_until(lambda: node.commands)
    q = np.array([node.commands[-1].position])
    x, y, _ = calibrated.plane.to_base(tips(calibrated, q))[0]
    assert np.hypot(x - TARGET[0], y - TARGET[1]) <= 1e-9
    assert np.hypot(*(ARM.fk(q)[0] - TARGET)) > 1e-3
    assert 'calibrated' in node.process.output
    assert target_values(reports_of(node))['calibration'] == str(calibration)


def test_a_model_trained_without_the_calibration_is_not_used(node, calibration):
    node.configure(calibration_file=str(calibration))
    node.process.wait_for('trained without the calibration')
    assert node.ask(*TARGET)[1]['stage'] == 'closed_form'


def test_an_unusable_calibration_keeps_the_node_unconfigured(node, tmp_path):
    """With the arm of the URDF instead, the tip would miss its targets."""
    file = tmp_path / 'arm.yaml'
    node.clean_up()
    assert node.set_parameter('calibration_file', str(file)).successful
    for write, words in (
        (lambda: None, 'No such file'),
        (lambda: file.write_text('a: ['), 'expected a file of'),
        (lambda: calibration_of(random_arm(1).model).write(file), 'of its arm'),
    ):
        write()
        assert not node.transition(Transition.TRANSITION_CONFIGURE)
        node.process.wait_for(words)
    assert node.state == 'unconfigured'
