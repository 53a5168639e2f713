"""Quality of service set by the standard parameters, and kept where it is not."""

import re

import pytest
from processes import DEADLINE_S, Client, node_process, reserved_domain
from rclpy.parameter import Parameter
from rclpy.qos import ReliabilityPolicy

from ik_nn_ros.errors import ConfigError
from ik_nn_ros.nodes.common.parameters import check_qos_overrides
from ik_nn_ros.process import NODE_MODULES

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT


@pytest.mark.parametrize(
    ('node', 'end', 'set_to', 'other', 'stays'),
    [
        ('arm_sim', 'publisher', BEST_EFFORT, 'tip_pose', RELIABLE),
        # These two are made with one profile.
        ('data_collector', 'subscription', RELIABLE, 'tip_pose', BEST_EFFORT),
        ('ik_node', 'subscription', RELIABLE, 'target_pose', RELIABLE),
    ],
)
def test_one_topic_is_set_and_the_others_stay(node, end, set_to, other, stays):
    name = f'qos_overrides./left/joint_states.{end}.reliability'
    with (
        reserved_domain() as domain,
        node_process(
            NODE_MODULES[node],
            *('-r', '__ns:=/left'),
            domain=domain,
            parameters={name: set_to.name.lower()},
        ) as process,
        Client(domain) as client,
    ):

        def reliability(topic):
            infos = getattr(client.node, f'get_{end}s_info_by_topic')(f'/left/{topic}')
            return [info.qos_profile.reliability for info in infos]

        client.wait_until(lambda: reliability('joint_states') and reliability(other))
        assert reliability('joint_states') == [set_to]
        assert reliability(other) == [stays]
        assert '[WARN]' not in process.output


@pytest.mark.parametrize(
    ('node', 'name', 'value', 'expected'),
    [
        # Made when the node is configured: it would be too late to end with a code.
        ('ik_node', 'joint_command.publisher.history', 'keep_lats', 'keep_last or keep_all'),
        ('arm_sim', 'joint_states.publisher.depth', -3, 'a whole number, 0 to 2147483647'),
    ],
)
def test_a_wrong_value_ends_the_node_with_one_line(node, name, value, expected):
    parameter = f'qos_overrides./{name}'
    with (
        reserved_domain() as domain,
        node_process(NODE_MODULES[node], domain=domain, parameters={parameter: value}) as process,
    ):
        assert process.process.wait(DEADLINE_S) == 1
        (line,) = process.output.splitlines()
    assert line.startswith(f'parameter {parameter}: got {value!r}, expected ')
    assert line.endswith(expected)


def require(policy, value):
    name = f'qos_overrides./joint_states.subscription.{policy}'
    check_qos_overrides({name: Parameter(name, value=value)})


@pytest.mark.parametrize(
    ('policy', 'value'),
    [
        *[('reliability', value) for value in ('relibale', '', 'unknown', 1, True)],
        *[('history', value) for value in ('last', 'UNKNOWN', 2.5, ['keep_last'])],
        *[('depth', value) for value in (-1, 2**31, 10.0, '10', True, None)],
    ],
)
def test_what_rclpy_ends_the_node_for_is_refused(policy, value):
    with pytest.raises(ConfigError, match=re.escape(f'{policy}: got {value!r}, expected ')):
        require(policy, value)


@pytest.mark.parametrize(
    ('policy', 'value'),
    [
        *[('reliability', value) for value in ('reliable', 'BEST_EFFORT', 'system_default')],
        *[('history', value) for value in ('keep_last', 'keep_all')],
        *[('depth', value) for value in (0, 1, 2**31 - 1)],
        ('durability', 'no policy that can be set here'),
    ],
)
def test_what_rclpy_takes_is_taken(policy, value):
    require(policy, value)
