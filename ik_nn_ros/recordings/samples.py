"""
Samples of an arm from its recordings: joint positions and the simultaneous position of the tip.

Unusable messages and samples are left out and counted. Outliers stay: only a fit can identify them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

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

NANOSECOND_S = 1e-9
"""One nanosecond, s."""
MAX_INTERPOLATION_GAP_S = 0.25
"""
Longest time, s, between two records that are interpolated between.

Those of an arm that is driven from sample to sample may be seconds apart, and the motion in between
is unknown.
"""
MAX_JOINT_STEP_RAD = pi
"""Largest change, rad, between successive joint states; a larger one is an angle that wrapped."""
MATCH_TOLERANCE_PERIODS = 0.6
"""A joint state is near in time within so many median periods: half of one, plus jitter."""
MIN_MATCH_TOLERANCE_S = 0.005
"""Smallest tolerance, s: the clocks of two publishers differ by more than a short period."""
MAX_MATCH_TOLERANCE_S = 0.1
"""Largest tolerance, s."""
STANDSTILL_TOLERANCE_RAD = 3e-3
"""Joint motion, rad, below which a joint stands still: two ticks of a 12-bit encoder."""
STANDSTILL_SAMPLE_COUNT = 5
"""
Samples that are kept of a standstill, or those within :data:`STANDSTILL_DURATION_S` if more.

Further ones would only outweigh the samples at other positions.
"""
STANDSTILL_DURATION_S = 0.2
"""Time, s, from the beginning of a standstill in which all samples are kept."""


@dataclass(frozen=True)
class TopicNames:
    """Topics to read: their full names, or their last parts where these are unambiguous."""

    joint_states: str = 'joint_states'
    tip_pose: str = 'tip_pose'


DEFAULT_TOPICS = TopicNames()


@dataclass(frozen=True)
class Samples:
    """
    N samples, sorted by time within each recording.

    :param stamp: (N,) time of the tip position, s
    :param q: (N, 2) joint positions at that time, interpolated, rad
    :param q_nearest: (N, 2) joint positions in the joint state nearest in time, rad
    :param velocity: (N, 2) joint velocities in that joint state, rad/s
    :param tip: (N, 3) position of the tip, m
    :param recording_index: (N,) index of the recording
    :param dropped: number of messages and samples left out, by reason
    :param warnings: damaged and missing parts of the recordings
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
    Read the samples in recordings, one for each tip pose with joint states around it.

    :param paths: at least one .mcap file or folder written by ``ros2 bag record``
    :param joint_names: joint 1 and joint 2
    :param frame: frame of the tip positions, e.g. 'base_link'
    :param topics: the topics to read

    :raises RecordingError: a recording is unreadable, or lacks these topics
    """
    if not paths:
        raise RecordingError('recordings', got='none', expected='at least one')
    dropped: Counter[str] = Counter()
    recordings = [read_recording(path) for path in paths]
    tables = []
    for index, recording in enumerate(recordings):
        table = _sample_table(recording, joint_names, frame, topics, dropped)
        tables.append(np.column_stack((table, np.full(len(table), index))))
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
    """Return (N, 10) samples sorted by time: stamp, q, q_nearest, velocity, tip."""
    joints = joint_time_series(
        recording.select(topics.joint_states, JOINT_STATE), joint_names, dropped
    )
    tips = tip_time_series(recording.select(topics.tip_pose, POSE_STAMPED), frame, dropped)
    # Both topics on one clock: headers may hold simulated time.
    use_stamps = joints.has_stamps and tips.has_stamps
    times = tips.stamp if use_stamps else tips.log_time
    order = np.argsort(times, kind='stable')
    times = times[order]
    interpolated = interpolate_joints(
        times, joints.stamp if use_stamps else joints.log_time, joints.values
    )
    table = np.column_stack(
        (
            times * NANOSECOND_S,
            interpolated.q,
            interpolated.q_nearest,
            interpolated.velocity,
            tips.values[order],
        )
    )
    _count_dropped(dropped, 'tip_pose with no joint_states near in time', ~interpolated.matched)
    return table[interpolated.matched]


def _without_duplicates(table: Array, dropped: Counter[str]) -> Array:
    """Remove samples that occur twice, in one recording or in two."""
    key_columns = [0, 3, 4, 7, 8, 9]  # stamp, q_nearest and tip; q depends on the neighbours
    _, first = np.unique(table[:, key_columns], axis=0, return_index=True)
    is_duplicate = np.ones(len(table), dtype=bool)
    is_duplicate[first] = False
    _count_dropped(dropped, 'duplicate', is_duplicate)
    return table[~is_duplicate]


def _without_standstill(table: Array, dropped: Counter[str]) -> Array:
    """Remove all but the first few samples of each period in which both joints stand still."""
    is_surplus = np.zeros(len(table), dtype=bool)
    start, count = (np.nan, np.nan, np.nan, np.nan), 0
    for i, sample in enumerate(table[:, [0, 3, 4, 10]].tolist()):
        time, q1, q2, recording = (abs(a - b) for a, b in zip(sample, start, strict=True))
        if not (
            q1 < STANDSTILL_TOLERANCE_RAD and q2 < STANDSTILL_TOLERANCE_RAD and recording == 0.0
        ):
            start, count, time = sample, 0, 0.0
        count += 1
        is_surplus[i] = count > STANDSTILL_SAMPLE_COUNT and time > STANDSTILL_DURATION_S
    _count_dropped(dropped, 'standing still', is_surplus)
    return table[~is_surplus]


def _count_dropped(dropped: Counter[str], reason: str, is_dropped: NDArray[np.bool_]) -> None:
    if is_dropped.any():
        dropped[reason] += int(np.count_nonzero(is_dropped))


@dataclass(frozen=True)
class InterpolatedJoints:
    """
    Joint positions at N given times.

    :param matched: (N,) whether there is a joint state near in time
    :param q: (N, 2) positions at these times, rad
    :param q_nearest: (N, 2) positions in the joint states nearest in time, rad
    :param velocity: (N, 2) velocities in those joint states, rad/s
    """

    matched: NDArray[np.bool_]
    q: Array
    q_nearest: Array
    velocity: Array


def interpolate_joints(
    times: TimesNs, joint_times: TimesNs, joint_values: Array
) -> InterpolatedJoints:
    """
    Return the joint positions at given times.

    Positions are interpolated by a cubic Hermite spline between successive joint states, and
    extrapolated from the nearest joint state by its velocity elsewhere.

    :param times: (N,) ns
    :param joint_times: (M,) times of the joint states, ns, in any order
    :param joint_values: (M, 4) positions and velocities, rad and rad/s
    """
    if not len(joint_times):
        missing = np.full((len(times), 2), np.nan)
        return InterpolatedJoints(np.zeros(len(times), dtype=bool), missing, missing, missing)
    epoch = joint_times.min()  # a float cannot hold nanoseconds since 1970
    s, first = np.unique((joint_times - epoch) * NANOSECOND_S, return_index=True)  # (M,)
    t = (times - epoch) * NANOSECOND_S  # (N,)
    q, recorded_velocity = np.split(joint_values[first], 2, axis=1)  # (M, 2) each
    step = np.diff(s)
    is_connected = (step <= MAX_INTERPOLATION_GAP_S) & (
        np.abs(np.diff(q, axis=0)) < MAX_JOINT_STEP_RAD
    ).all(axis=1)
    velocity = _estimate_velocities(step, q, is_connected, recorded_velocity)
    nearest = _nearest_indices(s, t)
    offset = t - s[nearest]
    q_at = q[nearest] + velocity[nearest] * offset[:, None]
    before = np.searchsorted(s, t, side='right') - 1
    inside = (before >= 0) & (before < len(step))
    inside[inside] = is_connected[before[inside]]
    if inside.any():
        q_at[inside] = CubicHermiteSpline(s, q, velocity)(t[inside])
    period = np.median(step) if len(step) else 0.0
    tolerance = np.clip(
        MATCH_TOLERANCE_PERIODS * period, MIN_MATCH_TOLERANCE_S, MAX_MATCH_TOLERANCE_S
    )
    return InterpolatedJoints(np.abs(offset) <= tolerance, q_at, q[nearest], velocity[nearest])


def _estimate_velocities(
    step: Array, q: Array, is_connected: NDArray[np.bool_], recorded_velocity: Array
) -> Array:
    """
    Return (M, 2) velocities by finite differences over the joint states before and after, rad/s.

    They are of second order for uneven steps, as those of :func:`numpy.gradient`. A joint state
    without neighbours keeps its recorded velocity, or zero.

    :param step: (M - 1,) time to the next joint state, s
    :param q: (M, 2) rad
    :param is_connected: (M - 1,) whether the arm moved continuously to the next joint state
    :param recorded_velocity: (M, 2) rad/s or NaN
    """
    weight = np.where(is_connected, 1.0 / step, 0.0)[:, None]
    weighted = weight * np.diff(q, axis=0) / step[:, None]
    zero = np.zeros((1, 2))
    weighted_sum = np.vstack((zero, weighted)) + np.vstack((weighted, zero))
    weight_sum = np.concatenate((zero[:, :1], weight)) + np.concatenate((weight, zero[:, :1]))
    fallback = np.nan_to_num(recorded_velocity, nan=0.0, posinf=0.0, neginf=0.0)
    has_neighbours = weight_sum > 0.0
    return np.where(
        has_neighbours, weighted_sum / np.where(has_neighbours, weight_sum, 1.0), fallback
    )


def _nearest_indices(s: Array, t: Array) -> NDArray[np.intp]:
    """Return for each element of ``t`` the index of the nearest element of the ascending ``s``."""
    after = np.clip(np.searchsorted(s, t), 1, max(len(s) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(s) - 1)
    return np.where(t - s[before] <= s[after] - t, before, after)
