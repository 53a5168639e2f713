"""Recordings made for a test: an arm in motion, written by the mcap package, not by ours."""

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

from ik_nn_ros.recordings.messages import JOINT_STATE, MESSAGE_TYPES, POSE_STAMPED

REAL = Path(__file__).parents[1] / 'recordings' / 'rrbot_as_built'
"""40 s that ``ros2 bag record`` recorded of ros2_control's RRBot, built a little off its URDF."""
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
JOINTS = ('shoulder', 'elbow')


class Written(NamedTuple):
    topic: str
    message_type: str
    cdr: bytes
    time: int


def cdr(message_type: str, message: dict[str, Any]) -> bytes:
    """Serialise a message, by mcap-ros2-support."""
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
    """(..., 2) rad at t (s): a motion of about 1 rad/s."""
    return np.stack((np.sin(t), 0.5 * np.cos(2.0 * t)), axis=-1)


def velocity_at(t: float | np.ndarray) -> np.ndarray:
    return np.stack((np.cos(t), -np.sin(2.0 * t)), axis=-1)


def tip_at(t: float) -> tuple[float, float, float]:
    q1, q2 = q_at(t)
    bend = q1 + q2
    return 0.3 * np.cos(q1) + 0.2 * np.cos(bend), 0.3 * np.sin(q1) + 0.2 * np.sin(bend), 0.1


def time_of(t: float) -> int:
    return START + round(t * SECOND)


@cache
def motion(
    seconds: float = 2.0, rate: float = 50.0, tip_rate: float = 20.0, delay: float = 0.003
) -> tuple[Written, ...]:
    """
    Joint states and tip poses of an arm in motion, in order of time.

    :param delay: of the first tip pose after the first joint state, s
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
    """Write a file as a recorder may; ``options`` are those of the mcap package's writer."""
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
