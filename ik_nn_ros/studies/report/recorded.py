"""Errors of recorded tips against the arm model, before and after calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ik_nn_ros.arm.calibrated import Calibration
from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import RecordingError
from ik_nn_ros.recordings.samples import Samples, TopicNames, read_samples
from ik_nn_ros.studies.accuracy import ErrorSummary

NEAREST_PAIRING = 'of the joint_states nearest in time'
INTERPOLATED_PAIRING = 'at the stamp of the tip'
OUTLIER_RATIO = 5.0
"""Error of an outlier, as a multiple of the median; of normal noise 3 in 10^8 are outliers."""


@dataclass(frozen=True)
class Recordings:
    """
    Recordings to read.

    :param paths: files or folders, possibly none
    :param topics: topics to read
    """

    paths: tuple[Path, ...] = ()
    topics: TopicNames = field(default_factory=TopicNames)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files and folders."""
        return tuple(path.resolve().name for path in self.paths)


@dataclass(frozen=True)
class RecordedErrors:
    """
    Errors of N recorded samples.

    :param names: names of the recordings
    :param pairing: which joint positions a measured tip is compared with
    :param xy: (N, 2) measured tips in the plane of the URDF's arm, m
    :param before: (N, 2) measured tip minus that of the URDF's arm, m
    :param after: (N, 2) measured tip minus that of the calibrated arm, m; None: no calibration
    :param is_outlier: (N,) whether the sample is an outlier of ``after``, or else of ``before``
    :param dropped: numbers of samples left out when reading, by reason
    :param warnings: defects of the recordings
    :param fitted_recordings: names of the recordings that the calibration was fitted to
    """

    names: tuple[str, ...]
    pairing: str
    xy: Array
    before: Array
    after: Array | None
    is_outlier: NDArray[np.bool_]
    dropped: Mapping[str, int]
    warnings: tuple[str, ...]
    fitted_recordings: tuple[str, ...]

    def summaries(self) -> dict[str, ErrorSummary]:
        """Return the errors before and after calibration, without and with the outliers."""
        summaries = {}
        for name, offset in (('before', self.before), ('after', self.after)):
            if offset is not None:
                error = vector_lengths(offset)
                summaries[name] = ErrorSummary.from_errors(error[~self.is_outlier])
                summaries[f'{name}_with_outliers'] = ErrorSummary.from_errors(error)
        return summaries


def measure_recorded(
    arm: ArmModel, calibration: Calibration | None, recordings: Recordings
) -> RecordedErrors:
    """
    Read recordings and compare them with the arm model.

    :param arm: the arm as its URDF describes it
    :param calibration: calibration of the arm; None: there is none
    :param recordings: at least one recording
    :raises RecordingError: a recording cannot be read, or there is no sample
    """
    names = recordings.names
    samples = read_samples(
        recordings.paths, arm.joint_names, arm.plane.base_frame, recordings.topics
    )
    if not len(samples):
        raise RecordingError(
            f'samples of {", ".join(names)}', got='none', expected='at least one to compare with'
        )
    calibrated = None if calibration is None else calibration.apply(arm)
    pairing, q = _best_pairing(calibrated or arm, samples, _tip_delay(calibration))
    before = tip_offsets(arm, q, samples.tip)
    after = None if calibrated is None else tip_offsets(calibrated, q, samples.tip)
    error = vector_lengths(before if after is None else after)
    return RecordedErrors(
        names=names,
        pairing=pairing,
        xy=project_to_plane(arm, samples.tip),
        before=before,
        after=after,
        is_outlier=error > OUTLIER_RATIO * np.median(error),
        dropped=dict(samples.dropped),
        warnings=samples.warnings,
        fitted_recordings=tuple(name for name in names if name in _fitted_names(calibration)),
    )


def _best_pairing(arm: ArmModel, samples: Samples, delay: float) -> tuple[str, Array]:
    """
    Return the pairing of joints with tips that fits the arm model best, and the joints (N, 2), rad.

    A tip may be measured at its own stamp, or computed from the joints it is published with.

    :param delay: delay of the tip's stamp, s
    """
    pairings = {NEAREST_PAIRING: samples.q_nearest, INTERPOLATED_PAIRING: samples.q}
    if delay:
        late = f'{INTERPOLATED_PAIRING} less {1e3 * delay:.2g} ms'
        pairings[late] = samples.q - delay * samples.velocity
    medians = {
        name: float(np.median(vector_lengths(tip_offsets(arm, q, samples.tip))))
        for name, q in pairings.items()
    }
    best = min(medians, key=medians.__getitem__)
    return best, pairings[best]


def vector_lengths(offset: Array) -> Array:
    """Return the lengths of (N, 2) vectors."""
    length: Array = np.hypot(offset[:, 0], offset[:, 1])
    return length


def project_to_plane(arm: ArmModel, tip: Array) -> Array:
    """Return (N, 2) points in the arm's plane of (N, 3) points in its base frame, m."""
    point: Array = (tip - arm.plane.origin) @ arm.plane.rotation[:, :2]
    return point


def tip_offsets(arm: ArmModel, q: Array, tip: Array) -> Array:
    """
    Return the measured tip minus that of the arm model, in the arm's plane.

    :param arm: model of the arm
    :param q: (N, 2) joint positions, rad
    :param tip: (N, 3) measured tips in the base frame, m
    :return: (N, 2) offsets, m
    """
    offset: Array = project_to_plane(arm, tip) - arm.fk(q)
    return offset


def _tip_delay(calibration: Calibration | None) -> float:
    """Return the delay of the tip's stamp that the calibration found, s."""
    timing: Any = calibration.record.get('timing') if calibration else None
    delay = timing.get('delay') if isinstance(timing, dict) else None
    return float(delay) if isinstance(delay, float | int) else 0.0


def _fitted_names(calibration: Calibration | None) -> list[str]:
    """Return the names of the recordings that a calibration was fitted to."""
    names: Any = calibration.record.get('recordings') if calibration else None
    return [str(name) for name in names] if isinstance(names, list) else []
