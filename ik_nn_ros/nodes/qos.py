"""Quality of service that users can override, by the standard parameters ``qos_overrides``."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from rclpy.parameter import Parameter
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from ik_nn_ros.errors import ConfigError

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
