"""
The ROS messages in a recording: their definitions, and their values as arrays over time.

The definitions are written here and not taken from a library: a recording holds them byte for byte
as ROS 2 registers them, default values included, with their REP 2016 hashes. What rosbags
generates differs in text and hash, and would add five packages for two types.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any, cast

import numpy as np
from mcap.exceptions import McapError
from mcap.records import Message, Schema
from mcap.well_known import MessageEncoding, SchemaEncoding
from mcap_ros2.decoder import DecoderFactory
from numpy.typing import NDArray

Array = NDArray[np.float64]
TimesNs = NDArray[np.int64]
_Row = tuple[float, ...]

JOINT_STATE = 'sensor_msgs/msg/JointState'
POSE_STAMPED = 'geometry_msgs/msg/PoseStamped'

_SEPARATOR = '=' * 80

_HEADER_DEFINITION = f"""{_SEPARATOR}
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
{_SEPARATOR}
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""

_JOINT_STATE_DEFINITION = f"""std_msgs/Header header
string[] name
float64[] position
float64[] velocity
float64[] effort
{_HEADER_DEFINITION}"""

_POSE_STAMPED_DEFINITION = f"""std_msgs/Header header
Pose pose
{_SEPARATOR}
MSG: geometry_msgs/Pose
Point position
Quaternion orientation
{_SEPARATOR}
MSG: geometry_msgs/Point
float64 x
float64 y
float64 z
{_SEPARATOR}
MSG: geometry_msgs/Quaternion
float64 x 0
float64 y 0
float64 z 0
float64 w 1
{_HEADER_DEFINITION}"""


@dataclass(frozen=True)
class MessageType:
    """
    Description of a message type in a recording.

    :param definition: the message's fields and those of all nested messages, without comments
    :param version_hash: hash by which ROS distinguishes versions of a definition (REP 2016)
    """

    definition: str
    version_hash: str


MESSAGE_TYPES: Mapping[str, MessageType] = {
    JOINT_STATE: MessageType(
        _JOINT_STATE_DEFINITION,
        'RIHS01_a13ee3a330e346c9d87b5aa18d24e11690752bd33a0350f11c5882bc9179260e',
    ),
    POSE_STAMPED: MessageType(
        _POSE_STAMPED_DEFINITION,
        'RIHS01_10f3786d7d40fd2b54367835614bff85d4ad3b5dab62bf8bca0cc232d73b4cd8',
    ),
}
"""The message types that can be written and read."""


@dataclass(frozen=True)
class TimeSeries:
    """
    Values of the messages of one topic.

    :param stamp: (N,) time stamps in the message headers, ns
    :param log_time: (N,) times at which the messages were recorded, ns
    :param values: (N, M) the values
    """

    stamp: TimesNs
    log_time: TimesNs
    values: Array

    @property
    def has_stamps(self) -> bool:
        """Whether the headers hold time stamps; some publishers leave them at zero."""
        return bool(np.count_nonzero(self.stamp) * 2 >= len(self.stamp))


def joint_time_series(
    messages: Sequence[Message], joint_names: tuple[str, str], dropped: Counter[str]
) -> TimeSeries:
    """
    Return the positions (rad) and velocities (rad/s) of two joints as rows q1, q2, v1, v2.

    A velocity that a message does not contain is NaN.

    :param messages: messages of type sensor_msgs/msg/JointState
    :param joint_names: joint 1 and joint 2
    :param dropped: counts unusable messages by reason; updated in place
    """

    def row(message: Any) -> _Row | str:
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
    Return the positions (m) of the tip as rows x, y, z.

    :param messages: messages of type geometry_msgs/msg/PoseStamped
    :param frame: the frame that they must be in
    :param dropped: counts unusable messages by reason; updated in place
    """

    def row(message: Any) -> _Row | str:
        message_frame = message.header.frame_id
        if not is_in_frame(message_frame, frame):
            return f'tip_pose in frame {message_frame}, not {frame}'
        position = message.pose.position
        values = position.x, position.y, position.z
        return values if all(map(isfinite, values)) else 'tip_pose not finite'

    return _time_series(messages, POSE_STAMPED, 3, row, dropped)


def is_in_frame(frame_id: str, frame: str) -> bool:
    """
    Return whether a message is in a frame; one that names no frame is assumed to be.

    :param frame_id: frame in the message's header, perhaps with the leading slash of ROS 1
    :param frame: the expected frame
    """
    return frame_id.lstrip('/') in ('', frame)


def _time_series(
    messages: Sequence[Message],
    message_type: str,
    width: int,
    row: Callable[[Any], _Row | str],
    dropped: Counter[str],
) -> TimeSeries:
    """
    Decode messages and collect a row of values from each.

    :param width: values in a row
    :param row: returns the values of a message, or the reason why it is unusable
    :param dropped: counts unusable messages by reason; updated in place
    """
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
    Return a function that decodes messages of a type.

    It uses the definition of this module, which is the same in every distribution: a recording may
    lack it where the recorder did not find it.
    """
    definition = MESSAGE_TYPES[message_type].definition.encode()
    schema = Schema(id=1, name=message_type, encoding=SchemaEncoding.ROS2, data=definition)
    return cast(Callable[[bytes], Any], DecoderFactory().decoder_for(MessageEncoding.CDR, schema))
