"""MuJoCo model of an arm: rigid bodies from its URDF, with the deviations of the real arm."""

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
"""Mass per length of a link without a mass in the URDF; about that of the default arm."""
NEGLIGIBLE_MASS_KG = 1e-6
"""Mass, kg, below which a link counts as without a mass."""
KEPT_ELEMENTS = {'link': ('inertial',), 'joint': ('parent', 'child', 'origin', 'axis', 'dynamics')}
"""Elements of a URDF that are used; shapes, meshes and extensions are left out."""
INERTIA_ATTRIBUTES = ('ixx', 'iyy', 'izz', 'ixy', 'ixz', 'iyz')
LIMIT_SOLREF = (2e-3, 1.0)
"""Time constant, s, and damping ratio of a joint stop: as stiff as a 1 ms time step allows."""
LIMIT_SOLIMP = (0.99, 0.999, 1e-4, 0.5, 2.0)
"""Constraint impedance of a joint stop; see MuJoCo's documentation of solimp."""
MAX_LIMIT_RAD = 1e6
"""Finite bound in place of an infinite joint limit, rad."""
DRAWN_LINK_WIDTH_RATIO = 0.08
"""Width of the drawn links, as a fraction of their length."""


def build_spec(urdf: str, tip_link: str, transmission: Transmission) -> mujoco.MjSpec:
    """
    Return the bodies with the arm's two joints, their limits and one actuator each without gains.

    :param urdf: the URDF that the arm was read from
    :param tip_link: the frame whose origin is the tip
    :param transmission: transmission of that arm; its length errors and joint limits are applied
    :raises ArmError: MuJoCo rejects the URDF
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
    """
    Return the joints' effort limits, N m; inf where the URDF has none or 0, as exporters write.

    :raises ArmError: a limit is not a number, or negative
    """
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
    """Return the URDF reduced to bodies and joints; all joints but the arm's two are fixed."""
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
            is_arm_joint = element.get('name') in arm.joint_names
            element.set('type', 'continuous' if is_arm_joint else 'fixed')
    return ElementTree.tostring(robot, encoding='unicode')


def _apply_length_errors(
    spec: mujoco.MjSpec, arm: ArmModel, tip_link: str, errors: JointPair
) -> None:
    """Stretch the two links perpendicular to the joints' axes; offsets along the axes stay."""
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
    """Return the ids of the bodies that joint 1 and joint 2 move, and of the tip."""
    upper, lower = (int(model.joint(name).bodyid[0]) for name in arm.joint_names)
    return upper, lower, int(model.body(tip_link).id)


def _add_missing_masses(spec: mujoco.MjSpec, arm: ArmModel, tip_link: str) -> None:
    """Turn each link without a mass into a slender rod from its joint to the next or the tip."""
    model, data = _compile_at_zero(spec)
    upper, lower, tip = _link_bodies(model, arm, tip_link)
    mass_from = model.body_subtreemass
    for body, end, mass in (
        (upper, lower, mass_from[upper] - mass_from[lower]),
        (lower, tip, mass_from[lower]),
    ):
        if mass < NEGLIGIBLE_MASS_KG:
            _make_rod(spec.body(model.body(body).name), _vector_to(data, body, end))


def _vector_to(data: mujoco.MjData, body: int, end: int) -> Array:
    """Return the (3,) vector from a body's origin to another one's, in the body's frame, m."""
    vector: Array = data.xmat[body].reshape(3, 3).T @ (data.xpos[end] - data.xpos[body])
    return vector


def _make_rod(body: mujoco.MjsBody, end: Array) -> None:
    """Give a body the inertia of a rod from its origin to ``end`` (3,), m."""
    length = float(np.linalg.norm(end))
    body.mass = ROD_DENSITY_KG_PER_M * length
    body.ipos = end / 2.0
    body.iquat = (1.0, 0.0, 0.0, 0.0)
    body.inertia = np.full(3, body.mass * length**2 / 12.0)
    body.explicitinertial = True


def _limit_joint(joint: mujoco.MjsJoint, low: float, up: float) -> None:
    if isfinite(low) or isfinite(up):
        joint.limited = True
        joint.range = np.clip((low, up), -MAX_LIMIT_RAD, MAX_LIMIT_RAD)
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


def draw_links(spec: mujoco.MjSpec, arm: ArmModel, tip_link: str) -> None:
    """
    Add a massless capsule along each link, which collides with nothing.

    :param spec: the bodies, as from :func:`build_spec`
    :param arm: the arm
    :param tip_link: the frame whose origin is the tip
    """
    model, data = _compile_at_zero(spec)
    upper, lower, tip = _link_bodies(model, arm, tip_link)
    for body, end, length in ((upper, lower, arm.lengths[0]), (lower, tip, arm.lengths[1])):
        spec.body(model.body(body).name).add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=np.concatenate((np.zeros(3), _vector_to(data, body, end))),
            size=[DRAWN_LINK_WIDTH_RATIO * length / 2.0, 0.0, 0.0],
            mass=0.0,
            contype=0,
            conaffinity=0,
        )
