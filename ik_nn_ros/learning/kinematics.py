"""Forward kinematics in torch, so that a loss on the tip's position can be differentiated."""

from __future__ import annotations

import torch
from torch import Tensor

from ik_nn_ros.arm.calibrated import CalibratedArm
from ik_nn_ros.arm.model import ArmModel


def fk(arm: ArmModel, q: Tensor) -> Tensor:
    """
    Do what :meth:`ArmModel.fk` does.

    :param q: (..., 2) joint angles, rad
    :return: (..., 2) tip in the plane, m
    """
    l1, l2 = arm.lengths
    theta1 = arm.signs[0] * q[..., 0] + arm.offsets[0]
    tip = theta1 + arm.signs[1] * q[..., 1] + arm.offsets[1]
    x = l1 * torch.cos(theta1) + l2 * torch.cos(tip)
    y = l1 * torch.sin(theta1) + l2 * torch.sin(tip)
    if isinstance(arm, CalibratedArm) and arm.residual:
        turns = [[t.k1 * arm.signs[0], t.k2 * arm.signs[1]] for t in arm.residual]
        real = torch.tensor([t.coefficient.real for t in arm.residual], dtype=q.dtype)
        imaginary = torch.tensor([t.coefficient.imag for t in arm.residual], dtype=q.dtype)
        phase = q @ torch.tensor(turns, dtype=q.dtype).T
        cosine, sine = torch.cos(phase), torch.sin(phase)
        x = x + cosine @ real - sine @ imaginary
        y = y + cosine @ imaginary + sine @ real
    return torch.stack((x, y), dim=-1)


def tip_residual(arm: ArmModel, q: Tensor, target: Tensor) -> Tensor:
    """
    Return where the tip is off the target, as a fraction of reach.

    :param q: (..., 2) joint angles, rad
    :param target: (..., 4) x, y (m), branch and bearing
    :return: (..., 2)
    """
    return (fk(arm, q) - target[..., :2]) / arm.reach
