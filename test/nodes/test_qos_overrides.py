"""Quality of service set by the standard parameters, and kept where it is not."""

import pytest
from processes import Client, node_process, reserved_domain
from rclpy.qos import ReliabilityPolicy

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
            f'ik_nn_ros.nodes.{node}',
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
