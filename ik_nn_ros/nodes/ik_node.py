"""
The node from target poses to joint commands.

It converts, asks the solver and publishes. Every target is answered once: by a command, or by a
reason code on ``~/target_status``.
"""

from __future__ import annotations

import traceback
from collections import Counter
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Point, PointStamped, PoseStamped
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from ik_nn_ros.arm.calibrated import CalibratedArm
from ik_nn_ros.arm.model import ArmModel, Pair
from ik_nn_ros.errors import ConfigError, IkNnError, ModelError
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.network import Network
from ik_nn_ros.nodes.conversions import MessageError
from ik_nn_ros.nodes.frames import Frames
from ik_nn_ros.nodes.ik_parameters import PARAMETERS, open_network, read_arm, solver_config
from ik_nn_ros.nodes.joint_feedback import JointFeedback
from ik_nn_ros.nodes.markers import no_markers, workspace_markers
from ik_nn_ros.nodes.parameters import Parameters
from ik_nn_ros.nodes.reports import Warnings, diagnostic_status, target_status
from ik_nn_ros.nodes.runtime import run
from ik_nn_ros.nodes.targets import Answer, Targets

ARRIVED = 0.05
"""Joints this near (rad) to where they were sent are taken to be there."""
DESCRIPTION_CHANGED = 'robot_description has changed: it takes effect after cleanup and configure'
FROZEN = 'takes effect when the node is configured; clean it up first'
TARGET_DEPTH = 100
"""Targets queued while the node is busy: 100 ms at 1 kHz."""
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class IkNode(LifecycleNode):
    """The lifecycle node ``ik_node``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('ik_node', **kwargs)
        self._settings = Parameters(self, PARAMETERS)
        self._settings.changed = self._apply_live
        self._autostart = self._settings['autostart']
        self._received_description = self._configured_description = ''
        self._fault = ''
        self._targets: Targets | None = None
        self._feedback: JointFeedback | None = None
        self._network_fault = ''
        self._active = False
        self._holding = False
        self._command = JointState()
        self._last_command: Pair | None = None
        self._counts: Counter[str] = Counter()
        self._warn = Warnings(self.get_logger())
        self._connect()

    def _connect(self) -> None:
        self._commands = self.create_publisher(JointState, 'joint_command', 10)
        self._statuses = self.create_publisher(DiagnosticStatus, '~/target_status', TARGET_DEPTH)
        self._markers = self.create_publisher(MarkerArray, '~/markers', LATCHED)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
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
        self.create_timer(1.0, self._publish_diagnostics, clock=steady)

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
        self._feedback = JointFeedback(arm.joint_names)
        self._command.name = list(arm.joint_names)
        self._configured_description = urdf
        self._last_command = None
        self._settings.frozen = FROZEN
        self._markers.publish(workspace_markers(solver))
        self.get_logger().info(_describe(solver))

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to answer targets with commands."""
        self._active = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop commanding; targets are refused with NOT_ACTIVE."""
        self._active = False
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget arm and model."""
        self._active = self._autostart = False
        self._settings.frozen = ''
        if self._targets is not None:
            self._targets.frames.close()
        self._targets = self._feedback = None
        self._markers.publish(no_markers())
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop for good."""
        return self.on_cleanup(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured after an error in a transition."""
        return self.on_cleanup(state)

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

    def _apply_live(self) -> None:
        if self._targets is not None:
            self._use_network(self._targets, self._targets.solver.network)
            self._targets.frames.tolerance = self._settings['plane_tolerance']
            self._markers.publish(workspace_markers(self._targets.solver))

    # Messages

    def _on_robot_description(self, message: String) -> None:
        self._received_description = message.data
        if self._targets is None:
            self.start()
        elif self._description_changed:
            self._warn('description', DESCRIPTION_CHANGED)

    def _on_joint_states(self, message: JointState) -> None:
        if self._feedback is None:
            return
        try:
            self._feedback.update(message)
        except MessageError as error:
            self._warn('joint_states', f'joint_states ignored: {error}')

    def _on_target_pose(self, message: PoseStamped) -> None:
        self._on_target(message.header, message.pose.position)

    def _on_target_point(self, message: PointStamped) -> None:
        self._on_target(message.header, message.point)

    def _on_target(self, header: Header, position: Point) -> None:
        answer = self._answer(header, position)
        solution = answer.solution
        if solution is not None and solution.q is not None:
            # Smooth motion will stand between the solver and the command.
            self._publish_command(solution.q)
            self._counts[solution.stage.name.lower()] += 1
        else:
            self._warn(answer.code, f'target refused, {answer.code}: {answer.detail}')
        self._counts[answer.code] += 1
        if self._statuses.get_subscription_count():
            self._statuses.publish(target_status(self.get_name(), self._hardware(), header, answer))

    def _answer(self, header: Header, position: Point) -> Answer:
        if not self._active or self._targets is None:
            return Answer('NOT_ACTIVE', 'lifecycle state: got another one, expected active')
        if self._holding:
            return Answer('HOLDING', 'holding still until ~/resume is called')
        q_now = self._joints()
        if q_now is None:
            limit = self._settings['joint_states_timeout']
            return Answer('NO_JOINT_STATES', f'joint_states: got none for {limit:g} s')
        return self._targets.answer(header, position, q_now)

    def _measured(self) -> Pair | None:
        """Return where the joints are, as far as joint_states tell."""
        if self._feedback is None:
            return None
        return self._feedback.positions(self._settings['joint_states_timeout'])

    def _joints(self) -> Pair | None:
        """
        Return the joints for branch and turn of the next target.

        Where the arm is as commanded, the command stands for the measurement: noise around a
        straight arm would choose the branch. Without feedback it stands for it altogether.
        """
        measured, command = self._measured(), self._last_command
        if measured is None:
            if self._settings['require_joint_states'] or self._targets is None:
                return None
            return command or self._targets.solver.arm.home
        if command is None:
            return measured
        off = max(abs(measured[0] - command[0]), abs(measured[1] - command[1]))
        return command if off < ARRIVED else measured

    def _publish_command(self, q: Pair) -> None:
        self._command.header.stamp = self.get_clock().now().to_msg()
        self._command.position = q
        self._commands.publish(self._command)
        self._last_command = q

    # Services

    def _on_hold(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._holding = True
        measured = self._measured()
        if not self._active or self._targets is None:
            response.success = True
            response.message = 'holding; the node is not active'
        elif measured is not None:
            # Sent to where it is, the arm gives up the way it still had to go.
            self._publish_command(self._targets.solver.arm.clip(measured))
            response.success = True
            response.message = 'holding'
        else:
            response.message = 'targets are refused, but the arm was not stopped: no joint_states'
        return response

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
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

    def _publish_diagnostics(self) -> None:
        level, text = self._health()
        network = self._targets.solver.network if self._targets else None
        values = [
            ('model', network.file if network else ''),
            ('calibration', self._settings['calibration_file']),
            *sorted(self._counts.items()),
        ]
        name = f'{self.get_name()}: targets'
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status = [diagnostic_status(level, name, text, self._hardware(), values)]
        self._diagnostics.publish(message)

    def _health(self) -> tuple[bytes, str]:
        if self._targets is None and self._fault:
            return DiagnosticStatus.ERROR, f'not configured: {self._fault}'
        if self._targets is None:
            return DiagnosticStatus.WARN, 'not configured'
        if not self._active:
            return DiagnosticStatus.WARN, 'not active'
        if self._holding:
            return DiagnosticStatus.WARN, 'holding'
        if self._joints() is None:
            return DiagnosticStatus.ERROR, 'no joint_states'
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
    return run(_create)


if __name__ == '__main__':
    raise SystemExit(main())
