"""FK, Jacobian and limits of ArmModel, against Pinocchio, MuJoCo and finite differences."""

import mujoco
import numpy as np
import pinocchio
import pytest
from arms import random_arm, random_joints
from hypothesis import given, settings
from hypothesis import strategies as st

from ik_nn_ros.arm.geometry import TWO_PI
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ArmError

SEEDS = range(60)
ROOT_EPS = 3e-8
"""Square root of double precision: the accuracy of a double root."""


def simple(l1=0.3, l2=0.2, **kwargs):
    return ArmModel('arm', ('joint1', 'joint2'), (l1, l2), **kwargs)


@pytest.mark.parametrize('seed', SEEDS)
def test_fk_agrees_with_pinocchio(seed):
    arm = random_arm(seed)
    model = pinocchio.buildModelFromXML(arm.urdf)
    data = model.createData()
    tip, base = model.getFrameId('tip'), model.getFrameId('base_link')
    for q in random_joints(arm.model, np.random.default_rng(seed), 20):
        # Pinocchio holds a continuous joint as cosine and sine.
        configuration = np.concatenate(
            [
                [np.cos(angle), np.sin(angle)] if joint.nq == 2 else [angle]
                for angle, joint in zip(q, list(model.joints)[1:], strict=True)
            ]
        )
        pinocchio.framesForwardKinematics(model, data, configuration)
        witness = data.oMf[base].actInv(data.oMf[tip]).translation
        np.testing.assert_allclose(arm.model.plane.to_base(arm.model.fk(q)), witness, atol=1e-12)
        x, y, off = arm.model.plane.to_plane(*witness)
        np.testing.assert_allclose((x, y), arm.model.fk(q), atol=1e-12)
        assert abs(off) < 1e-12


@pytest.mark.parametrize('seed', SEEDS)
def test_fk_agrees_with_mujoco(seed):
    arm = random_arm(seed)
    spec = mujoco.MjSpec.from_string(arm.urdf)
    spec.compiler.fusestatic = False
    model = spec.compile()
    data = mujoco.MjData(model)
    for q in random_joints(arm.model, np.random.default_rng(seed), 5):
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        base, tip = data.body('base_link'), data.body('tip')
        witness = base.xmat.reshape(3, 3).T @ (tip.xpos - base.xpos)
        np.testing.assert_allclose(arm.model.plane.to_base(arm.model.fk(q)), witness, atol=1e-9)


@pytest.mark.parametrize('seed', SEEDS)
def test_jacobian_is_the_derivative_of_fk(seed):
    arm = random_arm(seed).model
    q = random_joints(arm, np.random.default_rng(seed), 50)
    step = 1e-6
    for joint in range(2):
        shift = np.eye(2)[joint] * step
        slope = (arm.fk(q + shift) - arm.fk(q - shift)) / (2 * step)
        np.testing.assert_allclose(arm.jacobian(q)[..., joint], slope, atol=1e-7 * arm.reach)


@pytest.mark.parametrize('seed', SEEDS)
def test_numbers_and_arrays_agree(seed):
    arm = random_arm(seed).model
    q = random_joints(arm, np.random.default_rng(seed), 20)
    near = np.random.default_rng(seed + 1).uniform(-9, 9, size=(20, 2))
    branch = np.where(q[:, 1] > 0, 1, -1)
    xy = arm.fk(q)
    batch = arm.closed_form_batch(xy, branch, near)
    turned = arm.wrap_into_limits_batch(q + TWO_PI, near)
    for i in range(20):
        x, y, dxdq1, dxdq2, dydq1, dydq2 = arm.linearize_point(*q[i])
        np.testing.assert_allclose((x, y), xy[i], atol=1e-14)
        np.testing.assert_allclose(arm.fk_point(*q[i]), xy[i], atol=1e-14)
        np.testing.assert_allclose([[dxdq1, dxdq2], [dydq1, dydq2]], arm.jacobian(q[i]), atol=1e-14)
        np.testing.assert_allclose(
            arm.closed_form(*xy[i], branch[i], tuple(near[i])), batch[i], atol=1e-12
        )
        np.testing.assert_allclose(
            arm.wrap_into_limits(tuple(q[i] + TWO_PI), tuple(near[i])), turned[i]
        )


@pytest.mark.parametrize('seed', SEEDS)
def test_closed_form_inverts_fk_on_both_branches(seed):
    arm = random_arm(seed).model
    q = random_joints(arm, np.random.default_rng(seed), 200)
    xy = arm.fk(q)
    own = np.array([arm.branch_of(pair) for pair in q])
    np.testing.assert_allclose(arm.closed_form_batch(xy, own, q), q, atol=ROOT_EPS)
    free = arm.without_limits()
    for branch in (own, -own):
        solved = free.closed_form_batch(xy, branch, q)
        np.testing.assert_allclose(arm.fk(solved), xy, atol=1e-13 * arm.reach)
        assert [arm.branch_of(pair) for pair in solved] == branch.tolist()


@settings(max_examples=200)
@given(
    l1=st.floats(0.01, 50),
    l2=st.floats(0.01, 50),
    theta1=st.floats(-3.1, 3.1),
    theta2=st.sampled_from([0.0, 1e-12, 1e-8, 1e-4, np.pi - 1e-8, np.pi]),
)
def test_closed_form_is_exact_at_the_stretched_and_folded_arm(l1, l2, theta1, theta2):
    arm = simple(l1, l2)
    target = arm.fk_point(theta1, theta2)
    for branch in (1, -1):
        reached = arm.fk_point(*arm.closed_form(*target, branch, (0.0, 0.0)))
        assert np.hypot(reached[0] - target[0], reached[1] - target[1]) <= 1e-12 * arm.reach


@given(
    low=st.floats(-20, 0),
    span=st.floats(0.01, 30),
    angle=st.floats(-100, 100),
    near=st.floats(-100, 100),
)
def test_a_wrapped_angle_is_on_the_nearest_turn_inside_the_limits(low, span, angle, near):
    arm = simple(lower=(low, low), upper=(low + span, low + span))
    turned = arm.wrap_joint(0, angle, near)
    assert low <= turned <= low + span
    inside = [t for k in range(-40, 41) if low <= (t := angle + k * TWO_PI) <= low + span]
    if inside:
        best = min(abs(t - near) for t in inside)
        assert abs(turned - near) <= best + 1e-6


def test_a_continuous_joint_takes_the_short_way_round():
    arm = simple()
    assert arm.wrap_joint(0, -3.0, 3.0) == pytest.approx(-3.0 + TWO_PI)
    assert arm.wrap_joint(1, 0.1, 20 * np.pi) == pytest.approx(0.1 + 20 * np.pi)


def test_rounding_at_the_ends_of_a_range_of_one_turn_costs_no_turn():
    """Both ends are the same pose; rounding must not choose the other one."""
    arm = simple(lower=(-np.pi, -np.pi), upper=(np.pi, np.pi))
    for end in (-np.pi, np.pi):
        for angle in (end, np.nextafter(end, -9), np.nextafter(end, 9), end + 1e-9, end - 1e-9):
            for turn in (-TWO_PI, 0.0, TWO_PI):
                turned = arm.wrap_joint(0, angle + turn, 0.99 * end)
                assert turned == pytest.approx(end, abs=1e-8)
                batch = arm.wrap_into_limits_batch(
                    np.full((1, 2), angle + turn), np.full(2, 0.99 * end)
                )
                np.testing.assert_allclose(batch, end, atol=1e-8)


@pytest.mark.parametrize(
    ('lower', 'upper', 'home'),
    [((-1.0, 0.5), (3.0, 0.7), (1.0, 0.6)), ((-np.inf, 1.0), (-2.0, np.inf), (-2.0, 1.0))],
)
def test_home_is_inside_the_limits(lower, upper, home):
    assert simple(lower=lower, upper=upper).home == pytest.approx(home)


def test_an_angle_past_a_limit_by_rounding_costs_no_turn():
    arm = simple(lower=(-7.0, -2.0), upper=(7.0, 2.0))
    assert arm.wrap_joint(0, 7.0 + 1e-15, 7.0) == 7.0
    assert arm.wrap_joint(1, -2.0 - 1e-15, 0.0) == -2.0


@pytest.mark.parametrize(
    ('kwargs', 'words'),
    [
        ({'l1': 0.0}, 'link 1'),
        ({'l2': float('nan')}, 'link 2'),
        ({'lower': (1.0, 0.0), 'upper': (0.0, 1.0)}, 'limits of joint1'),
        ({'max_velocity': (1.0, 0.0)}, 'velocity limit of joint2'),
    ],
)
def test_impossible_values_are_refused_by_name(kwargs, words):
    with pytest.raises(ArmError, match=f'{words}: got .* expected'):
        simple(**kwargs)
