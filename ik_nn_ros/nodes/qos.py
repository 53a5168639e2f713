"""Quality of service that users can override, by the standard parameters ``qos_overrides``."""

from __future__ import annotations

from copy import copy
from typing import Any

from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions


def overridable(qos: QoSProfile | int) -> dict[str, Any]:
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
