"""
Parameters of a node: declared from one table, checked, and read; and its QoS overrides.

A start value that has the wrong type or is out of range does not end the node: the default is used,
and :attr:`Parameters.errors` describes the error until a correct value is set. The same holds for
values that are correct one by one but do not fit together; these are kept until others are set.

QoS overrides (``qos_overrides.<topic>.<entity>.<policy>``) are declared by rclpy; a wrong one
raises an error that names the parameter.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
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

COMBINATION = 'all together'
"""Key of :attr:`Parameters.errors` for an error that belongs to no single parameter."""
ParameterValue = bool | int | float | str | list[float] | list[str]

QOS_OVERRIDE_PREFIX = 'qos_overrides.'
QOS_POLICIES: Mapping[str, type[Enum]] = {
    'reliability': ReliabilityPolicy,
    'history': HistoryPolicy,
}
"""Policies that can be overridden, besides ``depth``."""
MAX_QOS_DEPTH = 2**31 - 1


@dataclass(frozen=True)
class ParameterSpec:
    """
    Specification of one parameter.

    :param default: value unless another is set; its type is the type of the parameter
    :param description: meaning, with the unit
    :param low: smallest value of a number
    :param high: largest value of a number
    :param choices: allowed values of a text
    :param dynamic: whether it may be changed while the node is configured
    :param group_size: how many numbers make one group of a list that holds any number of groups;
        0: the list is as long as the default
    :param element_type: of a list: float, or str for a list of any length
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
        """Whether the parameter is a list of any length."""
        return self.group_size > 0 or self.element_type is str

    def to_descriptor(self) -> ParameterDescriptor:
        """Return the descriptor that ``ros2 param describe`` shows."""
        descriptor = ParameterDescriptor(description=self.description)
        if self.low is not None and self.high is not None:
            if isinstance(self.default, int):
                integer_range = IntegerRange(from_value=int(self.low), to_value=int(self.high))
                descriptor.integer_range = [integer_range]
            else:
                float_range = FloatingPointRange(from_value=self.low, to_value=self.high)
                descriptor.floating_point_range = [float_range]
        if self.choices:
            descriptor.additional_constraints = f'one of: {", ".join(self.choices)}'
        return descriptor

    def error(self, name: str, value: Any) -> str | None:
        """
        Check a value.

        :return: what is wrong with it, None if nothing is
        """
        value = list(value) if isinstance(value, array) else value
        if not self._has_valid_type(value):
            return f'{name}: got {value!r} ({type(value).__name__}), expected a {self._type_name}'
        if self.element_type is str:
            return None
        numbers = list(value) if isinstance(self.default, list) else [value]
        if isinstance(self.default, float | list) and not all(isfinite(v) for v in numbers):
            return f'{name}: got {value}, expected finite'
        if expected := self._length_error(len(numbers)):
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
        """Return a correct value as a parameter of the right type."""
        if isinstance(self.default, list):
            # The type is given, because an empty list does not show it.
            if self.element_type is str:
                return Parameter(name, Parameter.Type.STRING_ARRAY, list(value))
            numbers = [float(number) for number in value]
            return Parameter(name, Parameter.Type.DOUBLE_ARRAY, numbers)
        # `rate: 100` in a YAML file means 100.0.
        return Parameter(name, value=float(value) if isinstance(self.default, float) else value)

    @property
    def _type_name(self) -> str:
        if not isinstance(self.default, list):
            return type(self.default).__name__
        return 'list of texts' if self.element_type is str else 'list of numbers'

    def _length_error(self, length: int) -> str:
        """Return the expected length of a list, or '' if the length is right."""
        if not isinstance(self.default, list):
            return ''
        if self.group_size:
            return f'a multiple of {self.group_size}' if length % self.group_size else ''
        return f'{len(self.default)}' if length != len(self.default) else ''

    def _has_valid_type(self, value: Any) -> bool:
        if self.element_type is str:
            return isinstance(value, list) and all(isinstance(text, str) for text in value)
        if isinstance(self.default, list):
            # rclpy passes arrays of numbers as array.array.
            return isinstance(value, list | tuple | array) and all(map(_is_number, value))
        if isinstance(self.default, float):
            return _is_number(value)
        return type(value) is type(self.default)


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


class Parameters:
    """
    The parameters of one node, read by ``parameters[name]``.

    :param node: node that declares them
    :param specs: specifications, by name
    :param check: called with all values as they would be, at the start and before each change;
        raises IkNnError if they do not fit together or cannot be changed now
    :param on_change: called after parameters have been changed
    """

    def __init__(
        self,
        node: Node,
        specs: Mapping[str, ParameterSpec],
        check: Callable[[Mapping[str, Any]], object] = lambda values: None,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        self._node = node
        self._specs = specs
        self.errors: dict[str, str] = {}
        """Errors of values given at the start, by parameter or :data:`COMBINATION`."""
        self._values: dict[str, Any] = {}
        self._check = check
        self._on_change = on_change
        self._lock_reason = ''
        self._overrides: Mapping[str, Parameter] = node._parameter_overrides
        for name, spec in specs.items():
            self._declare(name, spec)
        check_qos_overrides(self._overrides)
        self._record_combination_error(self._combination_error(self._values))
        add_pre_set_parameters_callback(node, self._coerce_all)
        node.add_on_set_parameters_callback(self._on_set)
        self._warn_about_unknown()

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def lock(self, reason: str) -> None:
        """
        Reject changes of parameters that are not dynamic, until :meth:`unlock`.

        :param reason: told to the client that tries to change one
        """
        self._lock_reason = reason

    def unlock(self) -> None:
        """Allow changes of all parameters."""
        self._lock_reason = ''

    def _warn_about_unknown(self) -> None:
        """Warn about parameters given at the start that the node does not have."""
        for name in self._overrides:
            if not self._node.has_parameter(name) and not name.startswith(QOS_OVERRIDE_PREFIX):
                similar = get_close_matches(name, self._specs, n=1)
                suggestion = f'; did you mean {similar[0]}?' if similar else ''
                self._node.get_logger().warning(f'parameter {name}: no such parameter{suggestion}')

    def _coerce(self, parameter: Parameter) -> Parameter:
        """Give a correct value its type: `rate:=100` means 100.0, `[]` is a list of numbers."""
        name, value, spec = parameter.name, parameter.value, self._specs.get(parameter.name)
        if spec is None or spec.error(name, value):
            return parameter
        return spec.to_parameter(name, value)

    def _coerce_all(self, parameters: list[Parameter]) -> list[Parameter]:
        return [self._coerce(parameter) for parameter in parameters]

    def _declare(self, name: str, spec: ParameterSpec) -> None:
        value: Any = spec.default
        override = self._overrides.get(name)
        if override is not None:
            # `[]` in a YAML file arrives as no value at all.
            value = [] if spec.is_variable_length and override.value is None else override.value
            error = spec.error(name, value)
            if error is not None:
                self.errors[name] = error
                value = spec.default
        parameter = spec.to_parameter(name, value)
        start = parameter.type_ if parameter.value == [] else parameter.value
        self._node.declare_parameter(name, start, spec.to_descriptor(), ignore_override=True)
        if parameter.value == []:  # rclpy cannot declare it as a default
            self._node.set_parameters([parameter])
        self._values[name] = parameter.value

    def _on_set(self, parameters: Iterable[Parameter]) -> SetParametersResult:
        own = [parameter for parameter in parameters if parameter.name in self._specs]
        if not own:
            return SetParametersResult(successful=True)
        values = dict(self._values)
        for parameter in own:
            error = self._change_error(parameter)
            if error is not None:
                return SetParametersResult(successful=False, reason=error)
            spec = self._specs[parameter.name]
            values[parameter.name] = spec.to_parameter(parameter.name, parameter.value).value
        error = self._combination_error(values)
        # With an error from the start nothing runs yet, and several changes may be needed to
        # correct it.
        if error is not None and not self.errors:
            return SetParametersResult(successful=False, reason=error)
        for parameter in own:
            self.errors.pop(parameter.name, None)
        self._values = values
        self._record_combination_error(error)
        self._on_change()
        return SetParametersResult(successful=True)

    def _change_error(self, parameter: Parameter) -> str | None:
        """Return why one parameter cannot be changed to its new value, None if it can."""
        name, spec = parameter.name, self._specs[parameter.name]
        if self._lock_reason and not spec.dynamic:
            return f'{name}: {self._lock_reason}'
        return spec.error(name, parameter.value)

    def _combination_error(self, values: Mapping[str, Any]) -> str | None:
        """Return why values do not fit together, None if they do."""
        try:
            self._check(values)
        except IkNnError as error:
            return str(error)
        return None

    def _record_combination_error(self, error: str | None) -> None:
        """Record an error of all values together, once each is correct by itself."""
        self.errors.pop(COMBINATION, None)
        if error is not None and not self.errors:
            self.errors[COMBINATION] = error


def overridable_qos(qos: QoSProfile | int) -> dict[str, Any]:
    """
    Return the QoS arguments of a publisher or subscription whose QoS users can override.

    For example ``qos_overrides./left/joint_states.subscription.reliability: reliable``; also
    ``depth`` and ``history``. The name of the topic is the one after all remaps.

    :param qos: profile unless overridden, or the depth of a reliable one
    """
    # A copy: rclpy writes the overrides into the profile, and one may serve several topics.
    return {
        'qos_profile': copy(qos),
        'qos_overriding_options': QoSOverridingOptions.with_default_policies(),
    }


def check_qos_overrides(overrides: Mapping[str, Parameter]) -> None:
    """
    Check overrides that would make rclpy end the node without naming the parameter.

    :param overrides: the parameters given at the start, by name
    :raises ConfigError: a value that its policy does not have
    """
    for name, parameter in overrides.items():
        if name.startswith(QOS_OVERRIDE_PREFIX):
            expected = _policy_error(name.rpartition('.')[2], parameter.value)
            if expected:
                raise ConfigError(f'parameter {name}', got=repr(parameter.value), expected=expected)


def _policy_error(policy: str, value: object) -> str:
    """Return the expected values of a policy, or '' if the value is right or not checked."""
    if policy == 'depth':
        is_valid = type(value) is int and 0 <= value <= MAX_QOS_DEPTH
        return '' if is_valid else f'a whole number, 0 to {MAX_QOS_DEPTH}'
    if policy not in QOS_POLICIES:
        return ''
    names = [kind.name.lower() for kind in QOS_POLICIES[policy] if kind.name != 'UNKNOWN']
    is_valid = isinstance(value, str) and value.lower() in names
    return '' if is_valid else ' or '.join(names)
