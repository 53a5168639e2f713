"""
Declarative node parameters: one table a node, from which they are declared, checked and read.

A value given at start that has the wrong type or is out of range does not end the node: the default
stands, and :attr:`Parameters.faults` says what was wrong until a right value is set.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

Value = bool | int | float | str | list[float]


@dataclass(frozen=True)
class Spec:
    """
    One parameter.

    :param default: its value unless set; its type is the parameter's type
    :param text: what it means, with the unit
    :param low: smallest value of a number
    :param high: largest value of a number
    :param choices: allowed values of a text
    :param live: whether it may be changed while the node is configured
    """

    default: Value
    text: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """Return the descriptor that ``ros2 param describe`` shows."""
        descriptor = ParameterDescriptor(description=self.text)
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

    def fault(self, name: str, value: Any) -> str | None:
        """Return what is wrong with a value, None if nothing is."""
        if not self._right_type(value):
            numeric = isinstance(self.default, list)
            kind = 'list of numbers' if numeric else type(self.default).__name__
            return f'{name}: got {value!r} ({type(value).__name__}), expected a {kind}'
        numbers = list(value) if isinstance(self.default, list) else [value]
        if isinstance(self.default, float | list) and not all(isfinite(v) for v in numbers):
            return f'{name}: got {value}, expected finite'
        if isinstance(self.default, list) and len(numbers) != len(self.default):
            return f'{name}: got {len(numbers)} numbers, expected {len(self.default)}'
        if (
            self.low is not None
            and self.high is not None
            and not all(self.low <= v <= self.high for v in numbers)
        ):
            return f'{name}: got {value}, expected {self.low} to {self.high}'
        if self.choices and value not in self.choices:
            return f'{name}: got {value!r}, expected {" or ".join(self.choices)}'
        return None

    def _right_type(self, value: Any) -> bool:
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
    """

    def __init__(self, node: Node, specs: Mapping[str, Spec]) -> None:
        self._node = node
        self._specs = specs
        self.faults: dict[str, str] = {}
        """What was wrong with values given at start, by parameter."""
        self._values: dict[str, Any] = {}
        self.changed: Callable[[], None] = lambda: None
        """Called after live parameters were changed."""
        self.frozen = ''
        """While not empty, only live parameters can be set; it says why."""
        for name, spec in specs.items():
            self._declare(name, spec)
        if hasattr(node, 'add_pre_set_parameters_callback'):  # not on Humble
            node.add_pre_set_parameters_callback(self._widen_all)
        node.add_on_set_parameters_callback(self._check)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def _widen(self, parameter: Parameter) -> Parameter:
        """Make doubles of the whole numbers given for a double: `rate:=100` means 100.0."""
        spec = self._specs.get(parameter.name)
        if spec is None:
            return parameter
        if parameter.type_ == Parameter.Type.INTEGER and isinstance(spec.default, float):
            return Parameter(parameter.name, value=float(parameter.value))
        if parameter.type_ == Parameter.Type.INTEGER_ARRAY and isinstance(spec.default, list):
            return Parameter(parameter.name, value=[float(number) for number in parameter.value])
        return parameter

    def _widen_all(self, parameters: list[Parameter]) -> list[Parameter]:
        return [self._widen(parameter) for parameter in parameters]

    def _declare(self, name: str, spec: Spec) -> None:
        try:
            value = self._node.declare_parameter(name, spec.default, spec.descriptor()).value
            fault = spec.fault(name, value)
        except (InvalidParameterTypeException, InvalidParameterValueException):
            value = self._node._parameter_overrides[name].value
            fault = spec.fault(name, value)
        if fault is not None:
            self.faults[name] = fault
            value = spec.default
        if self._node.has_parameter(name):
            self._node.undeclare_parameter(name)
        if isinstance(spec.default, float):
            value = float(value)  # `rate: 100` in a YAML file means 100.0
        elif isinstance(spec.default, list):
            value = [float(number) for number in value]
        self._node.declare_parameter(name, value, spec.descriptor(), ignore_override=True)
        self._values[name] = value

    def _check(self, parameters: Iterable[Parameter]) -> SetParametersResult:
        ours = [parameter for parameter in parameters if parameter.name in self._specs]
        for parameter in ours:
            name, spec = parameter.name, self._specs[parameter.name]
            if self.frozen and not spec.live:
                return SetParametersResult(successful=False, reason=f'{name}: {self.frozen}')
            fault = spec.fault(name, parameter.value)
            if fault is not None:
                return SetParametersResult(successful=False, reason=fault)
        for parameter in ours:
            self.faults.pop(parameter.name, None)
            self._values[parameter.name] = parameter.value
        if ours:
            self.changed()
        return SetParametersResult(successful=True)
