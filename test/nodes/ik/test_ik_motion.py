"""The motion of a running node: parameters, zones, branches, hold, lifecycle, diagnostics."""

import numpy as np
import pytest
from ik_node_rig import ARM
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from motion_rig import LEFT, RIGHT, motion_rig, retry_if_starved
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from simulated_arm import SimulatedArm
from std_srvs.srv import Trigger

START = (0.3, 1.0)
POST = [0.28, -0.25, 0.04]
"""Circle in the way from START to BEHIND, m."""
BEHIND = (-1.0, 1.0)
"""Joints behind the post, rad."""
OTHER_BRANCH = (-2.4, -1.0)
"""Joints (rad) whose tip the positive branch reaches only beyond the limits of joint 1."""
DEFAULTS = {
    'speed_scale': 1.0,
    'path': 'joint',
    'idle': 'silent',
    'allow_branch_change': True,
    'keep_out__circles': [],
    'max_acceleration': [10.0, 10.0],
}
TYPES = {'keep_out__circles': Parameter.Type.DOUBLE_ARRAY}
"""Types of the parameters that an empty list does not show."""


@pytest.fixture(scope='module')
def shared():
    with motion_rig() as rig:
        rig.simulated = SimulatedArm(rig.client, START)
        yield rig


@pytest.fixture
def rig(shared):
    """Node and arm at START, with default parameters."""

    def set_up():
        shared.ready()
        set_live(shared, speed_scale=1.0)
        shared.wait_at_rest()
        # The elbow may be on the other side.
        set_live(shared, branch='positive', **DEFAULTS)
        shared.arrive(START)
        set_live(shared, branch='nearest')

    shared.begin_test(set_up)
    return shared


def change(rig, **values):
    """Set parameters in one call; a dot in a name is written as two underscores."""
    parameters = [
        Parameter(name.replace('__', '.'), TYPES.get(name), value).to_parameter_msg()
        for name, value in values.items()
    ]
    request = SetParametersAtomically.Request(parameters=parameters)
    service = 'ik_node/set_parameters_atomically'
    return rig.client.call(SetParametersAtomically, service, request).result


def set_live(rig, **values):
    result = change(rig, **values)
    assert result.successful, result.reason


def transition(rig, number):
    request = ChangeState.Request(transition=Transition(id=number))
    return rig.client.call(ChangeState, 'ik_node/change_state', request).success


def trigger(rig, name):
    return rig.client.call(Trigger, f'ik_node/{name}', Trigger.Request())


@retry_if_starved
def test_speed_scale_0_pauses_the_motion_and_is_reported(rig):
    goal = rig.set_off()
    set_live(rig, speed_scale=0.0)
    rig.wait_reported('paused: speed_scale is 0')
    assert np.abs(rig.measured() - goal).max() > 0.1, 'the arm went on to the goal'
    set_live(rig, speed_scale=1.0)
    rig.check_arrived(goal)


@retry_if_starved
def test_the_speed_can_be_changed_while_moving(rig):
    goal = rig.set_off()
    set_live(rig, speed_scale=0.2)
    rig.wait(lambda: 0.1 < rig.speed() < 0.65, 'not slower')
    set_live(rig, speed_scale=1.0)
    rig.check_arrived(goal)


@retry_if_starved
def test_limits_that_a_motion_was_planned_with_are_changed_at_rest_only(rig):
    goal = rig.set_off()
    result = change(rig, max_acceleration=[5.0, 5.0])
    assert not result.successful
    assert 'max_acceleration: got a moving arm, expected an arm at rest' in result.reason
    rig.check_arrived(goal)
    set_live(rig, max_acceleration=[5.0, 5.0])


@retry_if_starved
def test_parameters_are_set_together_or_not_at_all(rig):
    result = change(rig, speed_scale=0.5, keep_out__circles=[0.0, 0.05, 0.1])
    assert not result.successful
    assert 'keep-out circle' in result.reason
    goal = rig.set_off()
    rig.wait_faster(2.5)  # speed_scale is still 1
    rig.arrive(goal)


@retry_if_starved
def test_a_target_behind_a_post_is_refused_or_reached_with_the_elbow_on_the_other_side(rig):
    set_live(rig, keep_out__circles=POST, allow_branch_change=False)
    assert rig.ask(BEHIND) == 'OBSTRUCTED'
    assert int(rig.wait_reported('OBSTRUCTED=').values['OBSTRUCTED']) > 0
    rig.node.wait_for('link 2 to circle 1')
    assert not rig.commands
    set_live(rig, allow_branch_change=True)
    assert rig.ask(BEHIND) == 'ACCEPTED'
    rig.wait_at_rest()
    stream = rig.check()
    np.testing.assert_allclose(ARM.fk_point(*stream.q[-1]), ARM.fk_point(*BEHIND), atol=1e-9)
    assert ARM.branch_of(stream.q[-1]) == -1
    rig.forget()
    # A target that is clear of the post.
    assert rig.ask((1.0, 1.0)) == 'ACCEPTED'
    rig.wait_at_rest()
    rig.check()


@retry_if_starved
def test_the_branch_changes_only_where_that_is_allowed(rig):
    set_live(rig, allow_branch_change=False)
    assert rig.ask(OTHER_BRANCH) == 'JOINT_LIMITS'
    assert not rig.commands
    set_live(rig, allow_branch_change=True)
    assert rig.ask(OTHER_BRANCH) == 'ACCEPTED'
    rig.check_arrived(OTHER_BRANCH)


@retry_if_starved
def test_the_tip_moves_straight_with_a_cartesian_path(rig):
    set_live(rig, path='cartesian')
    start, end = ARM.fk_point(*START), ARM.fk_point(-0.8, 1.6)
    assert rig.ask((-0.8, 1.6)) == 'ACCEPTED'
    rig.wait_at_rest()
    tip = ARM.fk(rig.check().q)
    direction = np.subtract(end, start)
    normal = np.array([-direction[1], direction[0]]) / np.hypot(*direction)
    # The line begins where the arm is, within the servos' error of START.
    assert np.abs((tip - tip[0]) @ normal).max() < 1e-3
    np.testing.assert_allclose(tip[-1], end, atol=1e-9)


@retry_if_starved
def test_at_rest_it_is_silent_or_holds(rig):
    set_live(rig, idle='hold')
    rig.wait(lambda: len(rig.commands) > 20, 'does not hold')
    assert {command.q for command in rig.commands} == {rig.commands[0].q}
    set_live(rig, idle='silent')
    rig.wait_at_rest()
    rig.forget()
    rig.wait_ready()
    assert not rig.commands


@retry_if_starved
def test_hold_brakes_and_the_rest_of_the_motion_is_dropped(rig):
    goal = rig.set_off()
    assert trigger(rig, 'hold').success
    held = rig.now()
    assert rig.ask(RIGHT) == 'HOLDING'
    rig.check_gave_up(goal, held)
    rig.forget()
    assert trigger(rig, 'resume').success
    rig.wait_ready()
    assert not rig.commands
    rig.arrive(LEFT)
    rig.check()


@retry_if_starved
def test_deactivate_brakes_first_and_activate_waits_for_a_new_target(rig):
    goal = rig.set_off()
    assert transition(rig, Transition.TRANSITION_DEACTIVATE)
    rig.wait_at_rest()
    stream = rig.check()
    assert np.abs(stream.q[-1] - goal).max() > 0.3
    rig.forget()
    assert transition(rig, Transition.TRANSITION_ACTIVATE)
    rig.wait_ready()
    assert not rig.commands
    rig.ask_until('ACCEPTED', goal)
    rig.check_arrived(goal)


@retry_if_starved
def test_a_motion_starts_from_where_something_else_moved_the_arm(rig):
    moved = (-1.2, 1.4)
    rig.simulated.place_at(moved)
    rig.wait(lambda: np.abs(rig.measured() - moved).max() < 0.01, 'not moved')
    rig.forget()
    assert rig.ask((0.5, 0.8)) == 'ACCEPTED'
    stream = rig.check_arrived((0.5, 0.8))
    np.testing.assert_allclose(stream.q[0], moved, atol=0.01)


@retry_if_starved
def test_diagnostics_describe_the_motion_and_the_targets(rig):
    set_live(rig, speed_scale=0.2)  # the motion lasts for several reports
    assert rig.ask((-2.0, 1.0)) == 'ACCEPTED'
    motion = rig.wait_reported('phase=moving')
    assert motion.status.name == 'ik_node: motion'
    assert float(motion.values['tracking_error_rad']) > 0.0
    assert motion.values['command_publishers'] == '1'
    before, after = motion, rig.wait_reported('phase=moving')
    for topic in ('joint_states', 'commands'):
        count = int(after.values[topic]) - int(before.values[topic])
        rate = float(after.values[f'{topic}_rate_hz'])
        assert count > 0
        assert rate == pytest.approx(count / (after.sent - before.sent), rel=0.3)
    targets = rig.wait_reported('latency_p50_ms').values
    assert float(targets['latency_p50_ms']) <= float(targets['latency_p99_ms'])
    assert targets['model'].endswith('arm.onnx')
    assert int(targets['ACCEPTED']) > 0
