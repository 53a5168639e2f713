"""Iterative methods against their textbook definitions, for single targets and batches."""

from dataclasses import replace
from math import pi

import numpy as np
import pytest
from arms import random_arm, random_joints
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO, tip_errors
from ik_nn_ros.studies.compare import numerical
from ik_nn_ros.studies.compare.numerical import (
    MAX_JOINT_STEP_RAD,
    MAX_STEPS,
    STEP_RULES,
    solve,
    solve_batch,
)

ARM = ArmModel('arm', ('a', 'b'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))
FREE = ArmModel('arm', ('a', 'b'), (0.3, 0.2))
SLOW = ('gradient_descent', 'ccd')
every_rule = pytest.mark.parametrize('name', STEP_RULES)


def one_step(name, arm, q, xy, step=0):
    x, y, *jacobian = arm.linearize_point(*q)
    return STEP_RULES[name](arm, step, xy[0] - x, xy[1] - y, *jacobian)


def bent_joints(arm, rng, count):
    """Joints inside the limits, the elbow clearly bent."""
    q = random_joints(arm, rng, 20 * count)
    return q[np.abs(arm.elbow_sine_batch(q)) > 0.3][:count]


@every_rule
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_it_converges_to_targets_nearby_for_any_arm(name, seed):
    """Axis signs, offsets and limits of any kind: a sign lost in a rule leads away."""
    # Links much unlike are too slow for the simpler ones.
    arm = replace(random_arm(seed).model, lengths=(0.3, 0.2))
    rng = np.random.default_rng(seed)
    q = bent_joints(arm, rng, 20)
    assume(len(q))  # limits may keep the elbow nearly straight
    xy = arm.fk(q)
    start = np.clip(q + rng.uniform(-0.1, 0.1, q.shape), arm.lower, arm.upper)
    found, steps = solve_batch(STEP_RULES[name], arm, xy, start)
    errors = tip_errors(arm, xy, found)
    assert errors.max() <= (1e-2 if name in SLOW else MAX_TIP_ERROR_RATIO + 1e-14)
    assert (errors <= np.maximum(tip_errors(arm, xy, start), MAX_TIP_ERROR_RATIO)).all()
    assert (errors[steps < MAX_STEPS] <= MAX_TIP_ERROR_RATIO + 1e-14).all()


@every_rule
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_single_and_batch_agree_inside_the_limits(name, seed):
    arm, rng = random_arm(seed).model, np.random.default_rng(seed)
    xy, start = 1.1 * arm.fk(random_joints(arm, rng, 6)), random_joints(arm, rng, 6)
    found, steps = solve_batch(STEP_RULES[name], arm, xy, start)
    assert ((found >= arm.lower) & (found <= arm.upper)).all()
    for row in range(len(xy)):
        # Rounding grows where a target out of reach is chased to and fro: compare the way there.
        q, taken = solve(STEP_RULES[name], arm, *xy[row].tolist(), tuple(start[row].tolist()))
        assert arm.within_limits(q)
        if steps[row] < MAX_STEPS:
            assert taken == steps[row]
            np.testing.assert_allclose(q, found[row], atol=1e-9)


@every_rule
def test_a_step_rule_is_the_same_for_numbers_and_arrays(name):
    rng = np.random.default_rng(1)
    q, xy = rng.uniform(-2, 2, (200, 2)), rng.uniform(-0.5, 0.5, (200, 2))
    q[:5, 1] = 0.0  # singular
    x, y, *jacobian = FREE.linearize(q)
    for step in (0, 1):
        many = STEP_RULES[name](FREE, step, xy[:, 0] - x, xy[:, 1] - y, *jacobian)
        ones = [
            one_step(name, FREE, each, target, step) for each, target in zip(q, xy, strict=True)
        ]
        np.testing.assert_allclose(np.stack(many, axis=-1), ones, rtol=1e-9, atol=1e-12)


@every_rule
def test_no_step_exceeds_the_largest_step(name, monkeypatch):
    monkeypatch.setattr(numerical, 'MAX_STEPS', 1)
    rng = np.random.default_rng(2)
    start, xy = rng.uniform(-2, 2, (300, 2)), FREE.fk(rng.uniform(-3, 3, (300, 2)))
    found, _ = solve_batch(STEP_RULES[name], FREE, xy, start)
    assert np.abs(found - start).max() == pytest.approx(MAX_JOINT_STEP_RAD)
    one, _ = solve(STEP_RULES[name], FREE, *xy[0].tolist(), tuple(start[0].tolist()))
    assert np.abs(np.array(one) - start[0]).max() <= MAX_JOINT_STEP_RAD + 1e-12


@every_rule
def test_a_target_out_of_reach_is_not_met(name):
    q, steps = solve(STEP_RULES[name], ARM, 0.6, 0.1, (0.3, 0.8))
    assert steps == MAX_STEPS
    _, taken = solve_batch(STEP_RULES[name], ARM, np.array([[0.6, 0.1]]), np.array([[0.3, 0.8]]))
    assert taken.tolist() == [MAX_STEPS]
    assert np.isfinite(q).all()


@every_rule
def test_a_target_already_met_takes_no_step(name):
    q = (0.4, 1.1)
    assert solve(STEP_RULES[name], ARM, *ARM.fk_point(*q), q) == (q, 0)


def test_a_joint_limit_in_between_stops_a_method():
    """From 2.6 to -2.6 the short way leads through joint 1's limits: none of them turns back."""
    x, y = ARM.fk_point(-2.6, 0.8)
    q, steps = solve(STEP_RULES['pseudo_inverse'], ARM, x, y, (2.6, 0.8))
    assert (q[0], steps) == (ARM.upper[0], MAX_STEPS)


def test_the_pseudo_inverse_is_numpys():
    rng = np.random.default_rng(3)
    q, xy = rng.uniform(-2, 2, (50, 2)), rng.uniform(-0.5, 0.5, (50, 2))
    q[:10, 1] = 0.0
    for each, target in zip(q, xy, strict=True):
        step = np.linalg.pinv(FREE.jacobian(each), rcond=1e-6) @ (target - FREE.fk(each))
        np.testing.assert_allclose(one_step('pseudo_inverse', FREE, each, target), step, rtol=1e-6)


def test_damped_least_squares_minimises_error_and_step():
    q, target = np.array((0.3, 0.02)), np.array((0.1, 0.4))
    jacobian, damping = FREE.jacobian(q), numerical.DAMPING_RATIO * FREE.reach
    stacked = np.vstack((jacobian, damping * np.eye(2)))
    step = np.linalg.lstsq(stacked, np.append(target - FREE.fk(q), (0.0, 0.0)), rcond=None)[0]
    np.testing.assert_allclose(one_step('damped_least_squares', FREE, q, target), step, rtol=1e-9)


def test_gradient_descent_takes_the_step_of_optimal_length():
    """Of all lengths along the gradient, the step's leaves the least linear error."""
    q, target = np.array((0.3, 0.9)), np.array((0.1, 0.4))
    jacobian, error = FREE.jacobian(q), np.array((0.1, 0.4)) - FREE.fk((0.3, 0.9))
    step = np.array(one_step('gradient_descent', FREE, q, target))
    gradient = jacobian.T @ error
    assert step @ gradient == pytest.approx(np.linalg.norm(step) * np.linalg.norm(gradient))
    left = [np.linalg.norm(error - share * jacobian @ step) for share in (0.9, 1.0, 1.1)]
    assert left[1] < min(left[0], left[2])


def test_gradient_descent_stands_still_without_a_gradient():
    assert one_step('gradient_descent', FREE, (0.0, 0.0), (0.2, 0.0)) == (0.0, 0.0)


@pytest.mark.parametrize('signs', [(1.0, 1.0), (-1.0, 1.0), (1.0, -1.0)])
def test_ccd_points_each_lever_at_the_target(signs):
    """
    Links 1 and 1 along x, target (1, 1): straight above the elbow.

    Joint 2 turns by a quarter and the tip is there. Joint 1, had it the turn, would turn by an
    eighth.
    """
    arm = ArmModel('arm', ('a', 'b'), (1.0, 1.0), signs=signs)
    assert one_step('ccd', arm, (0.0, 0.0), (1.0, 1.0), 0) == pytest.approx((0, signs[1] * pi / 2))
    assert one_step('ccd', arm, (0.0, 0.0), (1.0, 1.0), 1) == pytest.approx((signs[0] * pi / 4, 0))
    q, steps = solve(STEP_RULES['ccd'], arm, 1.0, 1.0, (0.0, 0.0))
    assert steps > 1
    np.testing.assert_allclose(arm.fk(q), (1.0, 1.0), atol=2e-9)
