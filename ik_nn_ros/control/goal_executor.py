"""What an arm is to do: go to a goal that may change at any time, or along a path."""

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
"""s"""


class GoalExecutor:
    """
    Has a motion do what is to be done.

    A path is gone to first, to rest where it begins. A motion that was interrupted on it, or that
    has come to rest there, goes back to the place where it was, and on from there.

    :param arm: the arm
    """

    def __init__(self, arm: Kinematics) -> None:
        self._arm = arm
        self._goal_stream = GoalStream()
        self._replan = self._on_cartesian_line = False
        self.path_trajectory: SplineTrajectory | None = None
        """The motion along a path, at its full pace; None: there is no path."""
        self._path_time = 0.0
        self._scaled_trajectory: ScaledTrajectory | None = None
        self._committed: TrajectorySequence | None = None
        self.cartesian_path = False
        """Whether the tip goes straight to goals, where it can."""
        self.goal: JointPair | None = None
        """Where to go, rad; for a path, where it is joined; None: there is nothing to do."""

    @property
    def has_path(self) -> bool:
        """Whether it is a path that is gone along, or to."""
        return self.path_trajectory is not None

    @property
    def on_path(self) -> bool:
        """Whether the motion is on a path, and not on its way to it."""
        return self._scaled_trajectory is not None or self._committed is not None

    @property
    def committed(self) -> bool:
        """Whether the motion goes by a plan that others follow, too."""
        return self._committed is not None

    def go_to(self, now: float, goal: JointPair) -> None:
        """
        Go to a goal, and not along a path any more.

        :param goal: rad
        """
        self.path_trajectory = self._scaled_trajectory = self._committed = None
        self.goal = goal
        self._goal_stream.add(now, goal)

    def follow_path(self, now: float, path_trajectory: SplineTrajectory) -> None:
        """Go along a path."""
        self._goal_stream.clear()
        self.go_to(now, path_trajectory.at(0.0).position)
        self.path_trajectory, self._path_time = path_trajectory, 0.0

    def commit(self, generator: OnlineTrajectoryGenerator, sequence: TrajectorySequence) -> None:
        """Have a motion go along the path by a plan, as long as nothing comes between."""
        self._committed = sequence
        generator.follow(sequence)

    def clear(self) -> None:
        """Do nothing any more."""
        self.goal = self.path_trajectory = self._scaled_trajectory = self._committed = None
        self._goal_stream.clear()

    def restart(self, now: float, generator: OnlineTrajectoryGenerator) -> None:
        """Begin anew, with another motion than this one."""
        self._leave_path(generator)
        self._replan = True
        self._goal_stream.clear()
        if self.goal is not None:
            self._goal_stream.add(now, self.goal)

    def interrupt(self, generator: OnlineTrajectoryGenerator) -> None:
        """Plan anew in the next step; the motion is about to leave what was planned."""
        self._leave_path(generator)
        self._replan = True

    def request_replan(self) -> None:
        """Plan anew in the next step, as something has changed; on a path only its pace is."""
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
        Have a motion do what is to be done in its next step.

        :param now: the end of the step, s
        :param seconds: how long it takes
        :param limits: of the joints
        :param speed_ratio: of their speed; 0: it comes to rest on the way
        :raises ConfigError: there is no way
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
        """Have a motion that has come to rest go on along a path; return whether it does."""
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
        """Return the way on which the tip goes straight; None: there is none, or it need not."""
        if not self.cartesian_path:
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
        """Have the motion go to a goal."""
        if replan:
            if self.path_trajectory is not None:  # it may have to go back to another place on it
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
        """Have the motion go along the path with another pace, as soon as that can be done."""
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
        """Go on from where the plan is, at a pace that may change."""
        place = sequence.path_time(generator.elapsed)
        self._committed = None
        if place > 0.0 and self.path_trajectory is not None:
            self._scaled_trajectory = ScaledTrajectory(
                self.path_trajectory,
                (place, sequence.speed_ratio, 0.0),
                sequence.speed_ratio,
                limits,
            )
            generator.follow(self._scaled_trajectory)
        else:
            self._replan = True

    def _leave_path(self, generator: OnlineTrajectoryGenerator) -> None:
        """Note where the path is left, to come back there."""
        if self._committed is not None and self.path_trajectory is not None:
            self._path_time = min(
                max(self._committed.path_time(generator.elapsed), 0.0),
                self.path_trajectory.duration,
            )
            self.goal = self.path_trajectory.at(self._path_time).position
            self._committed = None
        if self._scaled_trajectory is not None and self.path_trajectory is not None:
            self._path_time = self._scaled_trajectory.path_time(generator.elapsed)
            self.goal = self.path_trajectory.at(self._path_time).position
            self._scaled_trajectory = None
