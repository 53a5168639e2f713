"""The simulated arm as MJCF, for programs that run MuJoCo themselves (mujoco_ros2_control)."""

from __future__ import annotations

import mujoco
import numpy as np

from ik_nn_ros.arm.as_built import ArmDeviations, Transmission
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.simulated_bodies import build_spec
from ik_nn_ros.arm.simulator import TIME_STEP_S, Simulator

LINK_WIDTH_RATIO = 0.08
"""Of the drawn links, as a part of their length."""


def to_mjcf(urdf: str, base_link: str = 'base_link', tip_link: str = 'tip') -> str:
    """
    Return the arm of a URDF with a position servo for each joint, named like it.

    Bodies, limits and servos are those of :class:`Simulator`, but for its profile: a servo goes to
    its command as fast as it can. Both links are drawn; they collide with nothing.

    :param urdf: the URDF as text
    :param base_link: frame the arm stands in
    :param tip_link: frame whose origin is the tip
    :raises ArmError: not a usable 2-DOF arm
    """
    simulator = Simulator(urdf, base_link, tip_link)
    spec = build_spec(urdf, tip_link, Transmission(simulator.arm, ArmDeviations()))
    spec.option.timestep = TIME_STEP_S
    for actuator, stiffness, damping in zip(spec.actuators, *simulator.servo_gains, strict=True):
        actuator.gainprm[0] = stiffness
        actuator.biasprm[1:3] = -stiffness, -damping
    spec.compiler.discardvisual = False
    _draw_links(spec, simulator.arm, tip_link)
    spec.compile()
    return str(spec.to_xml())


def _draw_links(spec: mujoco.MjSpec, arm: ArmModel, tip_link: str) -> None:
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    upper, lower = (int(model.joint(name).bodyid[0]) for name in arm.joint_names)
    tip = int(model.body(tip_link).id)
    for body, end, length in ((upper, lower, arm.lengths[0]), (lower, tip, arm.lengths[1])):
        along = data.xmat[body].reshape(3, 3).T @ (data.xpos[end] - data.xpos[body])
        spec.body(model.body(body).name).add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=np.concatenate((np.zeros(3), along)),
            size=[LINK_WIDTH_RATIO * length / 2.0, 0.0, 0.0],
            mass=0.0,
            contype=0,
            conaffinity=0,
        )
