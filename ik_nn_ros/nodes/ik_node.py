"""
The node from target poses to joint commands.

It converts, asks the solver and publishes. Every target is answered once: by a command, or by a
reason code on ``~/target_status``.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Point, PointStamped, PoseStamped
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from ik_nn_ros.arm.calibrated import CalibratedArm
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError, IkNnError, ModelError
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.network import Network
from ik_nn_ros.nodes.arm_commands import ArmCommands
from ik_nn_ros.nodes.conversions import MessageError
from ik_nn_ros.nodes.frames import Frames
from ik_nn_ros.nodes.freshness import Freshness
from ik_nn_ros.nodes.ik_diagnostics import IkDiagnostics
from ik_nn_ros.nodes.ik_parameters import (
    PARAMETERS,
    command_type,
    keep_out,
    make_commander,
    motion_config,
    open_network,
    read_arm,
    require_fit,
    require_rest,
    solver_config,
)
from ik_nn_ros.nodes.markers import no_markers, workspace_markers
from ik_nn_ros.nodes.parameters import Parameters
from ik_nn_ros.nodes.reports import Warnings, target_status
from ik_nn_ros.nodes.runtime import run
from ik_nn_ros.nodes.targets import Answer, Targets

DESCRIPTION_CHANGED = 'robot_description has changed: it takes effect after cleanup and configure'
FROZEN = 'takes effect when the node is configured; clean it up first'
TARGET_DEPTH = 100
"""Targets queued while the node is busy: 100 ms at 1 kHz."""
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class IkNode(LifecycleNode):
    """The lifecycle node ``ik_node``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('ik_node', **kwargs)
        self._commands: ArmCommands | None = None
        self._settings = Parameters(self, PARAMETERS, self._check_live)
        self._settings.changed = self._apply_live
        self._autostart = self._settings['autostart']
        self._start_again = False
        self._received_description = self._configured_description = ''
        self._fault = ''
        self._targets: Targets | None = None
        self._freshness = {'target_pose': Freshness(), 'target_point': Freshness()}
        self._network_fault = ''
        self._active = False
        self._holding = False
        self._ended: Callable[[], object] | None = None
        self._fault_told = ''
        self._warn = Warnings(self.get_logger())
        self._connect()

    def _connect(self) -> None:
        self._statuses = self.create_publisher(DiagnosticStatus, '~/target_status', TARGET_DEPTH)
        self._markers = self.create_publisher(MarkerArray, '~/markers', LATCHED)
        self._diagnostics = IkDiagnostics(self)
        self.create_subscription(
            JointState, 'joint_states', self._on_joint_states, qos_profile_sensor_data
        )
        self.create_subscription(PoseStamped, 'target_pose', self._on_target_pose, TARGET_DEPTH)
        self.create_subscription(PointStamped, 'target_point', self._on_target_point, TARGET_DEPTH)
        if not self._settings['robot_description']:
            self.create_subscription(
                String, 'robot_description', self._on_robot_description, LATCHED
            )
        self.create_service(Trigger, '~/hold', self._on_hold)
        self.create_service(Trigger, '~/resume', self._on_resume)
        self.create_service(Trigger, '~/reload_model', self._on_reload_model)
        # On the steady clock: also while a simulated one stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._report, clock=steady)

    # Lifecycle

    def start(self) -> None:
        """
        Configure and activate, now or when the robot description arrives (``autostart``).

        It is done once: after a cleanup the node is in the hands of who called for that.
        """
        if not self._autostart:
            return
        if not self._description and not self._settings.faults:
            self.get_logger().info('waiting for the robot description on topic robot_description')
        elif self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the arm and the model; stay unconfigured, saying why, when they cannot be used."""
        self._fault = '; '.join(f'parameter {fault}' for fault in self._settings.faults.values())
        if not self._fault:
            try:
                self._configure()
            except IkNnError as error:
                self._fault = str(error)
            except Exception:  # rclpy would turn it into a failure without a word
                self.get_logger().error(traceback.format_exc())
                raise
        if self._fault:
            self.get_logger().error(self._fault)
            return TransitionCallbackReturn.FAILURE
        return self._clean_up()

    def _clean_up(self) -> TransitionCallbackReturn:
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
        frames = Frames(self, arm.plane, self._settings['plane_tolerance'])
        self._targets = Targets(solver, frames, self._settings, self.get_clock())
        commander = make_commander(self._settings, arm)
        self._commands = ArmCommands(
            self,
            command_type(self._settings, arm),
            commander,
            self._settings['control_rate'],
            self._stepped,
            self._forget_targets,
        )
        self._configured_description = urdf
        self._settings.frozen = FROZEN
        self._markers.publish(workspace_markers(solver))
        self.get_logger().info(_describe(solver))

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to answer targets with commands."""
        if not self._commands.commander.at_rest:
            self.get_logger().error('the arm is still braking: activate again when it is at rest')
            return TransitionCallbackReturn.FAILURE
        now = time.monotonic()
        self._forget_targets(now, now)
        self._commands.commander.reset()
        self._active = self._commands.active = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Bring the arm to rest and stop commanding; targets are refused with NOT_ACTIVE."""
        self._stop()
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget arm and model."""
        if not self._stop():
            self.get_logger().error('the arm is still braking: clean up again when it is at rest')
            return TransitionCallbackReturn.FAILURE
        self._autostart = False
        self._settings.frozen = ''
        if self._targets is not None:
            self._targets.frames.close()
        if self._commands is not None:
            self._commands.close()
        self._targets = self._commands = None
        self._markers.publish(no_markers())
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop for good."""
        self._stop()
        return self._clean_up()

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured after an error in a transition."""
        self._stop()
        return self._clean_up()

    def _stop(self) -> bool:
        self._active = False
        if self._commands is None:
            return True
        rests = self._commands.come_to_rest()
        self._commands.active = False
        return rests

    def end(self, ended: Callable[[], object]) -> None:
        """Bring the arm to rest, then call ``ended``."""
        self._active = False
        self._ended = ended
        if self._commands is not None:
            self._commands.commander.stop()
        self._stepped()

    def _stepped(self) -> None:
        """Tell what went wrong in the motion; end where that is wanted and the arm is at rest."""
        commander = self._commands.commander if self._commands else None
        if commander is not None and commander.fault != self._fault_told:
            self._fault_told = commander.fault
            if commander.fault:
                self._warn(
                    commander.fault.split(':')[0], f'the arm was brought to rest: {commander.fault}'
                )
        if self._ended is not None and (commander is None or commander.at_rest):
            self._ended()

    # Arm and model

    @property
    def _description(self) -> str:
        return self._settings['robot_description'] or self._received_description

    @property
    def _description_changed(self) -> bool:
        return self._targets is not None and self._description != self._configured_description

    def _load_network(self, arm: ArmModel) -> Network | None:
        self._network_fault = ''
        try:
            return open_network(self._settings, arm)
        except ModelError as error:
            if self._settings['model_required']:
                raise
            self._network_fault = str(error)
            self.get_logger().warning(f'{error}; going on with the closed form')
            return None

    def _use_network(self, targets: Targets, network: Network | None) -> None:
        targets.solver = HybridSolver(targets.solver.arm, network, solver_config(self._settings))

    def _check_live(self, values: Mapping[str, Any]) -> None:
        commander = self._commands.commander if self._commands else None
        require_fit(values, commander)
        if commander is not None:
            require_rest(values, self._settings, commander)

    def _apply_live(self) -> None:
        self._start_again = self._autostart and not self._settings.faults
        if self._targets is not None and self._commands is not None:
            commander = self._commands.commander
            commander.config = motion_config(self._settings)
            commander.keep_out = keep_out(self._settings, commander.arm)
            self._targets.frames.tolerance = self._settings['plane_tolerance']
            if solver_config(self._settings) != self._targets.solver.config:
                self._use_network(self._targets, self._targets.solver.network)
                self._markers.publish(workspace_markers(self._targets.solver))

    # Messages

    def _on_robot_description(self, message: String) -> None:
        self._received_description = message.data
        if self._targets is None:
            self.start()
        elif self._description_changed:
            self._warn('description', DESCRIPTION_CHANGED)

    def _on_joint_states(self, message: JointState) -> None:
        if self._commands is None:
            return
        try:
            self._commands.measure(message)
        except MessageError as error:
            self._warn('joint_states', f'joint_states ignored: {error}')

    def _on_target_pose(self, message: PoseStamped, info: dict[str, int]) -> None:
        now = time.monotonic()
        stale = self._freshness['target_pose'].is_stale(now, info['source_timestamp'])
        self._on_target(now, message.header, message.pose.position, stale)

    def _on_target_point(self, message: PointStamped, info: dict[str, int]) -> None:
        now = time.monotonic()
        stale = self._freshness['target_point'].is_stale(now, info['source_timestamp'])
        self._on_target(now, message.header, message.point, stale)

    def _forget_targets(self, now: float, since: float) -> None:
        """Carry out nothing that was sent before now; see :meth:`Freshness.outage_ended`."""
        for freshness in self._freshness.values():
            freshness.outage_ended(now, since)

    def _on_target(self, began: float, header: Header, position: Point, stale: bool) -> None:
        answer = self._answer(began, header, position, stale)
        solution = answer.solution
        if solution is not None and solution.q is not None:
            commands = self._commands
            commands.publish(commands.commander.go_to(began, solution.q))
        else:
            cause = 'stale' if stale else answer.code
            self._warn(cause, f'target refused, {answer.code}: {answer.detail}')
        self._diagnostics.count(answer, time.monotonic() - began)
        if self._statuses.get_subscription_count():
            self._statuses.publish(target_status(self.get_name(), self._hardware(), header, answer))

    def _answer(self, now: float, header: Header, position: Point, stale: bool) -> Answer:
        if not self._active or self._targets is None or self._commands is None:
            state = 'unconfigured' if self._targets is None else 'inactive'
            return Answer('NOT_ACTIVE', f'lifecycle state: got {state}, expected active')
        if self._holding:
            return Answer('HOLDING', 'holding still until ~/resume is called')
        if stale:
            return Answer('TOO_OLD', 'sent before the arm, its joint_states or this node were back')
        commander = self._commands.commander
        refusal = commander.refusal(now)
        if refusal is not None:
            return Answer(refusal.code, refusal.detail)
        admits = commander.admits(now)
        answer = self._targets.answer(header, position, commander.place(now), admits)
        if answer.code == 'OBSTRUCTED':
            answer = answer._replace(detail=f'{answer.detail}: {commander.obstacle}')
        return answer

    # Services

    def _on_hold(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._holding = response.success = True
        response.message = 'holding'
        commands = self._commands
        if not self._active or commands is None:
            response.message = 'holding; the node is not active'
        elif commands.commander.hold(time.monotonic()):
            commands.step()
        else:
            response.success = False
            response.message = 'targets are refused, but the arm was not stopped: no joint_states'
        return response

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        now = time.monotonic()
        self._forget_targets(now, now)
        self._holding = False
        response.success = True
        response.message = 'targets are carried out again'
        return response

    def _on_reload_model(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._targets is None:
            response.message = 'not configured: the model is loaded when the node is configured'
            return response
        try:
            network = open_network(self._settings, self._targets.solver.arm)
        except ModelError as error:
            response.message = f'{error}; the model in use stays'
            return response
        self._network_fault = ''
        self._use_network(self._targets, network)
        response.success = True
        response.message = _describe(self._targets.solver)
        return response

    # Reports

    def _report(self) -> None:
        if self._start_again:  # what kept it from being configured may be set right
            self._start_again = False
            self.start()
        network = self._targets.solver.network if self._targets else None
        model = network.file if network else ''
        files = (model, self._settings['calibration_file'])
        self._diagnostics.publish(self._health(), self._hardware(), files, self._commands)

    def _health(self) -> tuple[bytes, str]:
        if self._targets is None and self._fault:
            return DiagnosticStatus.ERROR, f'not configured: {self._fault}'
        if self._targets is None:
            return DiagnosticStatus.WARN, 'not configured'
        if not self._active:
            return DiagnosticStatus.WARN, 'not active'
        if self._holding:
            return DiagnosticStatus.WARN, 'holding'
        refusal = self._commands.commander.refusal(time.monotonic())
        if refusal is not None:
            return DiagnosticStatus.ERROR, refusal.detail
        if self._description_changed:
            return DiagnosticStatus.WARN, DESCRIPTION_CHANGED
        if self._network_fault:
            return DiagnosticStatus.WARN, f'closed form only: {self._network_fault}'
        return DiagnosticStatus.OK, 'ready'

    def _hardware(self) -> str:
        return self._targets.solver.arm.name if self._targets else ''


def _describe(solver: HybridSolver) -> str:
    arm, network = solver.arm, solver.network
    model = f'{network.info.family} network {network.file}' if network else 'closed form only'
    source = 'calibrated' if isinstance(arm, CalibratedArm) else 'by URDF'
    return (
        f'arm {arm.name} {source}: joints {", ".join(arm.joint_names)}, '
        f'lengths {arm.lengths[0]:.6g} and {arm.lengths[1]:.6g} m, {model}'
    )


def _create() -> IkNode:
    node = IkNode()
    node.start()
    return node


def main() -> int:
    """Run the node until SIGINT or SIGTERM."""
    return run(_create, IkNode.end)


if __name__ == '__main__':
    raise SystemExit(main())
