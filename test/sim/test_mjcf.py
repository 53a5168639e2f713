"""The arm as MJCF, loaded in MuJoCo without this package."""

import mujoco
import numpy as np
import pytest
from arms import random_arm, random_joints

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.sim.simulator import to_mjcf

XACRO = share_directory() / 'urdf' / 'arm.urdf.xacro'


def loaded(urdf, tip='tip'):
    model = mujoco.MjModel.from_xml_string(to_mjcf(urdf, 'base_link', tip))
    return model, mujoco.MjData(model)


@pytest.mark.parametrize('seed', range(3))
def test_the_tip_agrees_with_forward_kinematics(seed):
    arm = random_arm(seed)
    model, data = loaded(arm.urdf)
    for q in random_joints(arm.model, np.random.default_rng(seed), 5):
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        base, tip = data.body('base_link'), data.body('tip')
        position = base.xmat.reshape(3, 3).T @ (tip.xpos - base.xpos)
        expected = arm.model.plane.to_base(arm.model.fk(q))
        np.testing.assert_allclose(position, expected, atol=1e-4)  # six digits in the file


def test_each_joint_has_a_position_servo_of_its_name_and_limits():
    """By the rules with which mujoco_ros2_control determines the kind of an actuator."""
    model, _ = loaded(read_description(XACRO, {'prefix': 'a_'}).replace('a_base', 'base'), 'a_tip')
    assert [model.actuator(i).name for i in range(model.nu)] == ['a_joint1', 'a_joint2']
    assert (model.actuator_biastype == mujoco.mjtBias.mjBIAS_AFFINE).all()
    assert (model.actuator_biasprm[:, 1] == -model.actuator_gainprm[:, 0]).all()
    np.testing.assert_allclose(model.jnt_range, [(-2.9, 2.9), (-2.6, 2.6)])


def test_the_servos_move_the_arm_to_the_command():
    model, data = loaded(read_description(XACRO))
    data.ctrl[:] = 0.7, -1.1
    for _ in range(1000):
        mujoco.mj_step(model, data)
    np.testing.assert_allclose(data.qpos, data.ctrl, atol=1e-4)


def test_both_links_are_drawn():
    model, _ = loaded(read_description(XACRO))
    lengths = 2.0 * model.geom_size[:, 1]
    np.testing.assert_allclose(lengths, load_arm(read_description(XACRO)).lengths)
    assert not model.geom_contype.any()
