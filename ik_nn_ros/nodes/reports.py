"""What the node says of itself: target_status, diagnostics, warnings."""

from __future__ import annotations

import time
from collections.abc import Iterable

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.impl.rcutils_logger import RcutilsLogger
from std_msgs.msg import Header

from ik_nn_ros.nodes.targets import TargetResult

STATUS_LEVELS = {'ACCEPTED': DiagnosticStatus.OK, 'PROJECTED': DiagnosticStatus.WARN}
MAX_WARNING_LENGTH = 500
"""Characters of a warning: what it quotes may come from a message of any size."""
WARNING_THROTTLE_S = 5.0
"""A warning of one cause is logged again after this many seconds at the earliest."""


def diagnostic_status(
    level: bytes, name: str, message: str, hardware_id: str, values: Iterable[tuple[str, object]]
) -> DiagnosticStatus:
    """Build a DiagnosticStatus; numbers are written in full precision."""
    return DiagnosticStatus(
        level=level,
        name=name,
        message=message,
        hardware_id=hardware_id,
        values=[KeyValue(key=key, value=str(value)) for key, value in values],
    )


def target_status(
    name: str, hardware_id: str, header: Header, result: TargetResult
) -> DiagnosticStatus:
    """
    Build the answer to one target as a message.

    :param name: the node's name
    :param hardware_id: the arm's name
    :param header: of the target
    :param result: to it
    """
    x, y = result.point or ('', '')
    stage = position_error = branch = q1 = q2 = ''
    if result.solution is not None and result.solution.q is not None:
        q1, q2 = result.solution.q
        stage = result.solution.stage.name.lower()
        position_error, branch = result.solution.position_error, result.solution.branch
    values = {
        'stage': stage,
        'position_error_m': position_error,
        'branch': branch,
        'x': x,
        'y': y,
        'q1': q1,
        'q2': q2,
        'stamp': f'{header.stamp.sec}.{header.stamp.nanosec:09d}',
        'detail': result.detail,
    }
    level = STATUS_LEVELS.get(result.code, DiagnosticStatus.ERROR)
    return diagnostic_status(level, name, result.code, hardware_id, values.items())


class ThrottledLogger:
    """
    Logs a warning once per cause, not once per message.

    :param logger: where to
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._last_logged: dict[str, float] = {}

    def __call__(self, cause: str, text: str) -> None:
        """Log the text unless this cause was logged shortly before."""
        now = time.monotonic()
        if now - self._last_logged.get(cause, -WARNING_THROTTLE_S) >= WARNING_THROTTLE_S:
            self._last_logged[cause] = now
            self._logger.warning(
                text if len(text) <= MAX_WARNING_LENGTH else f'{text[:MAX_WARNING_LENGTH]}...'
            )
