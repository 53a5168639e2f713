"""Recorded tips against the arm model, before and after calibration."""

import math
from dataclasses import replace

import numpy as np
import pytest
from arms import random_arm, random_joints
from made_recordings import write_recording

from ik_nn_ros.arm.calibrated import Calibration, FourierTerm, describe_arm
from ik_nn_ros.errors import RecordingError
from ik_nn_ros.studies.report.recorded import Recordings, measure_recorded

ARM = random_arm(3).model
COUNT = 60
WRONG = 7
"""Row of a tip with a large error."""


def calibration(**record):
    l1, l2 = ARM.lengths
    return Calibration(
        describe_arm(ARM),
        lengths=(1.02 * l1, 0.97 * l2),
        offsets=(ARM.offsets[0] + 0.02, ARM.offsets[1] - 0.01),
        base=(0.004, -0.003),
        residual=(FourierTerm(2, 1, 0.002 + 0.001j),),
        record=record,
    )


@pytest.fixture
def joints():
    return random_joints(ARM, np.random.default_rng(0), COUNT)


@pytest.fixture
def recorded(tmp_path, joints):
    """Tips of the calibrated arm, each 0.5 mm further off in the plane, one of them 1 m."""
    plane = calibration().apply(ARM).plane
    tip = plane.to_base(calibration().apply(ARM).fk(joints) + np.array((0.0003, -0.0004)))
    tip[WRONG] += plane.rotation[:, 0]
    return Recordings((write_recording(tmp_path / 'first.mcap', ARM, joints, tip),))


def expected_before(joints):
    """Distances of the recorded tips from those of the URDF, written out as complex numbers."""
    (s1, s2), (l1, l2), (o1, o2) = ARM.signs, ARM.lengths, ARM.offsets
    a, b = np.exp(1j * s1 * joints[:, 0]), np.exp(1j * s2 * joints[:, 1])
    nominal = a * np.exp(1j * o1) * (l1 + l2 * b * np.exp(1j * o2))
    turned = a * np.exp(1j * (o1 + 0.02))
    built = turned * (1.02 * l1 + 0.97 * l2 * b * np.exp(1j * (o2 - 0.01)))
    built += (0.002 + 0.001j) * a**2 * b + 0.004 - 0.003j
    return np.abs(built + 0.0003 - 0.0004j - nominal)


def test_errors_before_and_after_are_those_of_the_two_models(recorded, joints):
    found = measure_recorded(ARM, calibration(), recorded)
    kept = np.arange(COUNT) != WRONG
    np.testing.assert_array_equal(found.is_outlier, ~kept)
    np.testing.assert_allclose(
        np.hypot(*found.before.T)[kept], expected_before(joints)[kept], atol=1e-9
    )
    np.testing.assert_allclose(found.after[kept], np.tile((0.0003, -0.0004), (59, 1)), atol=1e-9)
    summaries = found.summaries()
    assert summaries['after'].count == 59
    assert summaries['after'].worst_m == pytest.approx(0.0005, abs=1e-9)
    assert summaries['after_with_outliers'].count == COUNT
    assert summaries['after_with_outliers'].worst_m == pytest.approx(1.0, abs=0.001)
    assert summaries['before'].p50_m == pytest.approx(np.sort(expected_before(joints)[kept])[29])


def test_recorded_points_are_in_the_plane_of_the_urdfs_arm(recorded, joints):
    found = measure_recorded(ARM, None, recorded)
    tip = ARM.fk(joints) + found.before
    np.testing.assert_allclose(found.xy, tip, atol=1e-9)
    assert found.after is None
    assert set(found.summaries()) == {'before', 'before_with_outliers'}


def test_recordings_that_the_calibration_was_fitted_to_are_named(recorded):
    fitted = calibration(recordings=['other.mcap', 'first.mcap'])
    assert measure_recorded(ARM, fitted, recorded).fitted_recordings == ('first.mcap',)
    unseen = calibration(recordings=['other.mcap'])
    assert measure_recorded(ARM, unseen, recorded).fitted_recordings == ()


def test_tips_are_paired_with_the_joints_that_fit_best(tmp_path):
    """A stamp that is 30 ms late: the calibration's delay explains it."""
    t = 0.1 * np.arange(COUNT)
    low, up = np.maximum(ARM.lower, -1.0), np.minimum(ARM.upper, 1.0)
    middle, swing = (low + up) / 2.0, (up - low) / 2.0

    def moving(times):
        return middle + swing * np.stack((np.sin(times), np.sin(1.3 * times)), axis=-1)

    tip = ARM.plane.to_base(ARM.fk(moving(t - 0.03)))
    file = write_recording(tmp_path / 'late.mcap', ARM, moving(t), tip)
    same = replace(
        calibration(timing={'delay': 0.03}),
        lengths=ARM.lengths,
        offsets=ARM.offsets,
        base=(0.0, 0.0),
        residual=(),
    )
    found = measure_recorded(ARM, same, Recordings((file,)))
    assert found.pairing == 'at the stamp of the tip less 30 ms'
    blind = measure_recorded(ARM, None, Recordings((file,))).summaries()['before']
    assert blind.p50_m > 10.0 * found.summaries()['after'].p50_m


def test_a_recording_without_samples_is_refused(tmp_path):
    empty = write_recording(tmp_path / 'empty.mcap', ARM, np.zeros((0, 2)), np.zeros((0, 3)))
    with pytest.raises(RecordingError):
        measure_recorded(ARM, None, Recordings((empty,)))


def test_two_samples_are_enough_to_compare(tmp_path, joints):
    tip = ARM.plane.to_base(ARM.fk(joints[:2]))
    file = write_recording(tmp_path / 'short.mcap', ARM, joints[:2], tip)
    found = measure_recorded(ARM, None, Recordings((file,)))
    assert math.isclose(found.summaries()['before'].worst_m, 0.0, abs_tol=1e-9)
