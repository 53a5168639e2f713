"""
Declarative node parameters: one table a node, from which they are declared, checked and read.

A value given at start that has the wrong type or is out of range does not end the node: the default
stands, and :attr:`Parameters.errors` says what was wrong until a right value is set. Likewise for
values that are right one by one but do not go together; these stand until others are set.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from ik_nn_ros.errors import ConfigError, IkNnError
from ik_nn_ros.nodes.common.distro import add_pre_set_parameters_callback

# MERGED nodes.qos: Quality of service that users can override, by the standard parameters ``qos_overrides``.

OVERRIDE_PREFIX = 'qos_overrides.'
"""The names of the parameters begin so, and end in the policy."""
POLICIES = {'reliability': ReliabilityPolicy, 'history': HistoryPolicy}
MAX_DEPTH = 2**31 - 1


def overridable_qos(qos: QoSProfile | int) -> dict[str, Any]:
    """
    Return the arguments of a publisher or subscription with this quality of service unless set.

    ``qos_overrides./left/joint_states.subscription.reliability: reliable`` sets it, likewise
    ``depth`` and ``history``; the name of the topic is the one in use, after all remaps.

    :param qos: profile, or the depth of a reliable one
    """
    # A copy: rclpy writes what is overridden into the profile, and one may serve several topics.
    return {
        'qos_profile': copy(qos),
        'qos_overriding_options': QoSOverridingOptions.with_default_policies(),
    }


def check_qos_overrides(overrides: Mapping[str, Parameter]) -> None:
    """
    Refuse overrides that rclpy would end the node for, without naming the parameter.

    :param overrides: the parameters given at start, by name
    :raises ConfigError: a value that is none of its policy
    """
    for name, parameter in overrides.items():
        if name.startswith(OVERRIDE_PREFIX):
            expected = _expected_policy_value(name.rpartition('.')[2], parameter.value)
            if expected:
                raise ConfigError(f'parameter {name}', got=repr(parameter.value), expected=expected)


def _expected_policy_value(policy: str, value: object) -> str:
    """Return what a policy should be; empty: it is right, or none that can be set."""
    if policy == 'depth':
        right = type(value) is int and 0 <= value <= MAX_DEPTH
        return '' if right else f'a whole number, 0 to {MAX_DEPTH}'
    words = [kind.name.lower() for kind in POLICIES.get(policy, ()) if kind.name != 'UNKNOWN']
    right = not words or (isinstance(value, str) and value.lower() in words)
    return '' if right else ' or '.join(words)


COMBINATION = 'all together'
"""Where :attr:`Parameters.errors` has what belongs to no single parameter."""
ParameterValue = bool | int | float | str | list[float] | list[str]


@dataclass(frozen=True)
class ParameterSpec:
    """
    One parameter.

    :param default: its value unless set; its type is the parameter's type
    :param description: what it means, with the unit
    :param low: smallest value of a number
    :param high: largest value of a number
    :param choices: allowed values of a text
    :param dynamic: whether it may be changed while the node is configured
    :param group_size: a list holds any number of groups of so many numbers; 0: as many as the default
    :param element_type: what a list holds: float, or str, any number of them
    """

    default: ParameterValue
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    dynamic: bool = False
    group_size: int = 0
    element_type: type = float

    @property
    def is_variable_length(self) -> bool:
        """Whether it is a list of any length."""
        return self.group_size > 0 or self.element_type is str

    def to_descriptor(self) -> ParameterDescriptor:
        """Return the descriptor that ``ros2 param describe`` shows."""
        descriptor = ParameterDescriptor(description=self.description)
        if self.low is not None and self.high is not None:
            if isinstance(self.default, int):
                whole = IntegerRange(from_value=int(self.low), to_value=int(self.high))
                descriptor.integer_range = [whole]
            else:
                numbers = FloatingPointRange(from_value=self.low, to_value=self.high)
                descriptor.floating_point_range = [numbers]
        if self.choices:
            descriptor.additional_constraints = f'one of: {", ".join(self.choices)}'
        return descriptor

    def error(self, name: str, value: Any) -> str | None:
        """Return what is wrong with a value, None if nothing is."""
        value = list(value) if isinstance(value, array) else value
        if not self._has_valid_type(value):
            listed = 'list of texts' if self.element_type is str else 'list of numbers'
            kind = listed if isinstance(self.default, list) else type(self.default).__name__
            return f'{name}: got {value!r} ({type(value).__name__}), expected a {kind}'
        if self.element_type is str:
            return None
        numbers = list(value) if isinstance(self.default, list) else [value]
        if isinstance(self.default, float | list) and not all(isfinite(v) for v in numbers):
            return f'{name}: got {value}, expected finite'
        if isinstance(self.default, list) and (expected := self._expected_length(len(numbers))):
            return f'{name}: got {len(numbers)} numbers, expected {expected}'
        if (
            self.low is not None
            and self.high is not None
            and not all(self.low <= v <= self.high for v in numbers)
        ):
            return f'{name}: got {value}, expected {self.low} to {self.high}'
        if self.choices and value not in self.choices:
            return f'{name}: got {value!r}, expected {" or ".join(self.choices)}'
        return None

    def to_parameter(self, name: str, value: Any) -> Parameter:
        """Return a value without fault as a parameter of the right type."""
        if isinstance(self.default, list):
            # Said, as it cannot be told from an empty list.
            if self.element_type is str:
                return Parameter(name, Parameter.Type.STRING_ARRAY, list(value))
            numbers = [float(number) for number in value]
            return Parameter(name, Parameter.Type.DOUBLE_ARRAY, numbers)
        # `rate: 100` in a YAML file means 100.0.
        return Parameter(name, value=float(value) if isinstance(self.default, float) else value)

    def _expected_length(self, length: int) -> str:
        """Return which length is expected, empty if it is this."""
        if self.group_size:
            return f'a multiple of {self.group_size}' if length % self.group_size else ''
        return f'{len(self.default)}' if length != len(self.default) else ''

    def _has_valid_type(self, value: Any) -> bool:
        if self.element_type is str:
            return isinstance(value, list) and all(isinstance(text, str) for text in value)
        if isinstance(self.default, list):
            # rclpy gives arrays of numbers as array.array.
            return isinstance(value, list | tuple | array) and all(map(_is_number, value))
        if isinstance(self.default, float):
            return _is_number(value)
        return type(value) is type(self.default)


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


class Parameters:
    """
    The parameters of one node.

    :param node: the node they are declared on
    :param specs: the table, by name
    :param check: see :attr:`check`
    """

    def __init__(
        self,
        node: Node,
        specs: Mapping[str, ParameterSpec],
        check: Callable[[Mapping[str, Any]], object] = lambda values: None,
    ) -> None:
        self._node = node
        self._specs = specs
        self.errors: dict[str, str] = {}
        """What was wrong with values given at start, by parameter, or by :data:`COMBINATION`."""
        self._values: dict[str, Any] = {}
        self.check = check
        """
        Called with all values as they would be; raises IkNnError where they do not go together, or
        cannot be taken now. It may be replaced: the first one is also asked about those at start.
        """
        self.on_change: Callable[[], None] = lambda: None
        """Called after live parameters were changed."""
        self.read_only_reason = ''
        """While not empty, only live parameters can be set; it says why."""
        for name, spec in specs.items():
            self._declare(name, spec)
        check_qos_overrides(node._parameter_overrides)
        self._record_combination_error(self._combination_error(self._values))
        add_pre_set_parameters_callback(node, self._coerce_all)
        node.add_on_set_parameters_callback(self._on_set)
        self._warn_about_unknown()

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def _warn_about_unknown(self) -> None:
        """Name parameters given at start that the node does not have: they may be misspelt."""
        for name in self._node._parameter_overrides:
            if not self._node.has_parameter(name) and not name.startswith('qos_overrides.'):
                near = get_close_matches(name, self._specs, n=1)
                meant = f'; did you mean {near[0]}?' if near else ''
                self._node.get_logger().warning(f'parameter {name}: there is none such{meant}')

    def _coerce(self, parameter: Parameter) -> Parameter:
        """Give a right value its type: `rate:=100` means 100.0, `[]` is a list of numbers."""
        name, value, spec = parameter.name, parameter.value, self._specs.get(parameter.name)
        if spec is None or spec.error(name, value):
            return parameter
        return spec.to_parameter(name, value)

    def _coerce_all(self, parameters: list[Parameter]) -> list[Parameter]:
        return [self._coerce(parameter) for parameter in parameters]

    def _declare(self, name: str, spec: ParameterSpec) -> None:
        value: Any = spec.default
        given = self._node._parameter_overrides.get(name)
        if given is not None:
            # `[]` in a YAML file comes as no value at all.
            value = [] if spec.is_variable_length and given.value is None else given.value
            fault = spec.error(name, value)
            if fault is not None:
                self.errors[name] = fault
                value = spec.default
        parameter = spec.to_parameter(name, value)
        start = parameter.type_ if parameter.value == [] else parameter.value
        self._node.declare_parameter(name, start, spec.to_descriptor(), ignore_override=True)
        if parameter.value == []:  # rclpy knows no default of this kind
            self._node.set_parameters([parameter])
        self._values[name] = parameter.value

    def _on_set(self, parameters: Iterable[Parameter]) -> SetParametersResult:
        ours = [parameter for parameter in parameters if parameter.name in self._specs]
        if not ours:
            return SetParametersResult(successful=True)
        values = dict(self._values)
        for parameter in ours:
            name, spec = parameter.name, self._specs[parameter.name]
            if self.read_only_reason and not spec.dynamic:
                return SetParametersResult(
                    successful=False, reason=f'{name}: {self.read_only_reason}'
                )
            fault = spec.error(name, parameter.value)
            if fault is not None:
                return SetParametersResult(successful=False, reason=fault)
            values[name] = spec.to_parameter(name, parameter.value).value
        fault = self._combination_error(values)
        # With a fault from the start nothing runs yet, and it may take several changes to be rid
        # of it.
        if fault is not None and not self.errors:
            return SetParametersResult(successful=False, reason=fault)
        for parameter in ours:
            self.errors.pop(parameter.name, None)
        self._values = values
        self._record_combination_error(fault)
        self.on_change()
        return SetParametersResult(successful=True)

    def _combination_error(self, values: Mapping[str, Any]) -> str | None:
        """Return why values cannot be taken, though each is right by itself."""
        try:
            self.check(values)
        except IkNnError as error:
            return str(error)
        return None

    def _record_combination_error(self, error: str | None) -> None:
        """Keep what is wrong with all together, once each is right by itself."""
        self.errors.pop(COMBINATION, None)
        if error is not None and not self.errors:
            self.errors[COMBINATION] = error
