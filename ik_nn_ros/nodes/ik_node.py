"""
The node from target poses to joint commands.

Its life, its parameters and services, and what it says of itself; :mod:`ik_nn_ros.nodes.reception`
answers targets, :mod:`ik_nn_ros.nodes.arm_commands` moves the arm.
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

from ik_nn_ros.arm.calibrated import CalibratedArm
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ConfigError, IkNnError, ModelError
from ik_nn_ros.ik.hybrid import HybridSolver
from ik_nn_ros.ik.network import Network
from ik_nn_ros.nodes.arm_commands import LONGEST_BRAKING, ArmCommands
from ik_nn_ros.nodes.conversions import MessageError
from ik_nn_ros.nodes.distro import refuse_wrong_transitions
from ik_nn_ros.nodes.frames import Frames
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
from ik_nn_ros.nodes.interactive_target import Actions, InteractiveTarget, serve_target
from ik_nn_ros.nodes.markers import ArmMarkers
from ik_nn_ros.nodes.parameters import Parameters
from ik_nn_ros.nodes.qos import overridable
from ik_nn_ros.nodes.reception import Reception
from ik_nn_ros.nodes.reports import Warnings
from ik_nn_ros.nodes.runtime import run
from ik_nn_ros.nodes.targets import Answer, Targets

DESCRIPTION_CHANGED = 'robot_description has changed: it takes effect after cleanup and configure'
FROZEN = 'takes effect when the node is configured; clean it up first'
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class IkNode(LifecycleNode):
    """The lifecycle node ``ik_node``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('ik_node', **kwargs)
        refuse_wrong_transitions(self)
        self._commands: ArmCommands | None = None
        self._settings = Parameters(self, PARAMETERS, self._check_live)
        self._settings.changed = self._apply_live
        self._autostart = self._settings['autostart']
        self._start_again = False
        self._received_description = self._configured_description = ''
        self._fault = ''
        self._network_fault = ''
        self._ended: Callable[[], object] | None = None
        self._latest = inf
        self._fault_told = ''
        self._drag: InteractiveTarget | None = None
        self._warn = Warnings(self.get_logger())
        self._connect()

    def _connect(self) -> None:
        self._diagnostics = IkDiagnostics(self)
        self._markers = ArmMarkers(self)
        # Before the targets: of what has come together, the joints are taken in first.
        for kind, topic, take, qos in (
            (JointState, 'joint_states', self._on_joint_states, qos_profile_sensor_data),
            (String, 'robot_description', self._on_robot_description, LATCHED),
        ):
            if topic != 'robot_description' or not self._settings[topic]:
                self.create_subscription(kind, topic, take, **overridable(qos))
        timeout = self._settings['transform_timeout']
        self._reception = Reception(self, self._warn, self._answered, timeout)
        # Also while another arm of the process brakes in a transition.
        at_any_time = ReentrantCallbackGroup()
        self.create_service(Trigger, '~/hold', self._on_hold, callback_group=at_any_time)
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
            except Exception as error:  # rclpy would turn it into a failure without a word
                self.get_logger().error(traceback.format_exc())
                self._fault = str(error)
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
        commander = make_commander(self._settings, arm)
        kind = command_type(self._settings, arm)
        rate = self._settings['control_rate']
        self._commands = ArmCommands(
            self, kind, commander, rate, self._stepped, self._reception.forget
        )
        prefix = self._settings['frame_prefix']
        frames = Frames(self, arm.plane, self._settings['plane_tolerance'], prefix)
        targets = Targets(solver, frames, self._settings, self.get_clock())
        self._reception.open(targets, self._commands)
        self._configured_description = urdf
        self._settings.frozen = FROZEN
        self._markers.configure(solver, commander.keep_out, prefix)
        actions = Actions(self._reception.on_drag, self._hold, self._resume, self._choose_branch)
        self._drag = serve_target(self, arm, prefix, self._settings['branch'], actions)
        self.get_logger().info(_describe(solver))

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to answer targets with commands."""
        if not self._commands.commander.at_rest:
            self.get_logger().error('the arm is still braking: activate again when it is at rest')
            return TransitionCallbackReturn.FAILURE
        now = time.monotonic()
        self._reception.forget(now, now)
        self._commands.commander.reset()
        self._reception.active = self._commands.active = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Bring the arm to rest and stop commanding; targets are refused with NOT_ACTIVE."""
        if not self._stop():
            self.get_logger().error('the arm is still braking')
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget arm and model."""
        if not self._stop():
            self.get_logger().error('the arm is still braking: clean up again when it is at rest')
            return TransitionCallbackReturn.FAILURE
        self._autostart = False
        self._settings.frozen = ''
        self._let_go()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop for good."""
        self._stop()
        return self._clean_up()

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured after an error in a transition."""
        self._stop()
        self._settings.frozen = ''
        self._let_go()
        return self._clean_up()

    def _let_go(self) -> None:
        """Give back what :meth:`_configure` has made."""
        if self._targets is not None:
            self._targets.frames.close()
        self._reception.close()
        if self._commands is not None:
            self._commands.close()
        if self._drag is not None:
            self._drag.close()
        self._commands = self._drag = None
        self._markers.clear()

    def _stop(self) -> bool:
        self._reception.stop()
        if self._commands is None:
            return True
        rests = self._commands.come_to_rest()
        self._commands.active = False
        return rests

    def end(self, ended: Callable[[], object]) -> None:
        """Bring the arm to rest, then call ``ended``; after a while without, too."""
        self._reception.stop()
        self._ended, self._latest = ended, time.monotonic() + LONGEST_BRAKING
        if self._commands is None:
            ended()
        else:
            self._commands.commander.stop()
            self._commands.step()

    def _stepped(self) -> None:
        """Tell what went wrong in the motion; end where that is wanted and the arm is at rest."""
        commander = self._commands.commander
        if commander.fault != self._fault_told:
            self._fault_told = commander.fault
            if commander.fault:
                self._reception.forget_last()
                self._warn(
                    commander.fault.split(':')[0], f'the arm was brought to rest: {commander.fault}'
                )
        if self._ended is not None and (commander.at_rest or time.monotonic() > self._latest):
            self._ended()

    # Arm and model

    @property
    def _targets(self) -> Targets | None:
        return self._reception.targets

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
        self._reception.set_timeout(self._settings['transform_timeout'])
        if self._targets is not None and self._commands is not None:
            commander = self._commands.commander
            commander.config = motion_config(self._settings)
            commander.keep_out = keep_out(self._settings, commander.arm)
            self._targets.frames.tolerance = self._settings['plane_tolerance']
            if solver_config(self._settings) != self._targets.solver.config:
                if self._drag and self._settings['branch'] != self._targets.solver.config.branch:
                    self._drag.show_branch(self._settings['branch'])
                self._use_network(self._targets, self._targets.solver.network)
            prefix = self._settings['frame_prefix']
            self._markers.configure(self._targets.solver, commander.keep_out, prefix)

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
            return
        q = self._commands.commander.joints.q
        self._markers.measured(q)
        if self._drag is not None:
            self._drag.measured(q)

    def _answered(self, header: Header, position: Point, answer: Answer, took: float) -> None:
        self._diagnostics.count(answer, took)
        self._markers.answered(header, position, answer)

    # Services

    def _on_hold(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self._hold()
        return response

    def _hold(self) -> tuple[bool, str]:
        """Bring the arm to rest and refuse targets; return whether it could, and what to say."""
        self._reception.holding = True
        self._reception.forget_last()
        commands = self._commands
        if not self._reception.active or commands is None:
            return True, 'holding; the node is not active'
        if not commands.commander.hold(time.monotonic()):
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
        self._reception.forget(now, now)
        self._reception.holding = False

    def _choose_branch(self, branch: str) -> None:
        (result,) = self.set_parameters([Parameter('branch', value=branch)])
        if not result.successful:
            self._warn('branch', result.reason)

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
        if self._reception.fault:
            self._warn('following', self._reception.fault)
        network = self._targets.solver.network if self._targets else None
        model = network.file if network else ''
        files = (model, self._settings['calibration_file'])
        self._diagnostics.publish(self._health(), self._hardware(), files, self._commands)

    def _health(self) -> tuple[bytes, str]:
        if self._targets is None and self._fault:
            return DiagnosticStatus.ERROR, f'not configured: {self._fault}'
        if self._targets is None:
            return DiagnosticStatus.WARN, 'not configured'
        if not self._reception.active:
            return DiagnosticStatus.WARN, 'not active'
        if self._reception.holding:
            return DiagnosticStatus.WARN, 'holding'
        refusal = self._commands.commander.refusal(time.monotonic())
        if refusal is not None:
            return DiagnosticStatus.ERROR, refusal.detail
        if self._reception.fault:
            return DiagnosticStatus.WARN, self._reception.fault
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
