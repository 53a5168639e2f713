"""Whether an arm stays inside its joint limits, and how it is put there."""

from __future__ import annotations

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.motion.joint_motion import JointMotion, MotionLimits, State

OUTSIDE = 0.01
"""Joints that seem to be outside their limits by less (rad) are taken to stand at them."""
ROUNDING = 1e-7
"""rad"""


def is_outside(arm: ArmModel, q: Pair) -> bool:
    """Tell whether joint angles, rad, are outside the limits, not only by noise."""
    return _off(q, arm.clip(q)) > OUTSIDE


def rounded(arm: ArmModel, q: Pair) -> Pair:
    """Put what rounding has brought outside the limits at them, rad."""
    near = arm.clip(q)
    return near if _off(q, near) <= 2.0 * ROUNDING else q


def stops_inside(arm: ArmModel, motion: JointMotion, state: State, here: Pair) -> bool:
    """
    Tell whether the brakes bring the arm to rest inside its limits, or not farther out.

    :param motion: plans the braking
    :param state: from which it brakes
    :param here: where the joints are, perhaps outside, rad
    """
    (low1, low2), (up1, up2) = arm.lower, arm.upper
    (least1, most1), (least2, most2) = motion.stopping_range(state)
    return (
        least1 >= min(low1, here[0]) - ROUNDING
        and most1 <= max(up1, here[0]) + ROUNDING
        and least2 >= min(low2, here[1]) - ROUNDING
        and most2 <= max(up2, here[1]) + ROUNDING
    )


def stoppable(arm: ArmModel, limits: MotionLimits, position: Pair, velocity: Pair) -> Pair:
    """Return a velocity as measured, or as much less as it takes to stop inside the limits."""
    first, second = (
        min(max(v, -limit), limit) for v, limit in zip(velocity, limits.velocity, strict=True)
    )
    motion = JointMotion(limits, position)
    for share in (1.0, 0.75, 0.5, 0.25):
        state = State(position, (share * first, share * second), (0.0, 0.0))
        if stops_inside(arm, motion, state, position):
            return state.velocity
    return 0.0, 0.0


def _off(q: Pair, near: Pair) -> float:
    return max(abs(q[0] - near[0]), abs(q[1] - near[1]))
