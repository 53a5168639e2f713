"""Synthetic recordings, written by the mcap package and not by the writer under test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mcap.reader import NonSeekingReader
from mcap.writer import CompressionType, Writer
from mcap_ros2.writer import Writer as Ros2Writer

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.recordings.messages import JOINT_STATE, MESSAGE_TYPES, POSE_STAMPED

SECOND = 1_000_000_000
"""One second, ns."""
START = 1_700_000_000 * SECOND
"""Time of the first message, ns since the epoch."""
JOINTS = ('shoulder', 'elbow')


class Written(NamedTuple):
    """A message of a recording; ``time`` is its log time, ns."""

    topic: str
    message_type: str
    cdr: bytes
    time: int


def cdr(message_type: str, message: dict[str, Any]) -> bytes:
    """Serialise a message with mcap-ros2-support."""
    stream = BytesIO()
    with Ros2Writer(stream, compression=CompressionType.NONE) as writer:
        schema = writer.register_msgdef(message_type, MESSAGE_TYPES[message_type].definition)
        writer.write_message('/topic', schema, message, log_time=0)
    stream.seek(0)
    return next(NonSeekingReader(stream).iter_messages())[2].data


def header(time: int, frame: str = '') -> dict[str, Any]:
    stamp = {'sec': time // SECOND, 'nanosec': time % SECOND}
    return {'stamp': stamp, 'frame_id': frame}


def joint_state(
    time: int,
    q: Sequence[float],
    *,
    names: Sequence[str] = JOINTS,
    velocity: Sequence[float] = (),
    stamp: int | None = None,
    topic: str = '/joint_states',
) -> Written:
    message = {
        'header': header(time if stamp is None else stamp),
        'name': list(names),
        'position': list(q),
        'velocity': list(velocity),
        'effort': [],
    }
    return Written(topic, JOINT_STATE, cdr(JOINT_STATE, message), time)


def tip_pose(
    time: int,
    position: Sequence[float],
    *,
    frame: str = 'base_link',
    stamp: int | None = None,
    topic: str = '/tip_pose',
) -> Written:
    x, y, z = position
    message = {
        'header': header(time if stamp is None else stamp, frame),
        'pose': {
            'position': {'x': x, 'y': y, 'z': z},
            'orientation': {'x': 0.0, 'y': 0.0, 'z': 0.0, 'w': 1.0},
        },
    }
    return Written(topic, POSE_STAMPED, cdr(POSE_STAMPED, message), time)


def q_at(t: float | np.ndarray) -> np.ndarray:
    """Return (..., 2) joint positions (rad) at time t (s) of a motion with about 1 rad/s."""
    return np.stack((np.sin(t), 0.5 * np.cos(2.0 * t)), axis=-1)


def velocity_at(t: float | np.ndarray) -> np.ndarray:
    """Return (..., 2) joint velocities (rad/s) of that motion."""
    return np.stack((np.cos(t), -np.sin(2.0 * t)), axis=-1)


def tip_at(t: float) -> tuple[float, float, float]:
    """Return the tip (m) of an arm with links of 0.3 and 0.2 m."""
    q1, q2 = q_at(t)
    angle2 = q1 + q2
    return 0.3 * np.cos(q1) + 0.2 * np.cos(angle2), 0.3 * np.sin(q1) + 0.2 * np.sin(angle2), 0.1


def time_of(t: float) -> int:
    return START + round(t * SECOND)


@cache
def motion(
    seconds: float = 2.0, rate: float = 50.0, tip_rate: float = 20.0, delay: float = 0.003
) -> tuple[Written, ...]:
    """
    Return joint states and tip poses of an arm in motion, in order of time.

    :param seconds: duration, s
    :param rate: rate of the joint states, Hz
    :param tip_rate: rate of the tip poses, Hz
    :param delay: time from the first joint state to the first tip pose, s
    """
    joints = [joint_state(time_of(t), q_at(t)) for t in np.arange(0.0, seconds, 1.0 / rate)]
    tips = [tip_pose(time_of(t), tip_at(t)) for t in np.arange(delay, seconds, 1.0 / tip_rate)]
    return tuple(sorted(joints + tips, key=lambda message: message.time))


def write_mcap(
    path: Path,
    messages: Iterable[Written],
    *,
    compression: CompressionType = CompressionType.NONE,
    chunk_size: int = 1024,
    **options: Any,
) -> Path:
    """Write a file like a recorder; ``options`` are those of the mcap package's writer."""
    path.parent.mkdir(exist_ok=True)
    with path.open('wb') as stream:
        writer = Writer(stream, chunk_size=chunk_size, compression=compression, **options)
        writer.start(profile='ros2')
        schemas: dict[str, int] = {}
        channels: dict[tuple[str, str], int] = {}
        for topic, kind, data, time in messages:
            if kind not in schemas:
                definition = MESSAGE_TYPES[kind].definition if kind in MESSAGE_TYPES else ''
                schemas[kind] = writer.register_schema(kind, 'ros2msg', definition.encode())
            if (topic, kind) not in channels:
                channels[topic, kind] = writer.register_channel(topic, 'cdr', schemas[kind])
            writer.add_message(channels[topic, kind], time, data, time)
        writer.finish()
    return path


def write_recording(path: Path, arm: ArmModel, q: np.ndarray, tip: np.ndarray) -> Path:
    """
    Write one joint state and one tip pose every 0.1 s.

    :param q: (N, 2) joint positions, rad
    :param tip: (N, 3) tips in the base frame, m
    """
    frame = arm.plane.base_frame
    messages = [
        message
        for number, (positions, point) in enumerate(zip(q.tolist(), tip.tolist(), strict=True))
        for message in (
            joint_state(time_of(number / 10), positions, names=arm.joint_names),
            tip_pose(time_of(number / 10), point, frame=frame),
        )
    ]
    return write_mcap(path, messages)
