"""
The lifecycle node ``ik_node``: from target poses to joint commands.

The node handles lifecycle, parameters, services and reports. Its :class:`ArmSession` solves and
executes targets while the node is configured; :class:`TargetIntake` receives them.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
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

from ik_nn_ros.errors import ConfigError, IkNnError, ModelError
from ik_nn_ros.nodes.common.conversions import MessageError
from ik_nn_ros.nodes.common.diagnostics import ThrottledLogger
from ik_nn_ros.nodes.common.distro import reject_invalid_transitions
from ik_nn_ros.nodes.common.main import run_node
from ik_nn_ros.nodes.common.parameters import Parameters, overridable_qos
from ik_nn_ros.nodes.ik.arm_session import ArmSession
from ik_nn_ros.nodes.ik.diagnostics import IkDiagnostics
from ik_nn_ros.nodes.ik.interactive_target import TargetActions
from ik_nn_ros.nodes.ik.markers import ArmMarkers
from ik_nn_ros.nodes.ik.parameters import PARAMETERS, check_at_rest, check_consistency
from ik_nn_ros.nodes.ik.target_intake import TargetIntake
from ik_nn_ros.nodes.ik.target_solver import TargetResult

DESCRIPTION_CHANGED = 'robot_description has changed: it takes effect after cleanup and configure'
LOCK_REASON = 'takes effect when the node is configured; clean it up first'
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class IkNode(LifecycleNode):
    """Lifecycle node that moves a 2-DOF arm to targets."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('ik_node', **kwargs)
        reject_invalid_transitions(self)
        self._session: ArmSession | None = None
        """The configured arm; None while the node is unconfigured."""
        self._settings = Parameters(
            self, PARAMETERS, self._check_parameters, self._apply_parameters
        )
        self._autostart = self._settings['autostart']
        self._start_pending = False
        self._received_description = ''
        self._configure_error = ''
        self._warn = ThrottledLogger(self.get_logger())
        self._create_interfaces()

    def _create_interfaces(self) -> None:
        self._diagnostics = IkDiagnostics(self)
        self._markers = ArmMarkers(self)
        # Before the targets: of messages that arrive together, joint_states are processed first.
        sensor_qos = overridable_qos(qos_profile_sensor_data)
        self.create_subscription(JointState, 'joint_states', self._on_joint_states, **sensor_qos)
        if not self._settings['robot_description']:
            self.create_subscription(
                String,
                'robot_description',
                self._on_robot_description,
                **overridable_qos(LATCHED_QOS),
            )
        self._targets = TargetIntake(
            self,
            lambda: self._session,
            self._warn,
            self._on_target_result,
            self._settings['transform_timeout'],
        )
        # Reentrant: also while another arm of the process brakes in a transition.
        self.create_service(
            Trigger, '~/hold', self._on_hold, callback_group=ReentrantCallbackGroup()
        )
        self.create_service(Trigger, '~/resume', self._on_resume)
        self.create_service(Trigger, '~/reload_model', self._on_reload_model)
        # The steady clock, because a simulated clock may stand still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._publish_diagnostics, clock=steady)

    # Lifecycle

    def start(self) -> None:
        """
        Configure and activate (``autostart``), now or when the robot description arrives.

        This happens once: after a cleanup, a lifecycle manager decides.
        """
        if not self._autostart:
            return
        if not self._description and not self._settings.errors:
            self.get_logger().info('waiting for the robot description on topic robot_description')
        elif self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read arm and model; stay unconfigured and log why if they cannot be used."""
        self._configure_error = '; '.join(
            f'parameter {error}' for error in self._settings.errors.values()
        )
        if not self._configure_error:
            try:
                self._configure()
            except IkNnError as error:
                self._configure_error = str(error)
            except Exception as error:  # rclpy would report a failure without the reason
                self.get_logger().error(traceback.format_exc())
                self._configure_error = str(error)
                raise
        if self._configure_error:
            self.get_logger().error(self._configure_error)
            return TransitionCallbackReturn.FAILURE
        self._autostart = False
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        if not self._description:
            raise ConfigError(
                'robot_description', got='none by parameter or topic', expected='URDF'
            )
        actions = TargetActions(
            self._targets.on_drag, self._hold, self._targets.resume, self._set_branch
        )
        self._session = ArmSession(
            self,
            self._settings,
            self._description,
            actions,
            self._warn,
            self._targets.discard_earlier_targets,
        )
        self._settings.lock(LOCK_REASON)
        self._show(self._session)
        self.get_logger().info(self._session.describe())

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start to execute targets."""
        if self._session is None or not self._session.controller.at_rest:
            self.get_logger().error('the arm is still braking: activate again when it is at rest')
            return TransitionCallbackReturn.FAILURE
        now = time.monotonic()
        self._targets.discard_earlier_targets(now, now)
        self._session.activate()
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the arm and publish no more commands; targets are rejected with NOT_ACTIVE."""
        if not self._stop_arm():
            self.get_logger().error('the arm is still braking')
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Drop arm and model."""
        if not self._stop_arm():
            self.get_logger().error('the arm is still braking: clean up again when it is at rest')
            return TransitionCallbackReturn.FAILURE
        self._close_session()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the arm for good."""
        self._stop_arm()
        self._autostart = False
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured after an error in a transition."""
        self._stop_arm()
        self._close_session()
        return TransitionCallbackReturn.SUCCESS

    def _close_session(self) -> None:
        self._autostart = False
        self._settings.unlock()
        if self._session is not None:
            self._session.close()
        self._session = None
        self._markers.clear()

    def _stop_arm(self) -> bool:
        """Reject targets and stop the arm; return whether it stands still."""
        if self._session is None:
            return True
        self._reject_targets(self._session)
        return self._session.stop_and_wait()

    def _reject_targets(self, session: ArmSession) -> None:
        session.refuse_targets()
        self._targets.process_waiting_targets()

    def begin_shutdown(self, on_stopped: Callable[[], object]) -> None:
        """
        Begin to stop the arm.

        :param on_stopped: called when it stands still, or after a timeout
        """
        if self._session is None:
            on_stopped()
        else:
            self._reject_targets(self._session)
            self._session.begin_stop(on_stopped)

    # Parameters

    @property
    def _description(self) -> str:
        description: str = self._settings['robot_description'] or self._received_description
        return description

    def _check_parameters(self, values: Mapping[str, Any]) -> None:
        controller = self._session.controller if self._session is not None else None
        check_consistency(values, controller)
        if controller is not None:
            check_at_rest(values, self._settings, controller)

    def _apply_parameters(self) -> None:
        self._start_pending = self._autostart and not self._settings.errors
        self._targets.set_transform_timeout(self._settings['transform_timeout'])
        if self._session is not None:
            self._session.apply_parameters()
            self._show(self._session)

    def _show(self, session: ArmSession) -> None:
        """Show an arm in RViz."""
        keep_out, prefix = session.controller.keep_out, self._settings['frame_prefix']
        self._markers.configure(session.solver, keep_out, prefix)

    def _set_branch(self, branch: str) -> None:
        (result,) = self.set_parameters([Parameter('branch', value=branch)])
        if not result.successful:
            self._warn('branch', result.reason)

    # Messages

    def _on_robot_description(self, message: String) -> None:
        self._received_description = message.data
        if self._session is None:
            self.start()
        elif self._description != self._session.urdf:
            self._warn('description', DESCRIPTION_CHANGED)

    def _on_joint_states(self, message: JointState) -> None:
        if self._session is None:
            return
        try:
            q = self._session.on_joint_states(message)
        except MessageError as error:
            self._warn('joint_states', f'joint_states ignored: {error}')
            return
        self._markers.update_joints(q)

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
        """Reject targets and stop the arm; return whether it could be stopped, and a message."""
        self._targets.hold()
        if self._session is None or not self._session.is_active:
            return True, 'holding; the node is not active'
        if not self._session.hold():
            return False, 'targets are refused, but the arm was not stopped: no joint_states'
        return True, 'holding'

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._targets.resume()
        response.success = True
        response.message = 'targets are carried out again'
        return response

    def _on_reload_model(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._session is None:
            response.message = 'not configured: the model is loaded when the node is configured'
            return response
        try:
            self._session.reload_network()
        except ModelError as error:
            response.message = f'{error}; the model in use stays'
            return response
        response.success = True
        response.message = self._session.describe()
        return response

    # Reports

    def _publish_diagnostics(self) -> None:
        if self._start_pending:  # a parameter that prevented the start may have been corrected
            self._start_pending = False
            self.start()
        if self._session is not None and self._session.tracking_error:
            self._warn('following', self._session.tracking_error)
        self._diagnostics.publish(self._health(), self._session, self._settings['calibration_file'])

    def _health(self) -> tuple[bytes, str]:
        """Return level and message of the node's status."""
        session = self._session
        if session is None and self._configure_error:
            return DiagnosticStatus.ERROR, f'not configured: {self._configure_error}'
        if session is None:
            return DiagnosticStatus.WARN, 'not configured'
        if not session.is_active:
            return DiagnosticStatus.WARN, 'not active'
        if self._targets.is_holding:
            return DiagnosticStatus.WARN, 'holding'
        rejection = session.controller.rejection(time.monotonic())
        if rejection is not None:
            return DiagnosticStatus.ERROR, rejection.detail
        if session.tracking_error:
            return DiagnosticStatus.WARN, session.tracking_error
        if self._description != session.urdf:
            return DiagnosticStatus.WARN, DESCRIPTION_CHANGED
        if session.network_error:
            return DiagnosticStatus.WARN, f'closed form only: {session.network_error}'
        return DiagnosticStatus.OK, 'ready'


def _create_node() -> IkNode:
    node = IkNode()
    node.start()
    return node


def main() -> int:
    """Run the node until SIGINT or SIGTERM."""
    return run_node(_create_node, IkNode.begin_shutdown)


if __name__ == '__main__':
    raise SystemExit(main())
