"""Session of a configured arm: all that exists from configure to cleanup."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from math import inf

from rclpy.node import Node
from sensor_msgs.msg import JointState

from ik_nn_ros.arm.geometry import JointPair, Point2
from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.arm.paths import JointPath
from ik_nn_ros.control.controller import Controller
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.nodes.common.diagnostics import ThrottledLogger
from ik_nn_ros.nodes.common.parameters import Parameters
from ik_nn_ros.nodes.ik.command_publisher import BRAKING_TIMEOUT_S, CommandPublisher
from ik_nn_ros.nodes.ik.frames import PlaneTransformer
from ik_nn_ros.nodes.ik.interactive_target import TargetActions, create_interactive_target
from ik_nn_ros.nodes.ik.parameters import (
    make_command_type,
    make_controller,
    make_keep_out,
    motion_config,
    open_network,
    read_arm,
    solver_config,
)
from ik_nn_ros.nodes.ik.target_solver import Target, TargetResult, TargetSolver
from ik_nn_ros.nodes.ik.target_tracker import TargetTracker


class ArmSession:
    """
    A configured arm with its solver, frames, controller, command publisher and target tracker.

    It is inactive when it is created.

    :param node: node that publishes the commands and listens to tf2
    :param settings: parameters of the node
    :param urdf: robot description
    :param actions: of the node, for the interactive target
    :param warn: logs warnings
    :param on_outage: see :class:`CommandPublisher`
    :raises IkNnError: robot description, calibration, model or parameters cannot be used
    """

    def __init__(
        self,
        node: Node,
        settings: Parameters,
        urdf: str,
        actions: TargetActions,
        warn: ThrottledLogger,
        on_outage: Callable[[float, float], None],
    ) -> None:
        self.urdf = urdf
        self._settings, self._warn = settings, warn
        self.arm: Kinematics = read_arm(settings, urdf)
        network = self._load_network(node)
        solver = HybridSolver(self.arm, network, solver_config(settings))
        self.controller: Controller = make_controller(settings, self.arm)
        command_type = make_command_type(settings, self.arm)
        self._is_active = False
        self._logged_fault = ''
        self._on_stopped: Callable[[], object] | None = None
        self._stop_deadline = inf
        with ExitStack() as resources:
            self.command_publisher = CommandPublisher(
                node,
                command_type,
                self.controller,
                settings['control_rate'],
                self._on_step,
                on_outage,
            )
            resources.callback(self.command_publisher.close)
            prefix = settings['frame_prefix']
            tolerance = settings['plane_tolerance']
            self._plane_transformer = PlaneTransformer(node, self.arm.plane, tolerance, prefix)
            resources.callback(self._plane_transformer.close)
            self._target_solver = TargetSolver(
                solver, self._plane_transformer, settings, node.get_clock()
            )
            self._tracker = TargetTracker(node, self._plane_transformer, self._go_to_tracked_point)
            resources.callback(self._tracker.close)
            self._interactive_target = create_interactive_target(
                node, self.arm, prefix, settings['branch'], actions
            )
            if self._interactive_target is not None:
                resources.callback(self._interactive_target.close)
            self._resources = resources.pop_all()

    def close(self) -> None:
        """Destroy all that was created on the node."""
        self._is_active = False
        self._resources.close()

    # State

    @property
    def is_active(self) -> bool:
        """Whether targets are executed."""
        return self._is_active

    @property
    def solver(self) -> HybridSolver:
        """Solver of targets in the arm's plane."""
        return self._target_solver.solver

    @property
    def network_error(self) -> str:
        """Why the model file is not used; '' if it is, or none is set."""
        return self._network_error

    @property
    def tracking_error(self) -> str:
        """Why the last target is not tracked; '' if it is, or need not be."""
        error = self._tracker.error
        return error and f'the last target is not followed: {error}'

    def describe(self) -> str:
        """Return one line about arm and model, for the log."""
        network = self.solver.network
        model = f'{network.info.family} network {network.file}' if network else 'closed form only'
        return f'arm {self.arm.name} {self.arm.describe()}, {model}'

    def activate(self) -> None:
        """Execute targets from now on; the first motion starts at the measured joints."""
        self.controller.reset()
        self._is_active = True
        self.command_publisher.activate()

    def refuse_targets(self) -> None:
        """Execute no further targets; the current motion goes on."""
        self._is_active = False
        self.stop_tracking()

    # Targets

    def solve(self, now: float, target: Target) -> tuple[TargetResult, JointPath | None]:
        """
        Solve a target from the current state of the arm.

        :param now: time on the steady clock, s
        :param target: point or path
        :return: the result, and the joint path if the target is a path that was accepted
        """
        rejection = self._controller_rejection(now)
        if rejection is not None:
            return rejection, None
        seed = self.controller.seed_joints(now)
        if target.path is not None:
            return self._target_solver.solve_path(target.path, seed)
        is_goal_allowed = self.controller.goal_filter(now)
        result = self._target_solver.solve(target.header, target.position, seed, is_goal_allowed)
        return self._add_obstruction(result), None

    def execute(self, now: float, result: TargetResult, path: JointPath | None) -> TargetResult:
        """
        Move to the goal of a result, or along its path.

        :param now: time on the steady clock, s
        :param result: accepted or projected
        :param path: joint path; None: any motion to the goal
        :return: the result, or a rejection of the path
        """
        if path is not None:
            return self._follow_path(now, result, path)
        if result.goal is not None and result.point is not None:
            self.command_publisher.publish(self.controller.go_to(now, result.goal))
            self._tracker.track(result.point, result.anchor)
        return result

    def stop_tracking(self) -> None:
        """Stop following the last target while its frame moves."""
        self._tracker.stop()

    def _controller_rejection(self, now: float) -> TargetResult | None:
        rejection = self.controller.rejection(now)
        return TargetResult(rejection.code, rejection.detail) if rejection is not None else None

    def _add_obstruction(self, result: TargetResult) -> TargetResult:
        if result.code != 'OBSTRUCTED':
            return result
        return result._replace(detail=f'{result.detail}: {self.controller.obstruction}')

    def _follow_path(self, now: float, result: TargetResult, path: JointPath) -> TargetResult:
        rejection = self.controller.follow_path(now, path)
        if rejection is not None:
            return TargetResult(rejection.code, rejection.detail, result.point)
        self.stop_tracking()
        self.command_publisher.send_trajectory()
        return result

    def _go_to_tracked_point(self, point: Point2) -> str:
        """Send the arm to a point of its plane, m; return why not, or ''."""
        now = time.monotonic()
        result = self._controller_rejection(now)
        if result is None:
            seed, is_goal_allowed = (
                self.controller.seed_joints(now),
                self.controller.goal_filter(now),
            )
            result = self._add_obstruction(
                self._target_solver.solve_point(point, seed, is_goal_allowed)
            )
        if result.goal is None:
            return f'{result.code}: {result.detail}'
        self.command_publisher.publish(self.controller.go_to(now, result.goal))
        return ''

    # Joints and motion

    def on_joint_states(self, message: JointState) -> JointPair:
        """
        Process measured joints.

        :return: their positions, rad
        :raises MessageError: the message does not contain both joints
        """
        self.command_publisher.on_joint_states(message)
        q = self.controller.feedback.q
        if self._interactive_target is not None:
            self._interactive_target.update_joints(q)
        return q

    def hold(self) -> bool:
        """Stop the arm where it is; return False if its position is unknown."""
        self.stop_tracking()
        if not self.controller.hold(time.monotonic()):
            return False
        self.command_publisher.step()
        return True

    def stop_and_wait(self) -> bool:
        """Stop the arm and deactivate; return whether it stands still."""
        is_at_rest = self.command_publisher.stop_and_wait()
        self.command_publisher.deactivate()
        return is_at_rest

    def begin_stop(self, on_stopped: Callable[[], object]) -> None:
        """
        Begin to stop the arm.

        :param on_stopped: called when it stands still, or after :data:`BRAKING_TIMEOUT_S`
        """
        self._on_stopped, self._stop_deadline = on_stopped, time.monotonic() + BRAKING_TIMEOUT_S
        self.controller.stop()
        self.command_publisher.step()

    def _on_step(self) -> None:
        """Log a fault of the motion once; report that the arm has stopped."""
        fault = self.controller.fault
        if fault != self._logged_fault:
            self._logged_fault = fault
            if fault:
                self.stop_tracking()
                self._warn(fault.split(':')[0], f'the arm was brought to rest: {fault}')
        if self._on_stopped is not None and (
            self.controller.at_rest or time.monotonic() > self._stop_deadline
        ):
            self._on_stopped()

    # Parameters and model

    def apply_parameters(self) -> None:
        """Apply the parameters that may change while the arm is configured."""
        settings, solver = self._settings, self.solver
        self.controller.config = motion_config(settings)
        self.controller.keep_out = make_keep_out(settings, self.arm)
        self._plane_transformer.set_plane_tolerance(settings['plane_tolerance'])
        config = solver_config(settings)
        if config == solver.config:
            return
        if self._interactive_target is not None and config.branch != solver.config.branch:
            self._interactive_target.show_branch(config.branch)
        self._target_solver.set_solver(HybridSolver(self.arm, solver.network, config))

    def reload_network(self) -> None:
        """
        Load the model file again.

        :raises ModelError: it cannot be used; the model in use stays
        """
        network = open_network(self._settings, self.arm)
        self._network_error = ''
        self._target_solver.set_solver(
            HybridSolver(self.arm, network, solver_config(self._settings))
        )

    def _load_network(self, node: Node) -> Network | None:
        self._network_error = ''
        try:
            return open_network(self._settings, self.arm)
        except ModelError as error:
            if self._settings['model_required']:
                raise
            self._network_error = str(error)
            node.get_logger().warning(f'{error}; using the closed form')
            return None
