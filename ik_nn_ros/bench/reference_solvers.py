"""Reference solvers of other libraries: ikpy, and damped least squares on Pinocchio."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.verification import MAX_TIP_ERROR_RATIO

SolveFunction = Callable[[float, float, JointPair], JointPair]
MAX_STEPS = 100
"""Largest number of steps of damped least squares."""
MAX_JOINT_STEP_RAD = 0.3
"""Largest step of a joint, rad, as in our refinement."""


def ikpy_solver(arm: ArmModel, urdf: str, base_link: str) -> SolveFunction:
    """
    Return ikpy's inverse kinematics with its default settings.

    :raises ImportError: ikpy is not installed
    """
    from ikpy.chain import Chain

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter('ignore')  # it advises to mask the fixed links, as is done below
        file = Path(folder) / 'arm.urdf'
        file.write_text(urdf, encoding='utf-8')
        chain = Chain.from_urdf_file(str(file), [base_link])
    is_moving = np.array([link.joint_type != 'fixed' for link in chain.links])
    chain.active_links_mask = is_moving
    columns = np.flatnonzero(is_moving)
    start = np.zeros(len(is_moving))
    plane = arm.plane

    def solve(x: float, y: float, q_now: JointPair) -> JointPair:
        start[columns] = q_now
        q = chain.inverse_kinematics(plane.to_base((x, y)), initial_position=start)[columns]
        return float(q[0]), float(q[1])

    return solve


def pinocchio_solver(arm: ArmModel, urdf: str, base_link: str, tip_link: str) -> SolveFunction:
    """
    Return damped least squares on Pinocchio's kinematics and Jacobian.

    The damping is λ = |e|², the best that we know, and the tolerance is ours. The iteration ignores
    the limits; the angles are returned on the turn inside the limits if there is one.

    :raises ImportError: Pinocchio is not installed
    """
    import pinocchio as pin

    model = pin.buildModelFromXML(urdf)
    data = model.createData()
    base, tip = model.getFrameId(base_link), model.getFrameId(tip_link)
    pin.framesForwardKinematics(model, data, pin.neutral(model))
    mount = data.oMf[base].copy()
    tolerance_squared = (MAX_TIP_ERROR_RATIO * arm.reach) ** 2
    identity = np.eye(2)

    def solve(x: float, y: float, q_now: JointPair) -> JointPair:
        target = mount.act(arm.plane.to_base((x, y)))
        q = np.array(q_now)
        for _ in range(MAX_STEPS):
            pin.computeJointJacobians(model, data, q)
            pin.updateFramePlacement(model, data, tip)
            error = target - data.oMf[tip].translation
            squared = error @ error
            if squared <= tolerance_squared:
                break
            jacobian = pin.getFrameJacobian(model, data, tip, pin.LOCAL_WORLD_ALIGNED)[:3]
            step = np.linalg.solve(jacobian.T @ jacobian + squared * identity, jacobian.T @ error)
            q += step * min(1.0, MAX_JOINT_STEP_RAD / max(np.abs(step).max(), 1e-300))
        return arm.wrap_into_limits((float(q[0]), float(q[1])), q_now)

    return solve
