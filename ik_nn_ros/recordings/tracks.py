"""Messages to numbers: what the joints and the tip did over time."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any, cast

import numpy as np
from mcap.exceptions import McapError
from mcap.records import Message, Schema
from mcap.well_known import MessageEncoding, SchemaEncoding
from mcap_ros2.decoder import DecoderFactory
from numpy.typing import NDArray

from ik_nn_ros.recordings.message_types import JOINT_STATE, MESSAGE_TYPES, POSE_STAMPED

Array = NDArray[np.float64]
TimesNs = NDArray[np.int64]
Row = tuple[float, ...]


@dataclass(frozen=True)
class TimeSeries:
    """
    What the messages of one topic say.

    :param stamp: (N,) the time in their headers, ns
    :param log_time: (N,) when they were recorded, ns
    :param values: (N, M)
    """

    stamp: TimesNs
    log_time: TimesNs
    values: Array

    @property
    def has_stamps(self) -> bool:
        """Whether the headers tell the time; some publishers leave the stamps at zero."""
        return bool(np.count_nonzero(self.stamp) * 2 >= len(self.stamp))


def joint_time_series(
    messages: Sequence[Message], joint_names: tuple[str, str], dropped: Counter[str]
) -> TimeSeries:
    """
    Return the positions (rad) and velocities (rad/s) of two joints: q1, q2, v1, v2.

    A velocity that a message does not tell is NaN.

    :param messages: of type sensor_msgs/msg/JointState
    :param dropped: where the messages that do not tell them are counted, by reason
    """

    def row(message: Any) -> Row | str:
        try:
            index = [message.name.index(joint) for joint in joint_names]
            q = [message.position[i] for i in index]
        except (ValueError, IndexError):
            return 'joint_states without both joints'
        if not all(map(isfinite, q)):
            return 'joint_states not finite'
        velocity = message.velocity
        return *q, *(velocity[i] if i < len(velocity) else nan for i in index)

    return _time_series(messages, JOINT_STATE, 4, row, dropped)


def tip_time_series(messages: Sequence[Message], frame: str, dropped: Counter[str]) -> TimeSeries:
    """
    Return the positions (m) of the tip: x, y, z.

    :param messages: of type geometry_msgs/msg/PoseStamped
    :param frame: in which they are
    :param dropped: where the messages that do not tell them are counted, by reason
    """

    def row(message: Any) -> Row | str:
        other = message.header.frame_id
        if not is_in_frame(other, frame):
            return f'tip_pose in frame {other}, not {frame}'
        position = message.pose.position
        values = position.x, position.y, position.z
        return values if all(map(isfinite, values)) else 'tip_pose not finite'

    return _time_series(messages, POSE_STAMPED, 3, row, dropped)


def is_in_frame(frame_id: str, frame: str) -> bool:
    """
    Tell whether a message is in a frame; one that names none is taken to be.

    :param frame_id: in its header, perhaps with the leading slash of old
    :param frame: the frame
    """
    return frame_id.lstrip('/') in ('', frame)


def _time_series(
    messages: Sequence[Message],
    message_type: str,
    width: int,
    row: Callable[[Any], Row | str],
    dropped: Counter[str],
) -> TimeSeries:
    """Return the rows of the messages; one without a row gives the reason instead."""
    decode = _make_decoder(message_type)
    stamps, log_times, rows = [], [], []
    for message in messages:
        try:
            decoded = decode(message.data)
            values = row(decoded)
        except (McapError, struct.error, ValueError):
            values = f'{message_type} that cannot be decoded'
        if isinstance(values, str):
            dropped[values] += 1
            continue
        stamp = decoded.header.stamp
        stamps.append(stamp.sec * 1_000_000_000 + stamp.nanosec)
        log_times.append(message.log_time)
        rows.append(values)
    return TimeSeries(
        np.array(stamps, dtype=np.int64),
        np.array(log_times, dtype=np.uint64).astype(np.int64),
        np.array(rows, dtype=float).reshape(-1, width),
    )


def _make_decoder(message_type: str) -> Callable[[bytes], Any]:
    """
    Return what decodes messages of a type.

    It goes by our definition, not the recorded one: that is the same in each distribution, but
    missing where the recorder did not find it.
    """
    definition = MESSAGE_TYPES[message_type].definition.encode()
    schema = Schema(id=1, name=message_type, encoding=SchemaEncoding.ROS2, data=definition)
    return cast(Callable[[bytes], Any], DecoderFactory().decoder_for(MessageEncoding.CDR, schema))
