"""What docs/ and README.md say is true: links, names, parameters, topics, codes, keys."""

import ast
import re
from contextlib import ExitStack
from importlib.util import find_spec

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PointStamped
from ik_node_rig import URDF
from parameter_texts import (
    INTERFACES,
    NO_PAGE,
    NODES,
    REGENERATE,
    expected_list,
    has_page,
    parts,
)
from processes import Client, fresh_domain, node_process
from rclpy.node import NodeNameNonExistentError
from std_msgs.msg import String

from ik_nn_ros.cli import COMMANDS
from ik_nn_ros.ik.acceptance import Reason
from ik_nn_ros.nodes.ik.command_messages import COMMAND_TYPES, JointStateCommand
from ik_nn_ros.nodes.ik.node import LATCHED_QOS
from ik_nn_ros.process import NODE_MODULES

ROOT = INTERFACES.parents[1]
DOCS = ROOT / 'docs'

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason='docs/ is not there: not a checkout')

PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted(DOCS.glob('*.md'))]
each_page = pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
each_node = pytest.mark.parametrize('name', NODES)

CODE = re.compile(r'```(\w*)\n(.*?)```', re.DOTALL)
LINK = re.compile(r'\]\(([^)\s]+)\)')
HEADING = re.compile(r'^#+ (.*)$', re.MULTILINE)
PATH = re.compile(r'(?<![\w./-])(?:config|docs|ik_nn_ros|launch|models|rviz|test|urdf)/[\w./-]+\w')
LAUNCH = re.compile(r'ros2 launch ik_nn_ros (\w+\.launch\.py)((?: [^\n#]*)?)')
ARGUMENT = re.compile(r'(?<![\w.])(\w+):=')
QUOTED = re.compile(r'"[^"]*"')
ROW = re.compile(r'^\| (pub|sub|srv) \| `([^`]+)` \| (\S+) \|', re.MULTILINE)
CODE_NAME = re.compile('[A-Z]{4,}(_[A-Z]+)*|[A-Z]+(_[A-Z]+)+')
NO_CODES = {'UNKNOWN', 'URDF', 'WARN', 'ERROR', 'NONE'}
"""Words in capitals in the nodes' code that are none."""


def read(page):
    return page.read_text(encoding='utf-8')


def prose(page):
    return CODE.sub('', read(page))


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    titles = (re.sub(r'[^\w\- ]', '', title.lower()) for title in HEADING.findall(prose(page)))
    return {title.replace(' ', '-') for title in titles}


# Links and names


@each_page
def test_links_lead_somewhere(page):
    dead = []
    for link in LINK.findall(prose(page)):
        if '://' in link:
            continue
        file, _, anchor = link.partition('#')
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


@each_page
def test_files_that_are_mentioned_exist(page):
    named = {path for path in PATH.findall(read(page)) if '.' in path.rsplit('/', 1)[-1]}
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]


def test_the_index_leads_to_every_page():
    index = DOCS / 'index.md'
    assert {page.name for page in PAGES} <= {*re.findall(r'[\w.]+\.md', read(index)), index.name}


def launch_arguments(file):
    """The names of a launch file's arguments, and of those it takes from others."""
    tree = ast.parse(read(ROOT / 'launch' / file))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    names = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'DeclareLaunchArgument'
    }
    others = {text for text in texts if isinstance(text, str) and text.endswith('.launch.py')}
    for other in others - {file}:
        if (ROOT / 'launch' / other).is_file():
            names |= launch_arguments(other)
    return names


def xacro_arguments():
    files = (ROOT / 'urdf').glob('*.xacro')
    return {name for file in files for name in re.findall(r'xacro:arg name="(\w+)"', read(file))}


@each_page
def test_launch_commands_name_files_and_arguments_that_are_there(page):
    for file, words in LAUNCH.findall(read(page)):
        assert (ROOT / 'launch' / file).is_file(), file
        assert set(ARGUMENT.findall(QUOTED.sub('', words))) <= launch_arguments(file), words
        for_xacro = {name for text in QUOTED.findall(words) for name in ARGUMENT.findall(text)}
        assert for_xacro <= xacro_arguments(), words


@each_page
def test_commands_that_are_mentioned_exist(page):
    executables = set(re.findall(r"f'(\w+) = ", read(ROOT / 'setup.py')))
    text = read(page)
    assert set(re.findall(r'ros2 run ik_nn_ros (\w+)', text)) <= executables
    assert set(re.findall(r'ik_nn ([a-z]+)\b', text)) <= set(COMMANDS)


def documented_parameters():
    """Each `name: value` and each ros__parameters file in the pages, for ik_node."""
    for page in PAGES:
        for kind, code in CODE.findall(read(page)):
            if kind == 'yaml':
                yield from parameters_in(yaml.safe_load(code))
        for name, value in re.findall(r'`([\w.]+): ([^`]+)`', prose(page)):
            if name in NODES['ik_node']:
                yield name, yaml.safe_load(value)


def parameters_in(content):
    for name, value in content.items():
        if isinstance(value, dict):
            if name.endswith('ik_node'):
                yield from value['ros__parameters'].items()
        else:
            yield name, value


def test_parameters_that_are_shown_can_be_set():
    shown = list(documented_parameters())
    assert len(shown) > 10
    for name, value in shown:
        if name == 'qos_overrides':  # rclpy's own
            continue
        assert NODES['ik_node'][name].error(name, value) is None


def test_python_examples_print_what_they_say(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    examples = [
        code for page in PAGES for kind, code in CODE.findall(read(page)) if kind == 'python'
    ]
    assert examples
    for code in examples:
        exec(code, {})
        printed = capsys.readouterr().out
        said = re.findall(r'print\(.*\)  # ([([].*)$', code, re.MULTILINE)
        assert not [words for words in said if words not in printed], printed


# Interfaces


@each_node
def test_interfaces_list_the_parameters(name):
    assert parts(read(INTERFACES), name)[1] == expected_list(name), REGENERATE


def listed(name):
    """The rows of a node's section: (pub, sub or srv; name; type)."""
    (section,) = re.findall(rf'^## {name}\n(.*?)(?=^## |\Z)', read(INTERFACES), re.M | re.S)
    return set(ROW.findall(section))


def expected_rows(name):
    """What the page says of a node that runs with its defaults, in this environment."""
    absent = [kind.TOPIC for kind in COMMAND_TYPES.values() if kind is not JointStateCommand]
    absent += ['/clock']
    absent += ['/tf'] if find_spec('tf2_ros') is None else []
    absent += ['~/target/'] if find_spec('interactive_markers') is None else []
    return {row for row in listed(name) if not row[1].startswith(tuple(absent))}


def actual_rows(client, name, namespace):
    """What a node has, in the words of the page; without what every node has."""
    own = f'{namespace}/{name}/'
    asked = (
        ('pub', client.node.get_publisher_names_and_types_by_node),
        ('sub', client.node.get_subscriber_names_and_types_by_node),
        ('srv', client.node.get_service_names_and_types_by_node),
    )
    rows = set()
    for kind, ask in asked:
        for topic, (type_,) in ask(name, namespace or '/'):
            if type_.startswith(('rcl_interfaces/', 'lifecycle_msgs/', 'type_description_')):
                continue
            if topic.startswith(own):
                topic = f'~/{topic.removeprefix(own)}'
            elif not topic.startswith(('/tf', '/diagnostics', '/clock')):
                topic = topic.removeprefix(f'{namespace}/')
            rows.add((kind, topic, re.sub('/(msg|srv)/', '/', type_)))
    return rows


@pytest.fixture(scope='module')
def running(tmp_path_factory):
    """The nodes; the arm has been sent to a target. Yields a client, and the diagnostics."""
    domain = fresh_domain()
    output = str(tmp_path_factory.mktemp('out') / 'samples.mcap')
    explore = {'robot_description': URDF, 'explore': True, 'output': output}
    starts = (
        ('ik_node', (), {'model_file': 'arm.onnx'}),
        ('arm_sim', (), {}),
        # Elsewhere: it does not explore where another node commands.
        ('data_collector', ('-r', '__ns:=/elsewhere'), explore),
    )
    if has_page():
        starts += (('panel', (), {}),)
    with ExitStack() as stack:
        for name, arguments, parameters in starts:
            process = node_process(
                NODE_MODULES[name], *arguments, domain=domain, parameters=parameters
            )
            stack.enter_context(process)
        client = stack.enter_context(Client(domain))
        client.node.create_publisher(String, 'robot_description', LATCHED_QOS).publish(
            String(data=URDF)
        )
        arrays = client.collect(DiagnosticArray, '/diagnostics')
        target = client.publisher(PointStamped, 'target_point')
        message = PointStamped()
        message.point.x, message.point.y = 0.3, 0.2
        client.publish_until(target, message, lambda: 'tracking_error_rad' in keys(arrays))
        client.wait_until(lambda: 'coverage' in keys(arrays))
        yield client, arrays


def keys(arrays):
    return {entry.key for array in arrays for status in array.status for entry in status.values}


@each_node
def test_interfaces_list_topics_and_services_of_the_running_node(running, name):
    client, _ = running
    if name == 'panel' and not has_page():
        pytest.skip(NO_PAGE)
    namespace = '/elsewhere' if name == 'data_collector' else ''

    def difference():
        try:
            actual = actual_rows(client, name, namespace)
        except NodeNameNonExistentError:
            actual = set()  # not discovered yet
        return sorted(actual ^ expected_rows(name))

    client.wait_until(lambda: not difference(), what=lambda: f'not on both sides: {difference()}')


def test_interfaces_list_every_kind_of_command():
    rows = listed('ik_node')
    for name, kind in COMMAND_TYPES.items():
        type_ = f'{kind.MESSAGE.__module__.split(".")[0]}/{kind.MESSAGE.__name__}'
        assert ('pub', kind.TOPIC, type_) in rows
        assert f'`command_type: {name}`' in read(INTERFACES)


# Codes, keys, faults


def codes():
    """Every code that can be in target_status: found as a text in the nodes' code."""
    found = {reason.name for reason in Reason}
    for folder in ('nodes', 'control', 'trajectory'):
        for file in (ROOT / 'ik_nn_ros' / folder).rglob('*.py'):
            texts = (
                node.value for node in ast.walk(ast.parse(read(file))) if hasattr(node, 'value')
            )
            found |= {t for t in texts if isinstance(t, str) and CODE_NAME.fullmatch(t)}
    return found - NO_CODES


def explained():
    """What the page has as a heading or in code quotes."""
    page = prose(DOCS / 'troubleshooting.md')
    return {*HEADING.findall(page), *re.findall('`([^`\n]+)`', page)}


def test_every_code_is_explained():
    assert 'TOO_OLD' in codes()
    assert sorted(codes() - explained()) == []
    table = set(re.findall(r'^\| ([A-Z_]+) \|', read(INTERFACES), re.MULTILINE))
    assert codes() - {'ACCEPTED', 'PROJECTED'} == table


def test_every_key_of_the_diagnostics_is_explained(running):
    _, arrays = running
    found = {re.sub(r'^span\..*', 'span.<joint>', key) for key in keys(arrays)}
    found = {re.sub(r'^dropped\..*', 'dropped.<reason>', key) for key in found}
    assert 'span.<joint>' in found
    _, tables = read(DOCS / 'troubleshooting.md').split('## Diagnostics\n')
    cells = re.findall(r'^\| ([^|]*) \|', tables, re.MULTILINE)
    assert sorted(found - codes() - {*re.findall('`([^`]+)`', ' '.join(cells))}) == []


def test_every_fault_of_the_motion_is_explained():
    """The texts that follow `the arm was brought to rest:`."""
    source = read(ROOT / 'ik_nn_ros' / 'control' / 'smooth_controller.py')
    calls = re.findall(r"(?:_abort\(|_start_yielding\(|\.fault = )f?'([^'{(]+)", source)
    whats = re.findall(r"'(joint_states are [^']+|the joints do not [^':]+)'", source)
    said = {text.split(':')[0].strip() for text in [*calls, *whats]} - {''}
    assert len(said) > 5
    page = read(DOCS / 'troubleshooting.md')
    assert not [text for text in said if f'| {text}' not in page]
