"""Whether an arm stays inside its joint limits, and how it is put there."""

from __future__ import annotations

from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.motion.joint_motion import KinematicState, MotionLimits, OnlineTrajectoryGenerator

LIMIT_NOISE_TOLERANCE_RAD = 0.01
"""Joints that seem to be outside their limits by less (rad) are taken to stand at them."""
ROUNDING_RAD = 1e-7
"""rad"""


def is_outside_limits(arm: ArmModel, q: JointPair) -> bool:
    """Tell whether joint angles, rad, are outside the limits, not only by noise."""
    return _max_joint_difference(q, arm.clip(q)) > LIMIT_NOISE_TOLERANCE_RAD


def snap_to_limits(arm: ArmModel, q: JointPair) -> JointPair:
    """Put what rounding has brought outside the limits at them, rad."""
    near = arm.clip(q)
    return near if _max_joint_difference(q, near) <= 2.0 * ROUNDING_RAD else q


def can_stop_within_limits(
    arm: ArmModel, generator: OnlineTrajectoryGenerator, state: KinematicState, position: JointPair
) -> bool:
    """
    Tell whether the brakes bring the arm to rest inside its limits, or not farther out.

    :param generator: plans the braking
    :param state: from which it brakes
    :param position: where the joints are, perhaps outside, rad
    """
    (low1, low2), (up1, up2) = arm.lower, arm.upper
    (least1, most1), (least2, most2) = generator.stopping_range(state)
    return (
        least1 >= min(low1, position[0]) - ROUNDING_RAD
        and most1 <= max(up1, position[0]) + ROUNDING_RAD
        and least2 >= min(low2, position[1]) - ROUNDING_RAD
        and most2 <= max(up2, position[1]) + ROUNDING_RAD
    )


def stoppable_velocity(
    arm: ArmModel, limits: MotionLimits, position: JointPair, velocity: JointPair
) -> JointPair:
    """Return a velocity as measured, or as much less as it takes to stop inside the limits."""
    first, second = (
        min(max(v, -limit), limit) for v, limit in zip(velocity, limits.velocity, strict=True)
    )
    motion = OnlineTrajectoryGenerator(limits, position)
    for share in (1.0, 0.75, 0.5, 0.25):
        state = KinematicState(position, (share * first, share * second), (0.0, 0.0))
        if can_stop_within_limits(arm, motion, state, position):
            return state.velocity
    return 0.0, 0.0


def _max_joint_difference(q: JointPair, other: JointPair) -> float:
    return max(abs(q[0] - other[0]), abs(q[1] - other[1]))
