"""What the node lets a user do with a motion: parameters, zones, branches, hold, lifecycle."""

import numpy as np
import pytest
from ik_node_rig import ARM
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from motion_rig import LEFT, RIGHT, motion_rig
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from simulated_arm import PlayedArm
from std_srvs.srv import Trigger

START = (0.3, 1.0)
POST = [0.28, -0.25, 0.04]
BEHIND = (-1.0, 1.0)
"""Joints, rad, that are reached past the post from START."""
OTHER = (-2.4, -1.0)
"""With the elbow on the positive side joint 1 would be beyond either limit."""


KINDS = {'keep_out__circles': Parameter.Type.DOUBLE_ARRAY}
"""Of what cannot be told from an empty list."""


@pytest.fixture(scope='module')
def shared():
    with motion_rig() as rig:
        rig.played = PlayedArm(rig.client, START)
        rig.start_node()
        rig.ready()
        yield rig


@pytest.fixture
def rig(shared):
    # With the elbow on this side, where the test before may have left it on the other.
    assert change(shared, branch='positive').successful
    shared.arrive(START)
    assert change(shared, branch='nearest').successful
    shared.forget()
    return shared


def change(rig, **values):
    """Set parameters in one call; dots in a name are written as two underscores."""
    parameters = [
        Parameter(name.replace('__', '.'), KINDS.get(name), value).to_parameter_msg()
        for name, value in values.items()
    ]
    request = SetParametersAtomically.Request(parameters=parameters)
    service = 'ik_node/set_parameters_atomically'
    return rig.client.call(SetParametersAtomically, service, request).result


@pytest.fixture
def live(rig):
    """Change live parameters for one test."""
    changed = {}

    def set_live(**values):
        changed.update(values)
        result = change(rig, **values)
        assert result.successful, result.reason

    yield set_live
    defaults = {
        'speed_scale': 1.0,
        'path': 'joint',
        'idle': 'silent',
        'allow_branch_change': True,
        'keep_out__circles': [],
        'branch': 'nearest',
    }
    rig.wait_quiet()
    result = change(rig, **{name: defaults[name] for name in changed})
    assert result.successful, result.reason


def transition(rig, number):
    request = ChangeState.Request(transition=Transition(id=number))
    return rig.client.call(ChangeState, 'ik_node/change_state', request).success


def trigger(rig, name):
    return rig.client.call(Trigger, f'ik_node/{name}', Trigger.Request())


def test_speed_scale_0_is_a_pause_and_is_said(rig, live):
    goal = rig.set_off()
    live(speed_scale=0.0)
    rig.wait_said('paused: speed_scale is 0')
    rig.wait_quiet()
    assert np.abs(rig.measured() - goal).max() > 0.1, 'went on to the goal'
    live(speed_scale=1.0)
    rig.wait(lambda: np.abs(rig.measured() - goal).max() < 1e-3, 'did not go on')
    rig.check()


def test_the_speed_can_be_changed_on_the_way(rig, live):
    goal = rig.set_off()
    live(speed_scale=0.2)
    rig.wait(lambda: 0.1 < rig.speed() < 0.65, 'not slower')
    live(speed_scale=1.0)
    rig.wait_quiet()
    rig.check()
    np.testing.assert_allclose(rig.commands[-1].q, goal, atol=1e-6)


def test_what_a_motion_was_planned_with_is_changed_at_rest_only(rig):
    goal = rig.set_off()
    result = change(rig, max_acceleration=[5.0, 5.0])
    assert not result.successful
    assert 'max_acceleration: got a moving arm, expected an arm at rest' in result.reason
    rig.wait_quiet()
    np.testing.assert_allclose(rig.commands[-1].q, goal, atol=1e-6)
    assert change(rig, max_acceleration=[5.0, 5.0]).successful
    assert change(rig, max_acceleration=[10.0, 10.0]).successful


def test_parameters_are_taken_together_or_not_at_all(rig):
    result = change(rig, speed_scale=0.5, keep_out__circles=[0.0, 0.05, 0.1])
    assert not result.successful
    assert 'keep-out circle' in result.reason
    goal = rig.set_off()
    rig.wait(lambda: rig.speed() > 2.5, 'speed_scale was changed')
    rig.arrive(goal)


def test_the_way_past_a_post_is_refused_by_name_or_gone_with_the_elbow_on_the_other_side(rig, live):
    live(keep_out__circles=POST, allow_branch_change=False)
    assert rig.ask(BEHIND) == 'OBSTRUCTED'
    rig.wait_said('OBSTRUCTED=1')
    rig.node.wait_for('link 2 to circle 1')
    assert not rig.commands
    live(allow_branch_change=True)
    assert rig.ask(BEHIND) == 'ACCEPTED'
    rig.wait_quiet()
    tip = ARM.fk_point(*rig.commands[-1].q)
    np.testing.assert_allclose(tip, ARM.fk_point(*BEHIND), atol=1e-9)
    assert ARM.branch_of(rig.commands[-1].q) == -1
    rig.check()
    rig.forget()
    # What stands clear of it is gone to.
    assert rig.ask((1.0, 1.0)) == 'ACCEPTED'
    rig.wait_quiet()
    rig.check()


def test_another_branch_only_where_it_is_allowed(rig, live):
    live(allow_branch_change=False)
    assert rig.ask(OTHER) == 'JOINT_LIMITS'
    assert not rig.commands
    live(allow_branch_change=True)
    assert rig.ask(OTHER) == 'ACCEPTED'
    rig.wait_quiet()
    rig.check()
    np.testing.assert_allclose(rig.commands[-1].q, OTHER, atol=1e-6)


def test_the_tip_goes_straight_where_that_is_wanted(rig, live):
    live(path='cartesian')
    here, there = ARM.fk_point(*START), ARM.fk_point(-0.8, 1.6)
    assert rig.ask((-0.8, 1.6)) == 'ACCEPTED'
    rig.wait_quiet()
    rig.check()
    tip = ARM.fk([command.q for command in rig.commands])
    along = np.subtract(there, here)
    normal = np.array([-along[1], along[0]]) / np.hypot(*along)
    # It begins where the arm is, which is within a hair of START.
    assert np.abs((tip - tip[0]) @ normal).max() < 1e-3
    np.testing.assert_allclose(tip[-1], there, atol=1e-9)


def test_at_rest_it_is_silent_or_holds(rig, live):
    live(idle='hold')
    rig.wait(lambda: len(rig.commands) > 20, 'does not hold')
    assert {command.q for command in rig.commands} == {rig.commands[0].q}
    live(idle='silent')
    rig.forget()
    rig.wait_for(0.3)
    assert len(rig.commands) <= 1


def test_a_hold_on_the_way_brakes_and_the_rest_of_the_way_is_forgotten(rig):
    goal = rig.set_off()
    assert trigger(rig, 'hold').success
    held = rig.now()
    assert rig.ask(RIGHT) == 'HOLDING'
    rig.wait_quiet()
    rig.check_gave_up(goal, held)
    rig.forget()
    assert trigger(rig, 'resume').success
    rig.wait_for(0.5)
    assert not rig.commands
    rig.arrive(LEFT)
    rig.check()


def test_deactivated_on_the_way_it_brakes_first_and_begins_anew_later(rig):
    goal = rig.set_off()
    assert transition(rig, Transition.TRANSITION_DEACTIVATE)
    rig.wait_quiet()
    rig.check()
    assert np.abs(np.array(rig.commands[-1].q) - goal).max() > 0.3
    rig.forget()
    assert transition(rig, Transition.TRANSITION_ACTIVATE)
    rig.wait_for(0.5)
    assert not rig.commands
    rig.ask_until('ACCEPTED', goal)
    rig.wait_quiet()
    rig.check()


def test_moved_by_somebody_else_meanwhile_it_starts_from_there(rig):
    rig.played.put((-1.2, 1.4))
    rig.wait(lambda: np.abs(rig.measured() - (-1.2, 1.4)).max() < 0.01, 'not moved')
    rig.forget()
    assert rig.ask((0.5, 0.8)) == 'ACCEPTED'
    rig.wait_quiet()
    rig.check()
    np.testing.assert_allclose(rig.commands[0].q, (-1.2, 1.4), atol=0.01)


def test_diagnostics_say_how_it_goes(rig):
    rig.set_off()
    motion = rig.wait_said('phase=moving')
    values = {entry.key: entry.value for entry in motion.values}
    assert motion.name == 'ik_node: motion'
    assert float(values['commands_rate_hz']) > 0.0
    assert float(values['tracking_error_rad']) > 0.0
    assert 50.0 < float(values['joint_states_rate_hz']) < 150.0
    assert values['command_publishers'] == '1'
    targets = rig.wait_said('latency_p50_ms')
    values = {entry.key: entry.value for entry in targets.values}
    assert float(values['latency_p50_ms']) <= float(values['latency_p99_ms'])
    assert values['model'].endswith('arm.onnx')
    assert int(values['ACCEPTED']) > 0
    rig.wait_quiet()
