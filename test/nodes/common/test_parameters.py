"""A node's parameters are declared, checked one by one and together, and read; real rclpy."""

import json
from contextlib import contextmanager

import pytest
import rclpy
from processes import fresh_domain
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType
from rclpy.context import Context
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.parameter import Parameter, get_parameter_value

from ik_nn_ros.errors import ConfigError
from ik_nn_ros.nodes.common.parameters import COMBINATION, Parameters, ParameterSpec

CIRCLES = ParameterSpec(
    [], 'x, y, radius of each, m', low=-10.0, high=10.0, dynamic=True, group_size=3
)
SPECS = {
    'low': ParameterSpec(1.0, 'm', low=0.0, high=9.0, dynamic=True),
    'high': ParameterSpec(2.0, 'm', low=0.0, high=9.0, dynamic=True),
    'pair': ParameterSpec([1.0, 2.0], 'm', dynamic=True),
    'frozen': ParameterSpec(1, 'of them', low=0, high=9),
    'keep_out.circles': CIRCLES,
    'names': ParameterSpec([], 'of joints', element_type=str),
}


def ordered(values):
    """Check that low <= high, which neither can tell by itself."""
    if values['low'] > values['high']:
        raise ConfigError('low', got=values['low'], expected=f'<= {values["high"]}')


@contextmanager
def node_with(tmp_path, given=None, text=None):
    """Make a node to which a file gives values; JSON is YAML."""
    file = tmp_path / 'parameters.yaml'
    file.write_text(text or json.dumps({'/**': {'ros__parameters': given or {'unknown': 1}}}))
    context = Context()
    rclpy.init(
        args=['--ros-args', '--params-file', str(file)], context=context, domain_id=fresh_domain()
    )
    node = rclpy.create_node('node', context=context)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)


@pytest.fixture
def node(tmp_path):
    with node_with(tmp_path) as node:
        yield node


def ros2_param_set(node, name, text):
    """Do what ``ros2 param set`` makes the node do."""
    message = ParameterMessage(name=name, value=get_parameter_value(text))
    return node.set_parameters([Parameter.from_parameter_msg(message)])[0]


def set_together(node, **values):
    parameters = [Parameter(name, value=value) for name, value in values.items()]
    return node.set_parameters_atomically(parameters)


def stored(node, name):
    """What ``ros2 param get`` and ``dump`` show."""
    parameter = node.get_parameter(name)
    return parameter.type_, list(parameter.value)


DOUBLES = Parameter.Type.DOUBLE_ARRAY


@pytest.mark.parametrize(
    ('text', 'numbers'),
    [
        ('1', []),  # not given
        ('1\n    keep_out.circles: []', []),
        ('1\n    keep_out.circles: [0.1, 0.2, 0.3]', [0.1, 0.2, 0.3]),
        ('1\n    keep_out: {circles: [1, 2, 3, 4, 5, 6]}', [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    ],
)
def test_a_list_may_have_any_number_of_groups_at_start(tmp_path, text, numbers):
    file = f'/**:\n  ros__parameters:\n    unknown: {text}\n'
    with node_with(tmp_path, text=file) as node:
        settings = Parameters(node, SPECS)
        assert settings.errors == {}
        assert settings['keep_out.circles'] == numbers
        assert stored(node, 'keep_out.circles') == (DOUBLES, numbers)
        assert (
            node.describe_parameter('keep_out.circles').type == ParameterType.PARAMETER_DOUBLE_ARRAY
        )


def test_a_list_of_groups_can_be_set_and_emptied(node):
    settings = Parameters(node, SPECS)
    for text, numbers in [
        ('[0.5, 0.0, 0.1]', [0.5, 0.0, 0.1]),
        ('[1, 2, 3]', [1.0, 2.0, 3.0]),
        ('[]', []),
        ('[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]', [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
    ]:
        assert ros2_param_set(node, 'keep_out.circles', text).successful
        assert settings['keep_out.circles'] == numbers
        assert [type(number) for number in settings['keep_out.circles']] == [float] * len(numbers)
        assert stored(node, 'keep_out.circles') == (DOUBLES, numbers)


@pytest.mark.parametrize(
    ('name', 'text', 'words'),
    [
        ('keep_out.circles', '[0.1, 0.2]', 'got 2 numbers, expected a multiple of 3'),
        ('keep_out.circles', '[0.1, 0.2, .nan]', 'expected finite'),
        ('keep_out.circles', '[0.1, 0.2, 99.0]', 'expected -10.0 to 10.0'),
        ('keep_out.circles', '[a, b, c]', ''),
        ('keep_out.circles', '0.5', ''),
        ('pair', '[]', ''),
        ('pair', '[1.0]', 'got 1 numbers, expected 2'),
        ('low', '[]', ''),
    ],
)
def test_what_is_no_such_list_is_refused(node, name, text, words):
    settings = Parameters(node, SPECS)
    result = ros2_param_set(node, name, text)
    assert not result.successful
    assert words in result.reason
    assert settings[name] == SPECS[name].default


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('keep_out.circles', [0.1, 0.2], 'got 2 numbers, expected a multiple of 3'),
        ('keep_out.circles', 'here', "got 'here' (str), expected a list of numbers"),
        ('pair', [], 'got None (NoneType), expected a list of numbers'),
        ('names', [1.0], 'got [1.0] (list), expected a list of texts'),
        ('names', 'elbow', "got 'elbow' (str), expected a list of texts"),
        ('low', 'small', "got 'small' (str), expected a float"),
        ('low', 10.0, 'got 10.0, expected 0.0 to 9.0'),
        ('frozen', 2.5, 'got 2.5 (float), expected a int'),
    ],
)
def test_a_wrong_value_at_start_is_named_until_it_is_set_right(tmp_path, name, value, words):
    with node_with(tmp_path, {name: value}) as node:
        settings = Parameters(node, SPECS)
        assert settings.errors == {name: f'{name}: {words}'}
        default = SPECS[name].default
        assert settings[name] == default
        assert node.set_parameters([SPECS[name].to_parameter(name, default)])[0].successful
        assert settings.errors == {}


def test_a_list_of_names_is_one_also_when_it_is_empty(tmp_path):
    texts = Parameter.Type.STRING_ARRAY
    for given, names in [({}, []), ({'names': []}, []), ({'names': ['a', 'b']}, ['a', 'b'])]:
        with node_with(tmp_path, given) as node:
            settings = Parameters(node, SPECS)
            assert settings.errors == {}
            assert settings['names'] == names
            assert stored(node, 'names') == (texts, names)
            assert ros2_param_set(node, 'names', '[c]').successful
            assert settings['names'] == ['c']


def test_whole_numbers_will_do_for_others(tmp_path):
    with node_with(tmp_path, {'low': 2, 'high': 3, 'pair': [3, 4]}) as node:
        settings = Parameters(node, SPECS)
        assert settings.errors == {}
        assert (settings['low'], settings['pair']) == (2.0, [3.0, 4.0])
        assert type(settings['low']) is float
        assert ros2_param_set(node, 'low', '3').successful
        assert type(settings['low']) is float


def test_values_that_do_not_go_together_are_refused_as_a_whole(node):
    changes = []
    settings = Parameters(node, SPECS, ordered, on_change=lambda: changes.append(settings['low']))
    result = set_together(node, pair=[7.0, 7.0], low=3.0)
    assert not result.successful
    assert result.reason == 'low: got 3.0, expected <= 2.0'
    assert (settings['pair'], settings['low'], changes) == ([1.0, 2.0], 1.0, [])
    assert stored(node, 'pair') == (DOUBLES, [1.0, 2.0])
    assert set_together(node, low=3.0, high=4.0).successful
    assert changes == [3.0]


def test_one_wrong_value_refuses_those_beside_it(node):
    settings = Parameters(node, SPECS)
    settings.lock('not now')
    assert not set_together(node, low=1.5, high=99.0).successful
    assert set_together(node, low=1.5, frozen=2).reason == 'frozen: not now'
    assert (settings['low'], settings['frozen']) == (1.0, 1)


def test_values_at_start_that_do_not_go_together_stand_until_they_do(tmp_path):
    """More than one of them may have to be set, one after the other."""
    with node_with(tmp_path, {'low': 5.0, 'high': 0.5}) as node:
        settings = Parameters(node, SPECS, ordered)
        assert settings.errors == {COMBINATION: 'low: got 5.0, expected <= 0.5'}
        assert ros2_param_set(node, 'low', '3.0').successful
        assert settings.errors == {COMBINATION: 'low: got 3.0, expected <= 0.5'}
        assert ros2_param_set(node, 'high', '3.5').successful
        assert settings.errors == {}
        assert not ros2_param_set(node, 'high', '1.0').successful


def test_what_is_wrong_by_itself_comes_before_what_does_not_go_together(tmp_path):
    """With a default in place of the wrong value nothing can be said about all together."""
    with node_with(tmp_path, {'low': 'x', 'high': 0.5}) as node:
        settings = Parameters(node, SPECS, ordered)
        assert list(settings.errors) == ['low']
        assert ros2_param_set(node, 'low', '0.6').successful
        assert settings.errors == {COMBINATION: 'low: got 0.6, expected <= 0.5'}
        assert ros2_param_set(node, 'low', '0.4').successful
        assert settings.errors == {}


def test_a_change_can_be_refused_for_the_time_being(node):
    moving = False

    def check(values):
        ordered(values)
        if moving and values['low'] != settings['low']:
            raise ConfigError('low', got='an arm that moves', expected='one at rest')

    settings = Parameters(node, SPECS, check)
    moving = True
    result = ros2_param_set(node, 'low', '0.5')
    assert result.reason == 'low: got an arm that moves, expected one at rest'
    assert ros2_param_set(node, 'high', '3.0').successful
    moving = False
    assert ros2_param_set(node, 'low', '0.5').successful


def test_parameters_of_others_are_none_of_its_business(node):
    calls = []
    Parameters(node, SPECS, calls.append, lambda: calls.append('changed'))
    calls.clear()
    assert ros2_param_set(node, 'use_sim_time', 'true').successful
    assert not calls


def test_a_misspelt_parameter_is_named_with_what_may_be_meant(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(RcutilsLogger, 'warning', lambda self, text, **_: said.append(text))
    given = {'lo': 2.0, 'qos_overrides./t.publisher.depth': 3, 'use_sim_time': False}
    with node_with(tmp_path, given) as node:
        Parameters(node, SPECS)
        assert said == ['parameter lo: no such parameter; did you mean low?']
