"""The interface of an arm: joint limits, sizes, links and the uncertainty of the tip."""

from dataclasses import replace

import numpy as np
import pytest
from arms import random_arm, random_joints
from built_arms import calibration_of

from ik_nn_ros.arm.calibrated import Calibration, GeometrySigma
from ik_nn_ros.arm.geometry import TWO_PI
from ik_nn_ros.arm.kinematics import LIMIT_TOLERANCE_RAD
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import CalibrationError

INF = np.inf
each_arm = pytest.mark.parametrize('seed', range(20))


def arm_with_limits(lower, upper):
    return ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=lower, upper=upper)


class TestLimits:
    def test_a_joint_exactly_at_its_limit_is_inside_and_the_next_number_is_not(self):
        arm = arm_with_limits((-1.0, -2.0), (1.5, 2.5))
        for q in ((-1.0, -2.0), (1.5, 2.5), (-1.0, 2.5)):
            assert arm.within_limits(q)
            assert arm.clip(q) == q
            assert arm.wrap_into_limits(q, q) == q
            for joint in range(2):
                outwards = -9.0 if q[joint] < 0.0 else 9.0
                past = tuple(
                    float(np.nextafter(v, outwards)) if i == joint else v for i, v in enumerate(q)
                )
                assert not arm.within_limits(past)
                assert arm.clip(past) == q
                assert arm.wrap_into_limits(past, q) == q

    @pytest.mark.parametrize('sign', [1, -1])
    @pytest.mark.parametrize('tolerance', [LIMIT_TOLERANCE_RAD, 1e-2])
    def test_an_angle_past_a_limit_means_the_limit_up_to_the_tolerance(self, sign, tolerance):
        """Beyond it the turn inside the limits is taken."""
        arm = arm_with_limits((-4.0, -4.0), (4.0, 4.0))
        limit = sign * 4.0
        for past, expected in ((0.9, limit), (1.1, limit + sign * (1.1 * tolerance - TWO_PI))):
            angle = limit + sign * past * tolerance
            for turn in (-TWO_PI, 0.0, TWO_PI):
                wrapped = arm.wrap_joint(1, angle + turn, limit, tolerance)
                assert wrapped == pytest.approx(expected, abs=1e-12)
                batch = arm.wrap_into_limits_batch(
                    np.full((1, 2), angle + turn), np.full(2, limit), tolerance
                )
                assert batch[0] == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize(
        ('angle', 'limit'), [(1.0 + 2.0, 1.0), (-1.0 - 2.0, -1.0), (1.0 + np.pi - 1.0, -1.0)]
    )
    def test_an_angle_that_no_turn_brings_inside_gives_the_nearer_limit(self, angle, limit):
        """Half a turn from both, it is the lower one."""
        arm = arm_with_limits((-1.0, -1.0), (1.0, 1.0))
        for reference in (-9.0, 0.0, 9.0):
            assert arm.wrap_joint(0, angle, reference) == limit
            batch = arm.wrap_into_limits_batch(np.full((1, 2), angle), np.full(2, reference))
            np.testing.assert_array_equal(batch, limit)

    def test_only_continuous_joints_are_unwrapped(self):
        arm = arm_with_limits((-INF, -9.0), (INF, 9.0))
        assert arm.unwrap_near((0.5, 0.5), (12.9, 8.0)) == pytest.approx((0.5 + 2 * TWO_PI, 0.5))
        assert arm.unwrap_near((-3.0, 3.0), (3.0, -3.0)) == pytest.approx((TWO_PI - 3.0, 3.0))

    @pytest.mark.parametrize(
        ('limits', 'finite'),
        [
            ((-INF, INF), (-np.pi, np.pi)),
            ((-INF, 1.0), (1.0 - TWO_PI, 1.0)),
            ((0.5, INF), (0.5, 0.5 + TWO_PI)),
            ((-5.0, 5.0), (-5.0, TWO_PI - 5.0)),
            ((-1.0, 2.0), (-1.0, 2.0)),
        ],
    )
    def test_finite_limits_span_at_most_one_turn(self, limits, finite):
        arm = arm_with_limits((limits[0], -1.0), (limits[1], 1.0))
        lower, upper = arm.finite_limits
        assert (lower[0], upper[0]) == pytest.approx(finite)
        assert (lower[1], upper[1]) == (-1.0, 1.0)

    def test_without_limits_the_arm_is_otherwise_the_same(self):
        for arm in (
            random_arm(3).model,
            calibration_of(random_arm(3).model).apply(random_arm(3).model),
        ):
            free = arm.without_limits()
            assert (free.lower, free.upper) == ((-INF, -INF), (INF, INF))
            assert replace(free, lower=arm.lower, upper=arm.upper) == arm


class TestSizes:
    @each_arm
    def test_stretched_out_the_tip_is_at_the_reach(self, seed):
        arm = random_arm(seed).model
        for q1 in (-1.0, 0.0, 2.0):
            q = arm.stretched(q1)
            assert q[0] == q1
            assert np.hypot(*arm.fk_point(*q)) == pytest.approx(arm.reach)
            assert arm.elbow_sine(q) == pytest.approx(0.0, abs=1e-12)

    @each_arm
    def test_lever_arms_bound_what_a_joint_moves_the_tip_and_are_attained(self, seed):
        arm = random_arm(seed).model
        q = np.vstack((random_joints(arm, np.random.default_rng(seed), 500), arm.stretched(0.3)))
        moved = np.hypot(*np.moveaxis(arm.jacobian(q), -2, 0))
        np.testing.assert_allclose(moved.max(axis=0), arm.lever_arms)

    @each_arm
    def test_the_determinant_is_the_elbow_s_sine_times_its_maximum(self, seed):
        arm = random_arm(seed).model
        q = random_joints(arm, np.random.default_rng(seed), 100)
        np.testing.assert_allclose(
            np.abs(np.linalg.det(arm.jacobian(q))),
            arm.max_determinant * np.abs(arm.elbow_sine_batch(q)),
            atol=1e-12 * arm.reach**2,
        )


class TestLinks:
    @each_arm
    def test_links_have_their_lengths_and_directions_and_end_at_the_tip(self, seed):
        arm = random_arm(seed).model
        q = random_joints(arm, np.random.default_rng(seed), 60).reshape(3, 20, 2)
        points, angles, lengths = arm.link_poses(q)
        assert lengths == arm.lengths
        assert (points[..., 0, :] == 0.0).all()
        np.testing.assert_allclose(points[..., 2, :], arm.fk(q), atol=1e-14)
        links = np.diff(points, axis=-2)
        directions = np.stack((np.cos(angles), np.sin(angles)), axis=-1)
        np.testing.assert_allclose(
            links, np.array(lengths)[:, None] * directions, atol=1e-13 * arm.reach
        )
        one = arm.link_poses(tuple(q[0, 0].tolist()))
        np.testing.assert_allclose(one.points, points[0, 0], atol=1e-14)

    def test_the_forearm_of_an_arm_with_a_residual_ends_at_its_tip(self):
        arm = calibration_of(random_arm(1).model, 1).apply(random_arm(1).model)
        points = arm.link_poses(arm.home).points
        np.testing.assert_allclose(points[2], arm.fk_point(*arm.home))
        np.testing.assert_allclose(points[1], arm.rigid.link_poses(arm.home).points[1])


def test_each_joint_of_these_arms_has_its_own_actuator():
    arm = random_arm(0).model
    assert arm.joints_to_actuators((0.3, -2.0)) == (0.3, -2.0)
    assert arm.actuators_to_joints((0.3, -2.0)) == (0.3, -2.0)


class TestTipSigma:
    def test_an_ideal_arm_has_none(self):
        sigma = random_arm(0).model.tip_sigma(np.zeros((4, 5, 2)))
        np.testing.assert_array_equal(sigma, np.zeros((4, 5)))

    @each_arm
    def test_it_is_how_far_the_tip_scatters_with_the_geometry(self, seed):
        """Parameters drawn from their distributions, tips in the URDF's plane."""
        nominal, rng = random_arm(seed).model, np.random.default_rng(seed)
        size = 1e-4 * nominal.reach
        sigma = GeometrySigma(
            tuple(size * rng.uniform(0.2, 2.0, 2)),
            tuple(1e-4 * rng.uniform(0.2, 2.0, 2)),
            tuple(size * rng.uniform(0.2, 2.0, 2)),
        )
        calibration = replace(
            calibration_of(nominal, seed, size=1e-4),
            uncertainty={name: list(pair) for name, pair in sigma._asdict().items()},
        )
        arm = calibration.apply(nominal)
        assert arm.sigma == sigma
        q = random_joints(arm, rng, 5)
        lengths, offsets, base = (
            rng.normal(mean, std, (20_000, 2)).T
            for mean, std in zip((arm.lengths, arm.offsets, (0.0, 0.0)), sigma, strict=True)
        )
        a, b = (np.array(arm.signs) * q).T[..., None]
        first = np.exp(1j * (a + offsets[0]))
        second = first * np.exp(1j * (b + offsets[1]))
        tips = lengths[0] * first + lengths[1] * second + base[0] + 1j * base[1]
        modelled = arm.rigid.fk(q) @ (1.0, 1j)
        scatter = np.sqrt((np.abs(tips - modelled[:, None]) ** 2).mean(axis=1))
        np.testing.assert_allclose(arm.tip_sigma(q), scatter, rtol=0.03)

    def test_it_is_unknown_without_uncertainties_in_the_calibration(self):
        nominal = random_arm(0).model
        arm = calibration_of(nominal).apply(nominal)
        assert arm.sigma is None
        assert np.isnan(arm.tip_sigma(np.zeros((3, 2)))).all()

    @pytest.mark.parametrize(
        ('uncertainty', 'words'),
        [({'lengths': [1e-4, 1e-4]}, "no 'offsets'"), ({'lengths': [1e-4]}, 'not two numbers')],
    )
    def test_a_file_with_damaged_uncertainties_is_refused(self, tmp_path, uncertainty, words):
        calibration = replace(calibration_of(random_arm(0).model), uncertainty=uncertainty)
        calibration.write(tmp_path / 'arm.yaml')
        with pytest.raises(CalibrationError, match=words):
            Calibration.read(tmp_path / 'arm.yaml')
