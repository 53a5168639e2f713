"""Execution of a goal, which may change at any time, or of a path."""

from __future__ import annotations

from ik_nn_ros.arm.geometry import JointPair
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.control.controller import scale_velocity
from ik_nn_ros.control.goal_stream import GoalStream
from ik_nn_ros.trajectory.cartesian_motion import plan_cartesian_motion
from ik_nn_ros.trajectory.online_generator import MotionLimits, OnlineTrajectoryGenerator
from ik_nn_ros.trajectory.path_trajectory import TrajectorySequence
from ik_nn_ros.trajectory.spline import SplineTrajectory
from ik_nn_ros.trajectory.time_scaling import ScaledTrajectory

PATH_END_TOLERANCE_S = 1e-9
"""Remaining path time that counts as the end of the path, s."""


class GoalExecutor:
    """
    Executor that makes a trajectory generator move to a goal or follow a path.

    For a path the joints first move to its start and stop there. A motion that was interrupted on
    the path returns to the position where it left the path, and continues from there.

    :param arm: the arm
    :param cartesian_path: whether the tip moves to goals on straight lines where it can
    """

    def __init__(self, arm: Kinematics, cartesian_path: bool) -> None:
        self._arm = arm
        self._cartesian_path = cartesian_path
        self._goal_stream = GoalStream()
        self._replan = self._on_cartesian_line = False
        self.path_trajectory: SplineTrajectory | None = None
        """Trajectory of the path at full speed; None where there is no path."""
        self._path_time = 0.0
        self._scaled_trajectory: ScaledTrajectory | None = None
        self._committed: TrajectorySequence | None = None
        self.goal: JointPair | None = None
        """Goal, rad; for a path the position where the arm joins it; None where there is none."""

    def set_cartesian_path(self, enabled: bool) -> None:
        """Set whether the tip moves to goals on straight lines where it can."""
        self._cartesian_path = enabled

    @property
    def has_path(self) -> bool:
        """Whether a path is being executed, including the motion to its start."""
        return self.path_trajectory is not None

    @property
    def on_path(self) -> bool:
        """Whether the motion is on the path, or committed to it."""
        return self._scaled_trajectory is not None or self._committed is not None

    @property
    def committed(self) -> bool:
        """Whether the motion follows a plan that was handed over to a downstream controller."""
        return self._committed is not None

    def go_to(self, now: float, goal: JointPair) -> None:
        """
        Move to a goal; discard a path.

        :param now: s
        :param goal: rad
        """
        self.path_trajectory = self._scaled_trajectory = self._committed = None
        self.goal = goal
        self._goal_stream.add(now, goal)

    def follow_path(self, now: float, path_trajectory: SplineTrajectory) -> None:
        """Follow a path."""
        self._goal_stream.clear()
        self.go_to(now, path_trajectory.at(0.0).position)
        self.path_trajectory, self._path_time = path_trajectory, 0.0

    def commit(self, generator: OnlineTrajectoryGenerator, sequence: TrajectorySequence) -> None:
        """Make a generator follow a plan for the path until something interrupts it."""
        self._committed = sequence
        generator.follow(sequence)

    def clear(self) -> None:
        """Discard goal and path."""
        self.goal = self.path_trajectory = self._scaled_trajectory = self._committed = None
        self._goal_stream.clear()

    def restart(self, now: float, generator: OnlineTrajectoryGenerator) -> None:
        """Plan again for another motion than the one of this generator."""
        self._leave_path(generator)
        self._replan = True
        self._goal_stream.clear()
        if self.goal is not None:
            self._goal_stream.add(now, self.goal)

    def interrupt(self, generator: OnlineTrajectoryGenerator) -> None:
        """Plan again in the next step, because the motion is about to leave the plan."""
        self._leave_path(generator)
        self._replan = True

    def request_replan(self) -> None:
        """Plan again in the next step, because a setting changed; on a path only the speed does."""
        self._replan = self._replan or not self.on_path

    def update(
        self,
        generator: OnlineTrajectoryGenerator,
        now: float,
        seconds: float,
        limits: MotionLimits,
        speed_ratio: float,
    ) -> None:
        """
        Set the trajectory of a generator for its next step.

        :param generator: generator that makes the motion
        :param now: end of the step, s
        :param seconds: duration of the step, s
        :param limits: limits of the joints at full speed
        :param speed_ratio: fraction of their velocity; 0: the joints stop
        :raises ConfigError: there is no motion to the goal
        """
        if self._committed is not None:
            if speed_ratio == self._committed.speed_ratio:
                return
            self._uncommit(self._committed, generator, limits)
        replan, self._replan = self._replan, False
        if self._scaled_trajectory is not None:
            self._change_speed_ratio(self._scaled_trajectory, generator, limits, speed_ratio)
        elif self.goal is None or speed_ratio == 0.0:
            if replan:
                generator.brake()
        else:
            generator.set_limits(scale_velocity(limits, speed_ratio))
            self._go_to_goal(generator, self.goal, now, seconds, replan)

    def resume_path(
        self, generator: OnlineTrajectoryGenerator, limits: MotionLimits, speed_ratio: float
    ) -> bool:
        """Continue the path with a generator that has stopped; return whether any is left."""
        if self.path_trajectory is None:
            return False
        self._leave_path(generator)
        if self._path_time >= self.path_trajectory.duration - PATH_END_TOLERANCE_S:
            return False
        self._scaled_trajectory = ScaledTrajectory.from_rest(
            self.path_trajectory, self._path_time, speed_ratio, limits
        )
        generator.follow(self._scaled_trajectory)
        return True

    def plan_line_to(
        self, generator: OnlineTrajectoryGenerator, goal: JointPair
    ) -> SplineTrajectory | None:
        """Plan the straight line of the tip to a goal; None where there is no such motion."""
        if not self._cartesian_path:
            return None
        return plan_cartesian_motion(self._arm, generator.state, goal, generator.limits)

    def _go_to_goal(
        self,
        generator: OnlineTrajectoryGenerator,
        goal: JointPair,
        now: float,
        seconds: float,
        replan: bool,
    ) -> None:
        """Make a generator move to a goal."""
        if replan:
            if self.path_trajectory is not None:  # the goal is where the arm left the path
                self._goal_stream.clear()
                self._goal_stream.add(now, goal)
            line = self.plan_line_to(generator, goal)
            self._on_cartesian_line = line is not None
            if line is not None:
                generator.follow(line)
        if not self._on_cartesian_line:
            self._goal_stream.update(generator, now, seconds)

    def _change_speed_ratio(
        self,
        scaled_trajectory: ScaledTrajectory,
        generator: OnlineTrajectoryGenerator,
        limits: MotionLimits,
        speed_ratio: float,
    ) -> None:
        """Change the speed on the path as soon as the limits allow."""
        if speed_ratio != scaled_trajectory.speed_ratio:
            self._scaled_trajectory = (
                scaled_trajectory.with_speed_ratio(generator.elapsed, speed_ratio, limits)
                or scaled_trajectory
            )
            if self._scaled_trajectory is not scaled_trajectory:
                generator.follow(self._scaled_trajectory)

    def _uncommit(
        self,
        sequence: TrajectorySequence,
        generator: OnlineTrajectoryGenerator,
        limits: MotionLimits,
    ) -> None:
        """Continue a committed plan at a speed that may change."""
        path_time = sequence.path_time(generator.elapsed)
        self._committed = None
        if path_time > 0.0 and self.path_trajectory is not None:
            self._scaled_trajectory = ScaledTrajectory(
                self.path_trajectory,
                (path_time, sequence.speed_ratio, 0.0),
                sequence.speed_ratio,
                limits,
            )
            generator.follow(self._scaled_trajectory)
        else:
            self._replan = True

    def _leave_path(self, generator: OnlineTrajectoryGenerator) -> None:
        """Store where the motion leaves the path, to return there."""
        trajectory = self.path_trajectory
        if trajectory is None:
            return
        if self._committed is not None:
            elapsed = self._committed.path_time(generator.elapsed)
            self._path_time = min(max(elapsed, 0.0), trajectory.duration)
        elif self._scaled_trajectory is not None:
            self._path_time = self._scaled_trajectory.path_time(generator.elapsed)
        else:
            return
        self.goal = trajectory.at(self._path_time).position
        self._committed = self._scaled_trajectory = None
