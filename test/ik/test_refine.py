"""Newton steps make a proposal exact, also where the Jacobian is singular."""

import numpy as np
import pytest
from arms import random_arm, random_joints

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.refine import refine, refine_batch

FREE = ArmModel('arm', ('a', 'b'), (0.3, 0.2))


@pytest.mark.parametrize('seed', range(20))
def test_proposals_a_thousandth_off_become_exact(seed):
    arm = random_arm(seed).model
    rng = np.random.default_rng(seed)
    q = random_joints(arm, rng, 500)
    q = q[np.abs(arm.elbow_sine_batch(q)) > 0.02]
    start = q + rng.uniform(-1e-3, 1e-3, q.shape)
    xy, branch = arm.fk(q), np.ones(len(q), dtype=np.int8)
    tolerance = 1e-9 * arm.reach
    refined, steps = refine_batch(arm, xy, branch, start, tolerance)
    assert np.hypot(*(arm.fk(refined) - xy).T).max() <= tolerance
    np.testing.assert_allclose(refined, q, atol=1e-5)
    for i in range(0, len(q), 10):
        one, taken = refine(arm, *xy[i], 1, tuple(start[i]), tolerance)
        np.testing.assert_allclose(one, refined[i], atol=1e-12)
        assert taken == steps[i] >= 1


@pytest.mark.parametrize('elbow', [0.0, np.pi, -np.pi])
def test_the_exactly_stretched_and_folded_arm_is_reached(elbow):
    rng = np.random.default_rng(0)
    q = np.column_stack((rng.uniform(-3, 3, 500), np.full(500, elbow)))
    start = q + rng.uniform(-1e-3, 1e-3, q.shape)
    xy = FREE.fk(q)
    refined, _ = refine_batch(FREE, xy, np.ones(500, dtype=np.int8), start, 1e-9 * FREE.reach)
    assert np.hypot(*(FREE.fk(refined) - xy).T).max() <= 1e-9 * FREE.reach


@pytest.mark.parametrize('branch', [1, -1])
def test_a_straight_arm_bends_to_the_given_branch(branch):
    """At q2 = 0 exactly the gradient vanishes: without the escape step it would stay there."""
    x, y = FREE.fk_point(0.4, branch * 0.05)
    start = (float(np.arctan2(y, x)), 0.0)
    refined, _ = refine(FREE, x, y, branch, start, 1e-9)
    assert np.sign(refined[1]) == branch
    one, _ = refine_batch(
        FREE, np.array([[x, y]]), np.array([branch], dtype=np.int8), np.array([start]), 1e-9
    )
    assert np.sign(one[0, 1]) == branch


@pytest.mark.parametrize('elbow', [0.0, np.pi])
def test_the_last_step_to_a_straight_arm_does_not_divide_by_zero(elbow):
    """With |e| near 1e-8 of reach, λ = |e|² is lost in rounding and the determinant is zero."""
    rng = np.random.default_rng(0)
    q = np.column_stack((rng.uniform(-3, 3, 3000), np.full(3000, elbow)))
    off = np.exp(rng.uniform(np.log(1e-10), np.log(1e-6), 3000))[:, None]
    xy = FREE.fk(q) * (1.0 + off * rng.choice([-1.0, 1.0], (3000, 1)))
    refined, _ = refine_batch(FREE, xy, np.ones(3000, dtype=np.int8), q, 1e-9 * FREE.reach)
    assert np.isfinite(refined).all()
    for target, start in zip(xy.tolist(), q.tolist(), strict=True):
        one, _ = refine(FREE, *target, 1, tuple(start), 1e-9 * FREE.reach)
        assert np.isfinite(one).all()
