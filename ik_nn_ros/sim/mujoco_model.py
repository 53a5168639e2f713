"""The rigid bodies of an arm as it was built, from its URDF to MuJoCo."""

from __future__ import annotations

from math import inf, isfinite
from xml.etree import ElementTree

import mujoco
import numpy as np

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ArmError
from ik_nn_ros.sim.deviations import Transmission

ROD_DENSITY_KG_PER_M = 1.3
"""Of a link whose URDF gives no mass, kg/m: about that of the default arm's links."""
NEGLIGIBLE_MASS_KG = 1e-6
"""Below this (kg) a link counts as given without a mass."""
KEPT_ELEMENTS = {'link': ('inertial',), 'joint': ('parent', 'child', 'origin', 'axis', 'dynamics')}
"""The elements of a URDF that matter here; shapes, meshes and extensions are left out."""
INERTIA_ATTRIBUTES = ('ixx', 'iyy', 'izz', 'ixy', 'ixz', 'iyz')
LIMIT_SOLREF, LIMIT_SOLIMP = (2e-3, 1.0), (0.99, 0.999, 1e-4, 0.5, 2.0)
"""A mechanical stop as stiff as the time step of 1 ms allows."""


def build_spec(urdf: str, tip_link: str, transmission: Transmission) -> mujoco.MjSpec:
    """
    Return the bodies with the arm's two joints, their limits and one actuator each, gains 0.

    :param urdf: the URDF that the arm was read from
    :param transmission: of that arm; its errors of length and its limits go into the bodies
    :raises ArmError: MuJoCo refuses it
    """
    arm = transmission.arm
    spec = _parse_urdf(_strip_urdf(urdf, arm), arm.name)
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    _apply_length_errors(spec, arm, tip_link, transmission.deviations.length_errors)
    _add_missing_masses(spec, arm, tip_link)
    lower, upper = transmission.joint_limits()
    for name, low, up, effort in zip(
        arm.joint_names, lower, upper, effort_limits(urdf, arm), strict=True
    ):
        _limit_joint(spec.joint(name), low, up)
        _add_servo(spec, name, effort)
    return spec


def _parse_urdf(urdf: str, name: str) -> mujoco.MjSpec:
    try:
        spec = mujoco.MjSpec.from_string(urdf)
        spec.compiler.fusestatic = False  # base and tip stay bodies
        spec.compiler.balanceinertia = True
        spec.compiler.boundmass, spec.compiler.boundinertia = 1e-9, 1e-12
        spec.compile()
    except ValueError as error:
        raise ArmError(
            f'{name}: bodies', got=f'MuJoCo error: {error}', expected='a URDF'
        ) from error
    for body in spec.bodies:
        if not (isfinite(body.mass) and body.mass >= 0.0):
            raise ArmError(
                f'mass of link {body.name}', got=f'{body.mass} kg', expected='a positive mass'
            )
    return spec


def effort_limits(urdf: str, arm: ArmModel) -> JointPair:
    """Return the joints' effort limits, N m; inf where there is none, or the zero of exporters."""
    robot = ElementTree.fromstring(urdf)
    efforts = []
    for name in arm.joint_names:
        limit = next(j for j in robot.findall('joint') if j.get('name') == name).find('limit')
        text = '0' if limit is None else limit.get('effort', '0')
        try:
            effort = float(text)
        except ValueError:
            effort = -1.0
        if not effort >= 0.0:
            raise ArmError(
                f'effort limit of joint {name}', got=repr(text), expected='a positive number'
            )
        efforts.append(effort or inf)
    return efforts[0], efforts[1]


def _strip_urdf(urdf: str, arm: ArmModel) -> str:
    """Return the URDF with nothing but bodies and joints, all fixed but the arm's two."""
    robot = ElementTree.fromstring(urdf)
    for element in list(robot):
        if element.tag not in KEPT_ELEMENTS:
            robot.remove(element)
            continue
        for child in list(element):
            if child.tag not in KEPT_ELEMENTS[element.tag]:
                element.remove(child)
            elif child.tag == 'inertial' and child.find('inertia') is None:
                ElementTree.SubElement(child, 'inertia', dict.fromkeys(INERTIA_ATTRIBUTES, '0'))
        if element.tag == 'joint':
            moves = element.get('name') in arm.joint_names
            element.set('type', 'continuous' if moves else 'fixed')
    return ElementTree.tostring(robot, encoding='unicode')


def _apply_length_errors(
    spec: mujoco.MjSpec, arm: ArmModel, tip_link: str, errors: JointPair
) -> None:
    """Stretch the two links across the joints' axes; what lies along the axes stays."""
    model, data = _compile_at_zero(spec)
    upper, lower, tip = _link_bodies(model, arm, tip_link)
    axis = data.xaxis[model.joint(arm.joint_names[0]).id]
    for first, last, error in ((upper, lower, errors[0]), (lower, tip, errors[1])):
        while last != first:
            body, parent = spec.body(model.body(last).name), int(model.body_parentid[last])
            normal = data.xmat[parent].reshape(3, 3).T @ axis
            body.pos += error * (body.pos - normal * (normal @ body.pos))
            last = parent


def _compile_at_zero(spec: mujoco.MjSpec) -> tuple[mujoco.MjModel, mujoco.MjData]:
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    return model, data


def _link_bodies(model: mujoco.MjModel, arm: ArmModel, tip_link: str) -> tuple[int, int, int]:
    """Return the bodies that joint 1 and joint 2 move, and the tip."""
    upper, lower = (int(model.joint(name).bodyid[0]) for name in arm.joint_names)
    return upper, lower, int(model.body(tip_link).id)


def _add_missing_masses(spec: mujoco.MjSpec, arm: ArmModel, tip_link: str) -> None:
    """Make a slender rod of each link that has no mass, from its joint to the next or the tip."""
    model, data = _compile_at_zero(spec)
    upper, lower, tip = _link_bodies(model, arm, tip_link)
    below = model.body_subtreemass
    for body, end, mass in (
        (upper, lower, below[upper] - below[lower]),
        (lower, tip, below[lower]),
    ):
        if mass < NEGLIGIBLE_MASS_KG:
            rotation = data.xmat[body].reshape(3, 3)
            along: Array = rotation.T @ (data.xpos[end] - data.xpos[body])
            _make_rod(spec.body(model.body(body).name), along)


def _make_rod(body: mujoco.MjsBody, along: Array) -> None:
    length = float(np.linalg.norm(along))
    body.mass = ROD_DENSITY_KG_PER_M * length
    body.ipos = along / 2.0
    body.iquat = (1.0, 0.0, 0.0, 0.0)
    body.inertia = np.full(3, body.mass * length**2 / 12.0)
    body.explicitinertial = True


def _limit_joint(joint: mujoco.MjsJoint, low: float, up: float) -> None:
    if isfinite(low) or isfinite(up):
        joint.limited = True
        joint.range = np.clip((low, up), -1e6, 1e6)
        joint.solref_limit, joint.solimp_limit = LIMIT_SOLREF, LIMIT_SOLIMP


def _add_servo(spec: mujoco.MjSpec, joint: str, effort: float) -> None:
    servo = spec.add_actuator(
        name=joint,
        target=joint,
        trntype=mujoco.mjtTrn.mjTRN_JOINT,
        biastype=mujoco.mjtBias.mjBIAS_AFFINE,
    )
    if isfinite(effort):
        servo.forcelimited = True
        servo.forcerange = (-effort, effort)
