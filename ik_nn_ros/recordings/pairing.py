"""Where the joints were at a given time: between the joint states around it."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.recordings.tracks import Array, TimesNs

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
