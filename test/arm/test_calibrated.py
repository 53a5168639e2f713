"""The forward kinematics of an arm with a calibration."""

from dataclasses import replace

import numpy as np
import pytest
from arms import random_joints
from built_arms import calibrated_arm, tips, without_residual

from ik_nn_ros.arm.calibrated import FourierTerm
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ArmError

each_arm = pytest.mark.parametrize('seed', range(12))


@each_arm
def test_the_tip_is_the_sum_of_its_terms(seed):
    arm = calibrated_arm(seed)
    q = random_joints(arm, np.random.default_rng(seed), 50)
    expected = tips(arm, q)
    np.testing.assert_allclose(arm.fk(q), expected, atol=1e-14 * arm.reach)
    points = [arm.fk_point(*row) for row in q.tolist()]
    np.testing.assert_allclose(points, expected, atol=1e-14 * arm.reach)


@each_arm
def test_derivatives_are_those_of_the_tip(seed):
    arm = calibrated_arm(seed)
    q = random_joints(arm, np.random.default_rng(seed), 20)
    step = 1e-6
    for joint in range(2):
        move = step * np.eye(2)[joint]
        slope = (tips(arm, q + move) - tips(arm, q - move)) / (2.0 * step)
        np.testing.assert_allclose(arm.jacobian(q)[:, :, joint], slope, atol=1e-8 * arm.reach)
    one = [arm.linearize_point(*row) for row in q.tolist()]
    np.testing.assert_allclose(np.array(one).T, arm.linearize(q), atol=1e-13 * arm.reach)


@each_arm
def test_without_a_residual_it_is_the_rigid_arm(seed):
    arm = without_residual(calibrated_arm(seed))
    names = ('joint_names', 'lengths', 'signs', 'offsets', 'lower', 'upper')
    plain = ArmModel('plain', **{name: getattr(arm, name) for name in names})
    q = random_joints(arm, np.random.default_rng(seed), 50)
    np.testing.assert_allclose(arm.fk(q), plain.fk(q), atol=1e-14 * arm.reach)
    np.testing.assert_allclose(arm.elbow_sine_batch(q), plain.elbow_sine_batch(q), atol=1e-13)
    assert arm.residual_bound == 0.0


@each_arm
def test_the_elbow_s_sine_is_the_scaled_determinant_of_the_jacobian(seed):
    """It changes sign where the Jacobian is singular, not where joint 2 is at zero."""
    arm = calibrated_arm(seed)
    q = random_joints(arm, np.random.default_rng(seed), 200)
    determinant = np.linalg.det(arm.jacobian(q))
    np.testing.assert_allclose(
        arm.elbow_sine_batch(q) * arm.signs[0] * arm.lengths[0] * arm.lengths[1],
        determinant,
        atol=1e-12,
    )
    assert [arm.elbow_sine(row) for row in q.tolist()] == pytest.approx(
        arm.elbow_sine_batch(q).tolist()
    )


@each_arm
def test_the_residual_bound_holds_and_is_not_loose(seed):
    arm = calibrated_arm(seed)
    q = random_joints(arm, np.random.default_rng(seed), 5000)
    off = np.hypot(*(tips(arm, q) - tips(without_residual(arm), q)).T)
    assert off.max() <= arm.residual_bound <= 2.0 * off.max()


def test_a_term_that_is_not_finite_is_refused():
    arm = calibrated_arm(0)
    with pytest.raises(ArmError, match='not finite'):
        replace(arm, residual=(FourierTerm(1, 0, complex(np.nan, 0.0)),))
