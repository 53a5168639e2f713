"""The files in config/ and rviz/ agree with the nodes."""

import re
from pathlib import Path

import pytest
import rclpy
import yaml
from parameter_texts import (
    NO_PAGE,
    NODES,
    REGENERATE,
    config,
    expected_yaml,
    has_page,
    without_head,
)
from processes import Client, fresh_domain, node_process, reserved_domain
from rcl_interfaces.srv import GetParameters
from rclpy.context import Context
from rclpy.node import Node

from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.ik import markers
from ik_nn_ros.nodes.ik import node as ik_node
from ik_nn_ros.process import NODE_MODULES

SHARE = share_directory()
PUBLISHERS = re.compile(r"create_publisher\(\s*(\w+),\s*'(?:~/)?(\w+)'")

each_node = pytest.mark.parametrize('name', NODES)


@each_node
def test_yaml_lists_every_parameter_with_its_default_and_meaning(name):
    assert without_head(config(name).read_text()) == expected_yaml(name), REGENERATE


@each_node
def test_yaml_gives_every_default_with_its_type(name):
    file = yaml.safe_load(config(name).read_text())
    values = file[f'/**/{name}']['ros__parameters']
    defaults = {key: spec.default for key, spec in NODES[name].items()}
    assert values == defaults
    assert {k: type(v) for k, v in values.items()} == {k: type(v) for k, v in defaults.items()}


@pytest.fixture
def changed_config(tmp_path):
    """Returns a shipped file with one value changed, to tell it from the default."""

    def write(name):
        file = tmp_path / f'{name}.yaml'
        file.write_text(re.sub('tip_link: .*', 'tip_link: other_tip', config(name).read_text()))
        return file

    return write


@each_node
@pytest.mark.parametrize('namespace', ['/', '/left/arm'])
def test_yaml_reaches_a_node_of_that_name_in_any_namespace(name, namespace, changed_config):
    context = Context()
    rclpy.init(args=[], context=context, domain_id=fresh_domain())
    try:
        node = Node(
            name,
            namespace=namespace,
            context=context,
            cli_args=['--ros-args', '--params-file', str(changed_config(name))],
        )
        assert node.declare_parameter('tip_link', 'default').value == 'other_tip'
        node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)


@each_node
def test_the_node_takes_its_yaml(name, changed_config):
    if name == 'panel' and not has_page():
        pytest.skip(NO_PAGE)
    arguments = ('--params-file', str(changed_config(name)), '-r', '__ns:=/left/arm')
    with (
        reserved_domain() as domain,
        node_process(NODE_MODULES[name], *arguments, domain=domain) as node,
        Client(domain) as client,
    ):
        request = GetParameters.Request(names=['tip_link'])
        service = f'/left/arm/{name}/get_parameters'
        answer = client.call(GetParameters, service, request, again=True)
        assert answer.values[0].string_value == 'other_tip'
        assert '[ERROR]' not in node.output
        assert node.stop() == 0


@pytest.fixture(scope='module')
def rviz():
    return yaml.safe_load((SHARE / 'rviz' / 'arm.rviz').read_text())['Visualization Manager']


def topics(entries):
    return {
        entry['Class'].split('/')[-1]: entry[key]['Value']
        for entry in entries
        for key in ('Topic', 'Description Topic')
        if key in entry
    }


def test_rviz_shows_what_the_nodes_publish(rviz):
    shown = topics(rviz['Displays'])
    assert shown == {'RobotModel': 'robot_description', 'MarkerArray': 'ik_node/markers'}
    published = {name for _, name in PUBLISHERS.findall(Path(markers.__file__).read_text())}
    assert shown['MarkerArray'].removeprefix('ik_node/') in published


def test_rviz_subscribes_to_latched_topics_as_latched(rviz):
    for display in rviz['Displays']:
        for key in {'Topic', 'Description Topic'} & set(display):
            assert display[key]['Durability Policy'] == 'Transient Local'


def test_rviz_names_are_relative_so_that_they_follow_the_namespace(rviz):
    names = topics(rviz['Displays'] + rviz['Tools']).values()
    assert not [name for name in names if name.startswith('/')]


def test_rviz_has_the_tools_that_send_targets(rviz):
    assert topics(rviz['Tools']) == {'SetGoal': 'goal_pose', 'PublishPoint': 'clicked_point'}


def test_rviz_looks_down_on_the_frame_the_arm_stands_in(rviz):
    fixed = rviz['Global Options']['Fixed Frame']
    assert fixed == ik_node.PARAMETERS['base_link'].default
    assert rviz['Views']['Current']['Class'] == 'rviz_default_plugins/TopDownOrtho'
