"""
The node from target poses to joint commands.

Its life, its parameters and services, and what it says of itself; :mod:`ik_nn_ros.nodes.ik.target_intake`
answers targets, :mod:`ik_nn_ros.nodes.ik.command_publisher` moves the arm.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Point
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String
from std_srvs.srv import Trigger

from ik_nn_ros.arm.kinematics import Kinematics
from ik_nn_ros.errors import ConfigError, IkNnError, ModelError
from ik_nn_ros.ik.network import Network
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.nodes.common.conversions import MessageError
from ik_nn_ros.nodes.common.diagnostics import ThrottledLogger
from ik_nn_ros.nodes.common.distro import reject_invalid_transitions
from ik_nn_ros.nodes.common.main import run_node
from ik_nn_ros.nodes.common.parameters import Parameters, overridable_qos
from ik_nn_ros.nodes.ik.command_publisher import BRAKING_TIMEOUT_S, CommandPublisher
from ik_nn_ros.nodes.ik.diagnostics import IkDiagnostics
from ik_nn_ros.nodes.ik.frames import PlaneTransformer
from ik_nn_ros.nodes.ik.interactive_target import (
    InteractiveTarget,
    TargetActions,
    create_interactive_target,
)
from ik_nn_ros.nodes.ik.markers import ArmMarkers
from ik_nn_ros.nodes.ik.parameters import (
    PARAMETERS,
    check_at_rest,
    check_consistency,
    make_command_type,
    make_controller,
    make_keep_out,
    motion_config,
    open_network,
    read_arm,
    solver_config,
)
from ik_nn_ros.nodes.ik.target_intake import TargetIntake
from ik_nn_ros.nodes.ik.target_solver import TargetResult, TargetSolver

DESCRIPTION_CHANGED = 'robot_description has changed: it takes effect after cleanup and configure'
READ_ONLY_REASON = 'takes effect when the node is configured; clean it up first'
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class IkNode(LifecycleNode):
    """The lifecycle node ``ik_node``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('ik_node', **kwargs)
        reject_invalid_transitions(self)
        self._command_publisher: CommandPublisher | None = None
        self._settings = Parameters(self, PARAMETERS, self._check_parameters)
        self._settings.on_change = self._apply_parameters
        self._autostart = self._settings['autostart']
        self._start_pending = False
        self._received_description = self._configured_description = ''
        self._configure_error = ''
        self._network_error = ''
        self._on_stopped: Callable[[], object] | None = None
        self._stop_deadline = inf
        self._logged_fault = ''
        self._interactive_target: InteractiveTarget | None = None
        self._warn = ThrottledLogger(self.get_logger())
        self._create_interfaces()

    def _create_interfaces(self) -> None:
        self._diagnostics = IkDiagnostics(self)
        self._markers = ArmMarkers(self)
        # Before the targets: of what has come together, the joints are taken in first.
        for kind, topic, take, qos in (
            (JointState, 'joint_states', self._on_joint_states, qos_profile_sensor_data),
            (String, 'robot_description', self._on_robot_description, LATCHED_QOS),
        ):
            if topic != 'robot_description' or not self._settings[topic]:
                self.create_subscription(kind, topic, take, **overridable_qos(qos))
        timeout = self._settings['transform_timeout']
        self._target_intake = TargetIntake(self, self._warn, self._on_target_result, timeout)
        # Also while another arm of the process brakes in a transition.
        at_any_time = ReentrantCallbackGroup()
        self.create_service(Trigger, '~/hold', self._on_hold, callback_group=at_any_time)
        self.create_service(Trigger, '~/resume', self._on_resume)
        self.create_service(Trigger, '~/reload_model', self._on_reload_model)
        # On the steady clock: also while a simulated one stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._publish_diagnostics, clock=steady)

    # Lifecycle

    def start(self) -> None:
        """
        Configure and activate, now or when the robot description arrives (``autostart``).

        It is done once: after a cleanup the node is in the hands of who called for that.
        """
        if not self._autostart:
            return
        if not self._description and not self._settings.errors:
            self.get_logger().info('waiting for the robot description on topic robot_description')
        elif self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the arm and the model; stay unconfigured, saying why, when they cannot be used."""
        self._configure_error = '; '.join(
            f'parameter {fault}' for fault in self._settings.errors.values()
        )
        if not self._configure_error:
            try:
                self._configure()
            except IkNnError as error:
                self._configure_error = str(error)
            except Exception as error:  # rclpy would turn it into a failure without a word
                self.get_logger().error(traceback.format_exc())
                self._configure_error = str(error)
                raise
        if self._configure_error:
            self.get_logger().error(self._configure_error)
            return TransitionCallbackReturn.FAILURE
        return self._disable_autostart()

    def _disable_autostart(self) -> TransitionCallbackReturn:
        self._autostart = False
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        urdf = self._description
        if not urdf:
            raise ConfigError(
                'robot_description', got='none by parameter or topic', expected='URDF'
            )
        arm = read_arm(self._settings, urdf)
        solver = HybridSolver(arm, self._load_network(arm), solver_config(self._settings))
        commander = make_controller(self._settings, arm)
        kind = make_command_type(self._settings, arm)
        rate = self._settings['control_rate']
        self._command_publisher = CommandPublisher(
            self, kind, commander, rate, self._on_step, self._target_intake.discard_earlier_targets
        )
        prefix = self._settings['frame_prefix']
        frames = PlaneTransformer(self, arm.plane, self._settings['plane_tolerance'], prefix)
        targets = TargetSolver(solver, frames, self._settings, self.get_clock())
        self._target_intake.open(targets, self._command_publisher)
        self._configured_description = urdf
        self._settings.read_only_reason = READ_ONLY_REASON
        self._markers.configure(solver, commander.keep_out, prefix)
        actions = TargetActions(
            self._target_intake.on_drag, self._hold, self._resume, self._set_branch
        )
        self._interactive_target = create_interactive_target(
            self, arm, prefix, self._settings['branch'], actions
        )
        self.get_logger().info(_describe_solver(solver))

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to answer targets with commands."""
        if not self._command_publisher.controller.at_rest:
            self.get_logger().error('the arm is still braking: activate again when it is at rest')
            return TransitionCallbackReturn.FAILURE
        now = time.monotonic()
        self._target_intake.discard_earlier_targets(now, now)
        self._command_publisher.controller.reset()
        self._target_intake.active = self._command_publisher.active = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Bring the arm to rest and stop commanding; targets are refused with NOT_ACTIVE."""
        if not self._stop_arm():
            self.get_logger().error('the arm is still braking')
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget arm and model."""
        if not self._stop_arm():
            self.get_logger().error('the arm is still braking: clean up again when it is at rest')
            return TransitionCallbackReturn.FAILURE
        self._autostart = False
        self._settings.read_only_reason = ''
        self._release_resources()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop for good."""
        self._stop_arm()
        return self._disable_autostart()

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured after an error in a transition."""
        self._stop_arm()
        self._settings.read_only_reason = ''
        self._release_resources()
        return self._disable_autostart()

    def _release_resources(self) -> None:
        """Give back what :meth:`_configure` has made."""
        if self._target_solver is not None:
            self._target_solver.plane_transformer.close()
        self._target_intake.close()
        if self._command_publisher is not None:
            self._command_publisher.close()
        if self._interactive_target is not None:
            self._interactive_target.close()
        self._command_publisher = self._interactive_target = None
        self._markers.clear()

    def _stop_arm(self) -> bool:
        self._target_intake.deactivate()
        if self._command_publisher is None:
            return True
        rests = self._command_publisher.stop_and_wait()
        self._command_publisher.active = False
        return rests

    def begin_shutdown(self, on_stopped: Callable[[], object]) -> None:
        """Bring the arm to rest, then call ``ended``; after a while without, too."""
        self._target_intake.deactivate()
        self._on_stopped, self._stop_deadline = on_stopped, time.monotonic() + BRAKING_TIMEOUT_S
        if self._command_publisher is None:
            on_stopped()
        else:
            self._command_publisher.controller.stop()
            self._command_publisher.step()

    def _on_step(self) -> None:
        """Tell what went wrong in the motion; end where that is wanted and the arm is at rest."""
        commander = self._command_publisher.controller
        if commander.fault != self._logged_fault:
            self._logged_fault = commander.fault
            if commander.fault:
                self._target_intake.stop_tracking()
                self._warn(
                    commander.fault.split(':')[0], f'the arm was brought to rest: {commander.fault}'
                )
        if self._on_stopped is not None and (
            commander.at_rest or time.monotonic() > self._stop_deadline
        ):
            self._on_stopped()

    # Arm and model

    @property
    def _target_solver(self) -> TargetSolver | None:
        return self._target_intake.target_solver

    @property
    def _description(self) -> str:
        return self._settings['robot_description'] or self._received_description

    @property
    def _description_changed(self) -> bool:
        return self._target_solver is not None and self._description != self._configured_description

    def _load_network(self, arm: Kinematics) -> Network | None:
        self._network_error = ''
        try:
            return open_network(self._settings, arm)
        except ModelError as error:
            if self._settings['model_required']:
                raise
            self._network_error = str(error)
            self.get_logger().warning(f'{error}; going on with the closed form')
            return None

    def _set_network(self, target_solver: TargetSolver, network: Network | None) -> None:
        target_solver.solver = HybridSolver(
            target_solver.solver.arm, network, solver_config(self._settings)
        )

    def _check_parameters(self, values: Mapping[str, Any]) -> None:
        commander = self._command_publisher.controller if self._command_publisher else None
        check_consistency(values, commander)
        if commander is not None:
            check_at_rest(values, self._settings, commander)

    def _apply_parameters(self) -> None:
        self._start_pending = self._autostart and not self._settings.errors
        self._target_intake.set_transform_timeout(self._settings['transform_timeout'])
        if self._target_solver is not None and self._command_publisher is not None:
            commander = self._command_publisher.controller
            commander.config = motion_config(self._settings)
            commander.keep_out = make_keep_out(self._settings, commander.arm)
            self._target_solver.plane_transformer.plane_tolerance = self._settings[
                'plane_tolerance'
            ]
            if solver_config(self._settings) != self._target_solver.solver.config:
                if (
                    self._interactive_target
                    and self._settings['branch'] != self._target_solver.solver.config.branch
                ):
                    self._interactive_target.show_branch(self._settings['branch'])
                self._set_network(self._target_solver, self._target_solver.solver.network)
            prefix = self._settings['frame_prefix']
            self._markers.configure(self._target_solver.solver, commander.keep_out, prefix)

    # Messages

    def _on_robot_description(self, message: String) -> None:
        self._received_description = message.data
        if self._target_solver is None:
            self.start()
        elif self._description_changed:
            self._warn('description', DESCRIPTION_CHANGED)

    def _on_joint_states(self, message: JointState) -> None:
        if self._command_publisher is None:
            return
        try:
            self._command_publisher.on_joint_states(message)
        except MessageError as error:
            self._warn('joint_states', f'joint_states ignored: {error}')
            return
        q = self._command_publisher.controller.feedback.q
        self._markers.update_joints(q)
        if self._interactive_target is not None:
            self._interactive_target.update_joints(q)

    def _on_target_result(
        self, header: Header, position: Point, result: TargetResult, latency: float
    ) -> None:
        self._diagnostics.count_result(result, latency)
        self._markers.update_target(header, position, result)

    # Services

    def _on_hold(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self._hold()
        return response

    def _hold(self) -> tuple[bool, str]:
        """Bring the arm to rest and refuse targets; return whether it could, and what to say."""
        self._target_intake.holding = True
        self._target_intake.stop_tracking()
        commands = self._command_publisher
        if not self._target_intake.active or commands is None:
            return True, 'holding; the node is not active'
        if not commands.controller.hold(time.monotonic()):
            return False, 'targets are refused, but the arm was not stopped: no joint_states'
        commands.step()
        return True, 'holding'

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._resume()
        response.success = True
        response.message = 'targets are carried out again'
        return response

    def _resume(self) -> None:
        now = time.monotonic()
        self._target_intake.discard_earlier_targets(now, now)
        self._target_intake.holding = False

    def _set_branch(self, branch: str) -> None:
        (result,) = self.set_parameters([Parameter('branch', value=branch)])
        if not result.successful:
            self._warn('branch', result.reason)

    def _on_reload_model(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._target_solver is None:
            response.message = 'not configured: the model is loaded when the node is configured'
            return response
        try:
            network = open_network(self._settings, self._target_solver.solver.arm)
        except ModelError as error:
            response.message = f'{error}; the model in use stays'
            return response
        self._network_error = ''
        self._set_network(self._target_solver, network)
        response.success = True
        response.message = _describe_solver(self._target_solver.solver)
        return response

    # Reports

    def _publish_diagnostics(self) -> None:
        if self._start_pending:  # what kept it from being configured may be set right
            self._start_pending = False
            self.start()
        if self._target_intake.tracker_error:
            self._warn('following', self._target_intake.tracker_error)
        network = self._target_solver.solver.network if self._target_solver else None
        model = network.file if network else ''
        files = (model, self._settings['calibration_file'])
        self._diagnostics.publish(
            self._health(), self._hardware_id(), files, self._command_publisher
        )

    def _health(self) -> tuple[bytes, str]:
        if self._target_solver is None and self._configure_error:
            return DiagnosticStatus.ERROR, f'not configured: {self._configure_error}'
        if self._target_solver is None:
            return DiagnosticStatus.WARN, 'not configured'
        if not self._target_intake.active:
            return DiagnosticStatus.WARN, 'not active'
        if self._target_intake.holding:
            return DiagnosticStatus.WARN, 'holding'
        refusal = self._command_publisher.controller.rejection(time.monotonic())
        if refusal is not None:
            return DiagnosticStatus.ERROR, refusal.detail
        if self._target_intake.tracker_error:
            return DiagnosticStatus.WARN, self._target_intake.tracker_error
        if self._description_changed:
            return DiagnosticStatus.WARN, DESCRIPTION_CHANGED
        if self._network_error:
            return DiagnosticStatus.WARN, f'closed form only: {self._network_error}'
        return DiagnosticStatus.OK, 'ready'

    def _hardware_id(self) -> str:
        return self._target_solver.solver.arm.name if self._target_solver else ''


def _describe_solver(solver: HybridSolver) -> str:
    arm, network = solver.arm, solver.network
    model = f'{network.info.family} network {network.file}' if network else 'closed form only'
    return f'arm {arm.name} {arm.describe()}, {model}'


def _create_node() -> IkNode:
    node = IkNode()
    node.start()
    return node


def main() -> int:
    """Run the node until SIGINT or SIGTERM."""
    return run_node(_create_node, IkNode.begin_shutdown)


if __name__ == '__main__':
    raise SystemExit(main())
