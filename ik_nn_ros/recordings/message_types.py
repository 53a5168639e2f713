"""The ROS messages in a recording: their definitions, as a file that explains itself holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    What a recording says about the messages of one type.

    :param definition: the message and all it is made of, without the comments
    :param version_hash: by which ROS tells versions of a definition apart (REP 2016)
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
"""The types that can be written."""
