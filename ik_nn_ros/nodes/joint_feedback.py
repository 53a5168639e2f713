"""Where the joints are, as far as joint_states tells."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sensor_msgs.msg import JointState

from ik_nn_ros.arm.model import Pair
from ik_nn_ros.nodes.conversions import joint_positions


class JointFeedback:
    """
    The latest joint positions; their age is judged by when they were received.

    :param names: the two joints
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._positions: Pair | None = None
        self._received = 0.0

    def update(self, message: JointState) -> None:
        """
        Take a message in.

        :raises MessageError: it does not hold both joints; the positions known before stand
        """
        self._positions = joint_positions(message, self._names)
        self._received = time.monotonic()

    def positions(self, max_age: float) -> Pair | None:
        """Return (q1, q2), rad, if received less than ``max_age`` seconds ago."""
        if time.monotonic() - self._received > max_age:
            return None
        return self._positions
