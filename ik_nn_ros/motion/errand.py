"""What an arm is to do: go to a goal that may change at any time, or along a path."""

from __future__ import annotations

from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.motion.joint_motion import JointMotion, MotionLimits
from ik_nn_ros.motion.motion_config import slower
from ik_nn_ros.motion.path_course import Journey
from ik_nn_ros.motion.ride import Ride
from ik_nn_ros.motion.spline_way import SplineWay
from ik_nn_ros.motion.straight_line import plan_line
from ik_nn_ros.motion.stream import GoalStream

ROUNDING = 1e-9
"""s"""


class Errand:
    """
    Has a motion do what is to be done.

    A path is gone to first, to rest where it begins. A motion that was interrupted on it, or that
    has come to rest there, goes back to the place where it was, and on from there.

    :param arm: the arm
    """

    def __init__(self, arm: ArmModel) -> None:
        self._arm = arm
        self._goals = GoalStream()
        self._replan = self._on_line = False
        self.course: SplineWay | None = None
        """The motion along a path, at its full pace; None: there is no path."""
        self._place = 0.0
        self._ride: Ride | None = None
        self._plan: Journey | None = None
        self.straight = False
        """Whether the tip goes straight to goals, where it can."""
        self.goal: Pair | None = None
        """Where to go, rad; for a path, where it is joined; None: there is nothing to do."""

    @property
    def has_path(self) -> bool:
        """Whether it is a path that is gone along, or to."""
        return self.course is not None

    @property
    def riding(self) -> bool:
        """Whether the motion is on a path, and not on its way to it."""
        return self._ride is not None or self._plan is not None

    @property
    def fixed(self) -> bool:
        """Whether the motion goes by a plan that others follow, too."""
        return self._plan is not None

    def go_to(self, now: float, goal: Pair) -> None:
        """
        Go to a goal, and not along a path any more.

        :param goal: rad
        """
        self.course = self._ride = self._plan = None
        self.goal = goal
        self._goals.add(now, goal)

    def go_along(self, now: float, course: SplineWay) -> None:
        """Go along a path."""
        self._goals.clear()
        self.go_to(now, course.at(0.0).position)
        self.course, self._place = course, 0.0

    def fix(self, motion: JointMotion, plan: Journey) -> None:
        """Have a motion go along the path by a plan, as long as nothing comes between."""
        self._plan = plan
        motion.take(plan)

    def forget(self) -> None:
        """Do nothing any more."""
        self.goal = self.course = self._ride = self._plan = None
        self._goals.clear()

    def set_out(self, now: float, motion: JointMotion) -> None:
        """Begin anew, with another motion than this one."""
        self._leave(motion)
        self._replan = True
        self._goals.clear()
        if self.goal is not None:
            self._goals.add(now, self.goal)

    def interrupt(self, motion: JointMotion) -> None:
        """Plan anew in the next step; the motion is about to leave what was planned."""
        self._leave(motion)
        self._replan = True

    def renew(self) -> None:
        """Plan anew in the next step, as something has changed; on a path only its pace is."""
        self._replan = self._replan or not self.riding

    def steer(
        self, motion: JointMotion, now: float, seconds: float, limits: MotionLimits, scale: float
    ) -> None:
        """
        Have a motion do what is to be done in its next step.

        :param now: the end of the step, s
        :param seconds: how long it takes
        :param limits: of the joints
        :param scale: of their speed; 0: it comes to rest on the way
        :raises ConfigError: there is no way
        """
        if self._plan is not None:
            if scale == self._plan.rate:
                return
            self._loosen(self._plan, motion, limits)
        replan, self._replan = self._replan, False
        if self._ride is not None:
            self._change_pace(self._ride, motion, limits, scale)
        elif self.goal is None or scale == 0.0:
            if replan:
                motion.brake()
        else:
            motion.limit(slower(limits, scale))
            self._approach(motion, self.goal, now, seconds, replan)

    def goes_on(self, motion: JointMotion, limits: MotionLimits, scale: float) -> bool:
        """Have a motion that has come to rest go on along a path; return whether it does."""
        if self.course is None:
            return False
        self._leave(motion)
        if self._place >= self.course.duration - ROUNDING:
            return False
        self._ride = Ride.begin(self.course, self._place, scale, limits)
        motion.take(self._ride)
        return True

    def line_to(self, motion: JointMotion, goal: Pair) -> SplineWay | None:
        """Return the way on which the tip goes straight; None: there is none, or it need not."""
        if not self.straight:
            return None
        return plan_line(self._arm, motion.state, goal, motion.limits)

    def _approach(
        self, motion: JointMotion, goal: Pair, now: float, seconds: float, replan: bool
    ) -> None:
        """Have the motion go to a goal."""
        if replan:
            if self.course is not None:  # it may have to go back to another place on it
                self._goals.clear()
                self._goals.add(now, goal)
            line = self.line_to(motion, goal)
            self._on_line = line is not None
            if line is not None:
                motion.take(line)
        if not self._on_line:
            self._goals.steer(motion, now, seconds)

    def _change_pace(
        self, ride: Ride, motion: JointMotion, limits: MotionLimits, scale: float
    ) -> None:
        """Have the motion go along the path with another pace, as soon as that can be done."""
        if scale != ride.rate:
            self._ride = ride.changed(motion.elapsed, scale, limits) or ride
            if self._ride is not ride:
                motion.take(self._ride)

    def _loosen(self, plan: Journey, motion: JointMotion, limits: MotionLimits) -> None:
        """Go on from where the plan is, at a pace that may change."""
        place = plan.place(motion.elapsed)
        self._plan = None
        if place > 0.0 and self.course is not None:
            self._ride = Ride(self.course, (place, plan.rate, 0.0), plan.rate, limits)
            motion.take(self._ride)
        else:
            self._replan = True

    def _leave(self, motion: JointMotion) -> None:
        """Note where the path is left, to come back there."""
        if self._plan is not None and self.course is not None:
            self._place = min(max(self._plan.place(motion.elapsed), 0.0), self.course.duration)
            self.goal = self.course.at(self._place).position
            self._plan = None
        if self._ride is not None and self.course is not None:
            self._place = self._ride.place(motion.elapsed)
            self.goal = self.course.at(self._place).position
            self._ride = None
