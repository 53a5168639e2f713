"""
Samples of an arm from its recordings: where the joints were, and where the tip was then.

What cannot be used is left out and counted. Outliers stay: only a fit can tell them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.errors import RecordingError
from ik_nn_ros.recordings.mcap_reader import Recording, read_recording
from ik_nn_ros.recordings.messages import (
    JOINT_STATE,
    POSE_STAMPED,
    Array,
    TimesNs,
    joint_time_series,
    tip_time_series,
)

# MERGED recordings.pairing: Where the joints were at a given time: between the joint states around it.

NANOSECOND_S = 1e-9
"""One nanosecond, s."""
MAX_INTERPOLATION_GAP_S = 0.25
"""
How far apart (s) two joint states may be to tell the motion between them. Those of an arm that is
driven from sample to sample may be seconds apart, and it has moved in an unknown way.
"""
MAX_JOINT_STEP_RAD = pi
"""How far (rad) a joint may turn between neighbours; beyond, its angle has wrapped around."""
MIN_MATCH_TOLERANCE_S, MAX_MATCH_TOLERANCE_S = 0.005, 0.1


@dataclass(frozen=True)
class InterpolatedJoints:
    """
    The joints at given times.

    :param matched: (N,) whether there is a joint state near in time
    :param q: (N, 2) positions at these times, rad
    :param q_nearest: (N, 2) positions in the joint states nearest in time, rad
    :param velocity: (N, 2) velocities there, rad/s
    """

    matched: NDArray[np.bool_]
    q: Array
    q_nearest: Array
    velocity: Array


def interpolate_joints(
    times: TimesNs, joint_times: TimesNs, joint_values: Array
) -> InterpolatedJoints:
    """
    Return the joints at given times.

    Between neighbours by cubic Hermite interpolation, else from the nearest joint state and its
    velocity. One is near within 0.6 of their median period (half, and some for jitter), but at
    least 5 ms and at most 0.1 s.

    :param times: (N,) ns
    :param joint_times: (M,) ns, in any order
    :param joint_values: (M, 4) positions and velocities, rad and rad/s
    """
    if not len(joint_times):
        nothing = np.full((len(times), 2), np.nan)
        return InterpolatedJoints(np.zeros(len(times), dtype=bool), nothing, nothing, nothing)
    joint_times, first = np.unique(joint_times, return_index=True)
    # Relative to the first, since a float cannot hold nanoseconds since the epoch.
    s = (joint_times - joint_times[0]) * NANOSECOND_S  # (M,)
    t = (times - joint_times[0]) * NANOSECOND_S  # (N,)
    q, recorded = np.split(joint_values[first], 2, axis=1)  # (M, 2) each
    step = np.diff(s)
    linked = (step <= MAX_INTERPOLATION_GAP_S) & (
        np.abs(np.diff(q, axis=0)) < MAX_JOINT_STEP_RAD
    ).all(axis=1)
    velocity = _estimate_velocities(step, q, linked, recorded)
    nearest = _nearest_indices(s, t)
    offset = t - s[nearest]
    period = np.median(step) if len(step) else 0.0
    at = q[nearest] + velocity[nearest] * offset[:, None]
    i = np.searchsorted(s, t, side='right') - 1
    inside = (i >= 0) & (i < len(step))
    inside[inside] = linked[i[inside]]
    at[inside] = _hermite_interpolation(s, q, velocity, i[inside], t[inside])
    near = np.abs(offset) <= np.clip(0.6 * period, MIN_MATCH_TOLERANCE_S, MAX_MATCH_TOLERANCE_S)
    return InterpolatedJoints(near, at, q[nearest], velocity[nearest])


def _estimate_velocities(
    step: Array, q: Array, linked: NDArray[np.bool_], recorded: Array
) -> Array:
    """
    Return (M, 2) velocities by finite differences over the neighbours before and after.

    Of second order for uneven steps, as :func:`numpy.gradient`. A joint state without neighbours
    has the velocity it tells, or is taken to stand still.

    :param step: (M - 1,) to the next, s
    :param q: (M, 2) rad
    :param linked: (M - 1,) whether the next is a neighbour
    :param recorded: (M, 2) rad/s or NaN
    """
    weight = np.where(linked, 1.0 / step, 0.0)[:, None]
    weighted = weight * np.diff(q, axis=0) / step[:, None]
    none = np.zeros((1, 2))
    total = np.vstack((none, weighted)) + np.vstack((weighted, none))
    weights = np.concatenate((none[:, :1], weight)) + np.concatenate((weight, none[:, :1]))
    alone = np.nan_to_num(recorded, nan=0.0, posinf=0.0, neginf=0.0)
    return np.where(weights > 0.0, total / np.where(weights > 0.0, weights, 1.0), alone)


def _nearest_indices(s: Array, t: Array) -> NDArray[np.intp]:
    """Return for each of ``t`` the index of the nearest of ``s``, which ascends."""
    after = np.clip(np.searchsorted(s, t), 1, max(len(s) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(s) - 1)
    return np.where(t - s[before] <= s[after] - t, before, after)


def _hermite_interpolation(
    s: Array, q: Array, velocity: Array, i: NDArray[np.intp], t: Array
) -> Array:
    """Return the cubic through positions and velocities i and i + 1, at ``t``."""
    step = (s[i + 1] - s[i])[:, None]
    u = (t - s[i])[:, None] / step
    back = 1.0 - u
    return back**2 * ((1.0 + 2.0 * u) * q[i] + u * step * velocity[i]) + u**2 * (
        (1.0 + 2.0 * back) * q[i + 1] - back * step * velocity[i + 1]
    )


STANDSTILL_TOLERANCE_RAD = 3e-3
"""How little (rad) a joint moves while it stands still: two ticks of a 12-bit encoder."""
STANDSTILL_SAMPLE_COUNT, STANDSTILL_DURATION_S = 5, 0.2
"""
How much is kept of a period of standing still: so many samples or so much time (s), whichever is
more. The rest would only outweigh the samples of other positions.
"""


@dataclass(frozen=True)
class TopicNames:
    """The topics to read: their full names, or the last parts where these are unambiguous."""

    joint_states: str = 'joint_states'
    tip_pose: str = 'tip_pose'


DEFAULT_TOPICS = TopicNames()


@dataclass(frozen=True)
class Samples:
    """
    N samples, in order of time within each recording.

    :param stamp: (N,) time of the tip's position, s
    :param q: (N, 2) joint positions at that time, interpolated, rad
    :param q_nearest: (N, 2) joint positions in the joint state nearest in time, rad
    :param velocity: (N, 2) joint velocities there, rad/s
    :param tip: (N, 3) position of the tip, m
    :param recording_index: (N,) index of the recording
    :param dropped: how many messages or samples were left out, by reason
    :param warnings: what is wrong with the recordings, and how much of them is missing
    """

    stamp: Array
    q: Array
    q_nearest: Array
    velocity: Array
    tip: Array
    recording_index: NDArray[np.intp]
    dropped: Mapping[str, int]
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.stamp)


def read_samples(
    paths: Sequence[Path],
    joint_names: tuple[str, str],
    frame: str,
    topics: TopicNames = DEFAULT_TOPICS,
) -> Samples:
    """
    Read the samples in recordings, one for each tip pose that has joint states around it.

    :param paths: at least one; each a .mcap file or a folder that ``ros2 bag record`` made
    :param joint_names: joint 1 and joint 2
    :param frame: in which the tip's position is wanted, e.g. 'base_link'

    :raises RecordingError: one of them cannot be read, or does not have these topics
    """
    if not paths:
        raise RecordingError('recordings', got='none', expected='at least one')
    dropped: Counter[str] = Counter()
    recordings = [read_recording(path) for path in paths]
    tables = []
    for source, recording in enumerate(recordings):
        table = _sample_table(recording, joint_names, frame, topics, dropped)
        tables.append(np.column_stack((table, np.full(len(table), source))))
    table = _without_duplicates(np.vstack(tables), dropped)
    table = _without_standstill(table, dropped)
    return Samples(
        stamp=table[:, 0],
        q=table[:, 1:3],
        q_nearest=table[:, 3:5],
        velocity=table[:, 5:7],
        tip=table[:, 7:10],
        recording_index=table[:, 10].astype(np.intp),
        dropped=dict(dropped),
        warnings=tuple(text for recording in recordings for text in recording.warnings),
    )


def _sample_table(
    recording: Recording,
    joint_names: tuple[str, str],
    frame: str,
    topics: TopicNames,
    dropped: Counter[str],
) -> Array:
    """Return (N, 10) samples, in order of time: stamp, q, q_nearest, velocity, tip."""
    joints = joint_time_series(
        recording.select(topics.joint_states, JOINT_STATE), joint_names, dropped
    )
    tips = tip_time_series(recording.select(topics.tip_pose, POSE_STAMPED), frame, dropped)
    # One clock for both: a header may count simulated time.
    stamped = joints.has_stamps and tips.has_stamps
    times = tips.stamp if stamped else tips.log_time
    order = np.argsort(times, kind='stable')
    times = times[order]
    at = interpolate_joints(times, joints.stamp if stamped else joints.log_time, joints.values)
    table = np.column_stack(
        (times * NANOSECOND_S, at.q, at.q_nearest, at.velocity, tips.values[order])
    )
    _count_dropped(dropped, 'tip_pose with no joint_states near in time', ~at.matched)
    return table[at.matched]


def _without_duplicates(table: Array, dropped: Counter[str]) -> Array:
    """Leave out what is there twice, in one recording or in two."""
    same = [0, 3, 4, 7, 8, 9]  # stamp, q_nearest and tip; q depends on the neighbours
    _, first = np.unique(table[:, same], axis=0, return_index=True)
    again = np.ones(len(table), dtype=bool)
    again[first] = False
    _count_dropped(dropped, 'duplicate', again)
    return table[~again]


def _without_standstill(table: Array, dropped: Counter[str]) -> Array:
    """Leave out all but the first few samples of each period in which both joints stand still."""
    too_many = np.zeros(len(table), dtype=bool)
    start, count = (np.nan, np.nan, np.nan, np.nan), 0
    for i, now in enumerate(table[:, [0, 3, 4, 10]].tolist()):
        time, q1, q2, source = (abs(a - b) for a, b in zip(now, start, strict=True))
        if not (q1 < STANDSTILL_TOLERANCE_RAD and q2 < STANDSTILL_TOLERANCE_RAD and source == 0.0):
            start, count, time = now, 0, 0.0
        count += 1
        too_many[i] = count > STANDSTILL_SAMPLE_COUNT and time > STANDSTILL_DURATION_S
    _count_dropped(dropped, 'standing still', too_many)
    return table[~too_many]


def _count_dropped(dropped: Counter[str], reason: str, which: NDArray[np.bool_]) -> None:
    if which.any():
        dropped[reason] += int(np.count_nonzero(which))
