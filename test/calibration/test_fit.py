"""Calibrations fitted to synthetic samples of arms whose true kinematics are known."""

from dataclasses import replace

import numpy as np
import pytest
from arms import random_arm, random_joints
from built_arms import rigid

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.calibration.fit import calibrate
from ik_nn_ros.errors import CalibrationError
from ik_nn_ros.files import share_directory
from ik_nn_ros.recordings.samples import Samples

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))
NOISE = 5e-4
"""Standard deviation of the tip in x and in y, m; the accuracy figures assume it."""


def sag(q):
    """True joint positions: offsets of 0.02 rad, and a forearm that sags by 0.01 rad."""
    return q + np.array([0.02, 0.02 - 0.01 * np.cos(q[0] + q[1])])


def eccentric(q):
    """True joint positions with eccentric encoders."""
    return q + np.array([0.01 * np.sin(q[0] + 0.4), 0.015 * np.sin(q[1] - 1.0)])


def truth(arm, angles=sag, stretch=1.01, base=0j, tilt=0.0):
    """Return the true tip of an arm that differs from its URDF, as a function of (N, 2) joints."""
    built = ArmModel(
        'built', arm.joint_names, tuple(stretch * np.array(arm.lengths)), arm.signs, arm.offsets
    )

    def tip(q):
        z = base + np.array([rigid(built, angles(row)) for row in q])
        return np.stack((z.real * np.cos(tilt), z.imag), axis=-1)

    return tip


def samples(arm, tip, q, rng, noise=NOISE, outliers=0.02, velocity=None, delay=0.0):
    """Samples as read from a recording; each tip was measured ``delay`` s before its stamp."""
    velocity = np.zeros_like(q) if velocity is None else velocity
    xy = tip(q - delay * velocity) + rng.normal(0.0, noise, q.shape)
    is_outlier = rng.random(len(q)) < outliers
    xy[is_outlier] += rng.normal(0.0, 0.5 * arm.reach, (is_outlier.sum(), 2))
    count = len(q)
    nearest = q + 0.004 * velocity
    return Samples(
        np.arange(count) * 1.0,
        q,
        nearest,
        velocity,
        arm.plane.to_base(xy),
        np.zeros(count, dtype=np.intp),
        {},
        (),
    )


def errors(arm, calibration, tip):
    """Distance of the calibrated tip from the true one over the joint range, m."""
    q = random_joints(arm, np.random.default_rng(99), 2000)
    built = calibration.apply(arm)
    shift = np.array(calibration.base)
    return np.hypot(*(built.fk(q) + shift - tip(q)).T)


@pytest.mark.parametrize(('count', 'p50', 'p95'), [(1000, 1.0e-4, 2.5e-4), (100, 4e-4, 1e-3)])
@pytest.mark.parametrize('seed', range(3))
def test_a_sagging_arm_is_calibrated_to_the_required_accuracy(seed, count, p50, p95):
    rng = np.random.default_rng(seed)
    tip = truth(ARM)
    result = calibrate(ARM, samples(ARM, tip, random_joints(ARM, rng, count), rng))
    distances = errors(ARM, result.calibration, tip)
    assert np.median(distances) <= p50
    assert np.quantile(distances, 0.95) <= p95
    assert result.nominal.median > 10.0 * result.calibrated.median
    assert result.geometry.median > 1.5 * result.calibrated.median


@pytest.mark.parametrize('arm', [random_arm(seed).model for seed in (1, 2, 4, 7)])
@pytest.mark.parametrize(
    'deviation', [{'angles': eccentric}, {'tilt': 0.05}, {'base': 0.02 - 0.03j}]
)
def test_other_deviations_and_other_arms_are_fitted(arm, deviation):
    rng = np.random.default_rng(0)
    tip, noise = truth(arm, **deviation), 1e-3 * arm.reach
    result = calibrate(arm, samples(arm, tip, random_joints(arm, rng, 1000), rng, noise))
    distances = errors(arm, result.calibration, tip)
    assert np.median(distances) <= 0.3 * noise
    assert np.quantile(distances, 0.95) <= 0.7 * noise


def test_a_rigid_arm_gets_no_residual_and_honest_uncertainties():
    lengths, zeros = np.array(ARM.lengths) * 1.01, np.array([0.02, 0.02])
    normalized = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        tip = truth(ARM, lambda q: q + zeros)
        result = calibrate(ARM, samples(ARM, tip, random_joints(ARM, rng, 200), rng)).calibration
        if result.residual:
            continue
        deviation = result.uncertainty
        normalized += [
            (np.array(result.lengths) - lengths) / deviation['lengths'],
            (np.array(result.offsets) - zeros) / deviation['offsets'],
            np.array(result.base) / deviation['base'],
        ]
    assert len(normalized) >= 3 * 8
    assert 0.7 <= np.sqrt(np.mean(np.square(normalized))) <= 1.4


def test_a_fifth_of_outliers_does_not_change_the_fit():
    rng = np.random.default_rng(0)
    tip = truth(ARM)
    recorded = samples(ARM, tip, random_joints(ARM, rng, 1000), rng, outliers=0.2)
    result = calibrate(ARM, recorded)
    assert np.median(errors(ARM, result.calibration, tip)) <= 1.2e-4
    assert 150 <= result.outlier_count <= 250


@pytest.mark.parametrize('delay', [0.0, 0.012])
def test_the_delay_of_the_tip_is_estimated(delay):
    """At 1 rad/s 12 ms are up to 6 mm."""
    rng = np.random.default_rng(0)
    tip, q = truth(ARM), random_joints(ARM, rng, 1000)
    result = calibrate(
        ARM, samples(ARM, tip, q, rng, velocity=rng.normal(0, 1, q.shape), delay=delay)
    )
    timing = result.calibration.record['timing']
    assert timing['pairing'] == 'joints at the stamp of the tip'
    assert timing['delay'] == pytest.approx(delay, abs=3e-4)
    assert np.median(errors(ARM, result.calibration, tip)) <= 1.2e-4


def test_joint_states_published_with_the_tip_are_not_interpolated_to_its_stamp():
    rng = np.random.default_rng(0)
    tip, q = truth(ARM), random_joints(ARM, rng, 500)
    velocity = rng.normal(0, 3, q.shape)
    recorded = samples(ARM, tip, q, rng)
    jitter = rng.normal(0, 1e-3, (500, 1))
    jittering = replace(recorded, q=q + jitter * velocity, velocity=velocity)
    record = calibrate(ARM, jittering).calibration.record
    assert record['timing'] == {'pairing': 'nearest joint_states', 'delay': 0.0}


def recorded_over(low, up, count, seed=0):
    rng = np.random.default_rng(seed)
    return samples(ARM, truth(ARM), rng.uniform(low, up, (count, 2)), rng)


def moving_together():
    rng = np.random.default_rng(0)
    q1 = rng.uniform(-2.0, 2.0, 300)
    return samples(ARM, truth(ARM), np.stack((q1, -q1), axis=-1), rng)


@pytest.mark.parametrize(
    ('recorded', 'message'),
    [
        (recorded_over((-2, -2), (2, 2), 20), 'samples: got 20, expected at least 50'),
        (recorded_over((-2, 0.5), (2, 0.7), 500), 'joint2: got positions within 0.18 rad'),
        (recorded_over((-0.3, 1.0), (0.3, 1.6), 500), 'leave the tip uncertain by'),
        (moving_together(), 'always move together'),
    ],
)
def test_insufficient_samples_are_refused_with_what_to_record(recorded, message):
    with pytest.raises(CalibrationError, match=message) as caught:
        calibrate(ARM, recorded)
    assert 'record' in str(caught.value) or 'at least' in str(caught.value)


def wrong_sign(q):
    return sag(q * np.array([1.0, -1.0]))


def exchanged(q):
    return sag(q[::-1])


@pytest.mark.parametrize(
    ('tip', 'message'),
    [
        (truth(ARM, wrong_sign), 'the sign of joint2 reversed'),
        (truth(ARM, exchanged), 'joint1 and joint2 exchanged'),
        (lambda q: truth(ARM)(q) * [1.0, -1.0], 'both signs reversed, or tip_pose mirrored'),
        (truth(ARM, stretch=2.0), 'got lengths 0.[56]'),
        (lambda q: 0.0 * q + [0.3, 0.1], 'got lengths'),
        (lambda q: ARM.fk(q), 'these were computed'),
    ],
)
def test_samples_of_another_arm_are_refused(tip, message):
    """A residual would fit them, and the solver would then use the wrong arm."""
    rng = np.random.default_rng(0)
    q = random_joints(ARM, rng, 500)
    noise = 0.0 if message == 'these were computed' else NOISE
    with pytest.raises(CalibrationError, match=message):
        calibrate(ARM, samples(ARM, tip, q, rng, noise=noise, outliers=0.0))


def test_many_outliers_are_refused():
    rng = np.random.default_rng(0)
    recorded = samples(ARM, truth(ARM), random_joints(ARM, rng, 1000), rng, outliers=0.35)
    with pytest.raises(CalibrationError, match=r'outliers of 1000'):
        calibrate(ARM, recorded)


def test_a_tip_that_leaves_the_plane_is_refused():
    rng = np.random.default_rng(0)
    recorded = samples(ARM, truth(ARM), random_joints(ARM, rng, 500), rng)
    tilted = recorded.tip + np.outer(rng.normal(0, 0.1, 500), ARM.plane.rotation[:, 2])
    with pytest.raises(CalibrationError, match="leave the arm's plane"):
        calibrate(ARM, replace(recorded, tip=tilted))


@pytest.mark.parametrize('delay', [0.005, 0.02, 0.06])
def test_the_delay_of_a_slow_camera_is_compensated_while_the_arm_accelerates(delay):
    """At 3 rad/s² half the acceleration times the delay squared is millimetres; 50 poses/s."""
    rng = np.random.default_rng(0)
    tip = truth(ARM)
    time = np.arange(0.0, 40.0, 0.02)

    def path(t):
        q1 = 1.3 * np.sin(0.9 * t) + 1.2 * np.sin(0.23 * t + 1)
        return np.stack((q1, 1.2 * np.sin(1.13 * t + 0.3) + 1.1 * np.sin(0.31 * t)), axis=-1)

    recorded = samples(ARM, lambda q: tip(path(time - delay)), path(time), rng)
    velocity = (path(time + 1e-4) - path(time - 1e-4)) / 2e-4
    near = path(np.round(time / 0.005) * 0.005 + 0.001)
    recorded = replace(recorded, stamp=time, velocity=velocity, q_nearest=near)
    result = calibrate(ARM, recorded)
    assert result.calibration.record['timing']['delay'] == pytest.approx(delay, abs=2e-4)
    assert np.median(errors(ARM, result.calibration, tip)) <= 2e-4


def test_clocks_that_disagree_are_refused():
    rng = np.random.default_rng(0)
    q = random_joints(ARM, rng, 500)
    recorded = samples(ARM, truth(ARM), q, rng, velocity=rng.normal(0, 0.2, q.shape), delay=0.4)
    with pytest.raises(CalibrationError, match='do the clocks'):
        calibrate(ARM, recorded)


@pytest.mark.parametrize('count', [60, 100, 300])
@pytest.mark.parametrize('seed', range(3))
def test_samples_without_noise_are_fitted_more_precisely(count, seed):
    """With a scale of zero the fit would meet half the samples exactly and drop the others."""
    rng = np.random.default_rng(seed)
    tip = truth(ARM)
    recorded = samples(ARM, tip, random_joints(ARM, rng, count), rng, noise=0.0, outliers=0.0)
    result = calibrate(ARM, recorded)
    assert np.quantile(errors(ARM, result.calibration, tip), 0.95) <= 5e-5
    assert result.outlier_count == 0
