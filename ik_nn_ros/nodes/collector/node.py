"""
The node ``data_collector``: records where the joints are together with where the tip is.

It watches an arm that somebody else moves, or drives the arm itself (``explore``): to one joint
target after the other, where it takes a sample as soon as the arm stands still.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from ik_nn_ros.arm.urdf import load_arm
from ik_nn_ros.control.exploration import ExplorationPhase, Explorer
from ik_nn_ros.errors import ConfigError, IkNnError, RecordingError
from ik_nn_ros.nodes.collector.arm_driver import ArmDriver, require_sole_publisher
from ik_nn_ros.nodes.collector.parameters import PARAMETERS, exploration_config, output_path
from ik_nn_ros.nodes.collector.recording import (
    RecordingSession,
    RecordingState,
    RecordingStatus,
    recording_diagnostics,
)
from ik_nn_ros.nodes.collector.sample_source import NO_TIP, RateLimiter, Sample, SampleSource
from ik_nn_ros.nodes.common.conversions import stamp_to_seconds
from ik_nn_ros.nodes.common.main import run_node
from ik_nn_ros.nodes.common.parameters import Parameters, overridable_qos

LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
MEASUREMENT_QOS = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Deep enough for what comes while the disk is slow."""
FLUSH_PERIOD_S = 0.4
"""What a killed process loses at most, s."""
REPORT_PERIOD_S = 1.0
REPORTS_PER_LOG = 5
"""Reports to a line in the log."""
READ_ONLY_REASON = 'takes effect with ~/start; stop the recording first'


class DataCollector(Node):
    """Records an arm."""

    def __init__(self) -> None:
        super().__init__('data_collector')
        self._settings = Parameters(self, PARAMETERS, on_change=self._on_parameters_changed)
        self._autostart = self._settings['autostart']
        self._received_description = ''
        self._status = RecordingStatus(RecordingState.WAITING, '~/start has not been called')
        self._final_status = RecordingStatus(RecordingState.STOPPED)
        """What comes when the arm is at rest."""
        self._on_ended: Callable[[], object] | None = None
        self._session: RecordingSession | None = None
        self._source: SampleSource | None = None
        self._explorer: Explorer | None = None
        self._driver: ArmDriver | None = None
        self._rate_limiter = RateLimiter(self._settings['rate'])
        self._logged_reasons: set[str] = set()
        self._report_count = 0
        self._connect()
        self._try_autostart()

    def _connect(self) -> None:
        self._diagnostics = self.create_publisher(
            DiagnosticArray, '/diagnostics', **overridable_qos(10)
        )
        self.create_subscription(
            JointState, 'joint_states', self._on_joint_states, **overridable_qos(MEASUREMENT_QOS)
        )
        self.create_subscription(
            PoseStamped, 'tip_pose', self._on_tip_pose, **overridable_qos(MEASUREMENT_QOS)
        )
        self.create_subscription(
            String, 'robot_description', self._on_description, **overridable_qos(LATCHED_QOS)
        )
        self.create_service(Trigger, '~/start', self._on_start)
        self.create_service(Trigger, '~/stop', self._on_stop)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(FLUSH_PERIOD_S, self._on_flush, clock=steady)
        self.create_timer(REPORT_PERIOD_S, self._on_report, clock=steady)

    # Begin and end of a recording

    @property
    def _description(self) -> str:
        return self._settings['robot_description'] or self._received_description

    def _try_autostart(self) -> None:
        """Start, or say what is in the way (``autostart``)."""
        if not self._autostart:
            return
        if self._description or self._settings.errors:
            # An arm shall not set out later, when somebody puts right what is in the way.
            self._autostart = not self._moves_arm
            self._start()
        else:
            topic = self.resolve_topic_name('robot_description')
            self._set_status(
                RecordingStatus(RecordingState.WAITING, f'no description on {topic} yet')
            )

    @property
    def _moves_arm(self) -> bool:
        """Whether a recording moves the arm, or that is not clear."""
        return self._settings['explore'] or 'explore' in self._settings.errors

    def _on_parameters_changed(self) -> None:
        """Try again where a recording could not begin; a parameter sets no arm in motion."""
        if not self._moves_arm:
            self._try_autostart()

    def _start(self) -> str:
        """Begin a recording; return what is in the way, empty: nothing."""
        fault = '; '.join(f'parameter {fault}' for fault in self._settings.errors.values())
        if not fault:
            try:
                self._begin_recording()
            except IkNnError as error:
                fault = str(error)
        if fault:
            then = '' if self._autostart else ' (put it right, then call ~/start)'
            self._set_status(RecordingStatus(RecordingState.ERROR, fault + then))
        return fault

    def _begin_recording(self) -> None:
        """
        Read the arm, create the file and set out.

        :raises IkNnError: not possible; nothing has begun
        """
        settings = self._settings
        if not self._description:
            raise ConfigError(
                'robot_description', got='none by parameter or topic', expected='URDF'
            )
        arm = load_arm(self._description, settings['base_link'], settings['tip_link'])
        explorer = None
        if settings['explore']:
            require_sole_publisher(self)
            explorer = Explorer(arm, exploration_config(settings), np.random.default_rng())
        joints, tip = (self.resolve_topic_name(name) for name in ('joint_states', 'tip_pose'))
        dropped = explorer.dropped if explorer else Counter()
        self._session = RecordingSession(output_path(settings), arm, joints, tip, dropped)
        bound = settings['max_time_difference'] if settings['source'] == 'measured' else None
        self._source = SampleSource(arm, bound, self._count_dropped)
        self._explorer = explorer
        if explorer:
            rate = settings['control_rate']
            self._driver = ArmDriver(
                self,
                explorer,
                arm.joint_names,
                rate,
                lambda: self._source.blocking_reason,
                self._close_session,
            )
        self._rate_limiter = RateLimiter(settings['rate'])
        self._final_status = RecordingStatus(RecordingState.STOPPED)
        self._autostart = False
        self._logged_reasons.clear()
        settings.lock(READ_ONLY_REASON)
        self._set_status(
            RecordingStatus(RecordingState.EXPLORING if explorer else RecordingState.RECORDING)
        )

    def _finish_recording(self, final: RecordingStatus) -> None:
        """End the recording, with the arm at rest."""
        self._final_status = final
        if self._explorer:
            self._explorer.stop()
        if self._explorer and self._explorer.phase is not ExplorationPhase.STOPPED:
            self._set_status(RecordingStatus(RecordingState.STOPPING, 'the arm brakes'))
        else:
            self._close_session()

    def _close_session(self) -> None:
        """Complete the file and be ready for another one."""
        final = self._final_status
        if self._explorer:
            self._driver.close()
            if self._explorer.fault:
                final = RecordingStatus(RecordingState.ERROR, self._explorer.fault)
        self._explorer = self._driver = None
        try:
            self._session.close()
        except RecordingError as error:
            final = RecordingStatus(RecordingState.ERROR, str(error))
        self._settings.unlock()
        self._set_status(final)
        if self._on_ended is not None:
            self.shut_down(self._on_ended)

    def shut_down(self, on_ended: Callable[[], object]) -> None:
        """Call ``ended`` after the recording, with the arm at rest."""
        self._on_ended = on_ended
        if self._status.is_recording:
            self._finish_recording(RecordingStatus(RecordingState.STOPPED))
        if self._status.is_idle:
            on_ended()

    # What is received

    def _on_description(self, message: String) -> None:
        changed = message.data != self._received_description
        self._received_description = message.data
        if changed and self._status.is_recording and not self._settings['robot_description']:
            self.get_logger().warning(f'robot_description has changed: {READ_ONLY_REASON}')
        self._try_autostart()

    def _on_joint_states(self, message: JointState) -> None:
        if not self._status.is_recording:
            return
        q = self._source.positions(message)
        if q is None:
            return
        log_time = self._log_time()
        if self._explorer:
            stamp = stamp_to_seconds(message.header.stamp) or 1e-9 * log_time
            self._explorer.update_feedback(time.monotonic(), stamp, q)
        for sample in self._source.add_joints(message, q, log_time):
            self._record_sample(sample)

    def _on_tip_pose(self, message: PoseStamped) -> None:
        if not self._status.is_recording:
            return
        for sample in self._source.add_tip(message, self._log_time()):
            self._record_sample(sample)

    def _log_time(self) -> int:
        return self.get_clock().now().nanoseconds

    def _record_sample(self, sample: Sample) -> None:
        """Write a sample that is wanted."""
        if not (self._status.is_recording and self._is_wanted(sample)):
            return
        try:
            self._session.write(sample, flush=self._explorer is not None)
        except RecordingError as error:
            self._finish_recording(RecordingStatus(RecordingState.ERROR, str(error)))
            return
        if self._session.sample_count == self._settings['samples']:
            self._finish_recording(RecordingStatus(RecordingState.DONE))
        elif self._explorer:
            self._explorer.sample_taken()

    def _is_wanted(self, sample: Sample) -> bool:
        if not self._explorer:
            return self._rate_limiter.accepts(1e-9 * sample.joints.stamp)
        settled = self._explorer.settled_at
        received = min(sample.joints.received, sample.tip.received)
        return settled is not None and received >= settled

    def _count_dropped(self, reason: str, text: str) -> None:
        """Count what cannot be used, and say so once."""
        if reason == NO_TIP and self._explorer and self._explorer.settled_at is None:
            return  # nobody waits for a sample
        self._session.dropped[reason] += 1
        if reason not in self._logged_reasons:
            self._logged_reasons.add(reason)
            self.get_logger().warning(text)

    def _on_flush(self) -> None:
        if not self._status.is_recording:
            return
        try:
            self._session.flush()
        except RecordingError as error:
            self._finish_recording(RecordingStatus(RecordingState.ERROR, str(error)))

    # Services

    def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if not self._status.is_idle:
            response.message = f'already {self._status.state.value}: {self._session.path}'
            return response
        fault = self._start()
        response.success = not fault
        response.message = fault or f'{self._status.state.value} to {self._session.path}'
        return response

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._autostart = False
        if not self._status.is_recording:
            response.message = f'nothing to stop: {self._status.state.value}'
            return response
        self._finish_recording(RecordingStatus(RecordingState.STOPPED))
        response.success = True
        response.message = f'{self._status.state.value}: {self._session.path}'
        return response

    # Reports

    def _set_status(self, status: RecordingStatus) -> None:
        """Go on to a state, and say so at once."""
        if status == self._status:
            return
        before, self._status = self._status, status
        text = str(status)
        if status.is_recording:
            text += f': {self._session.path}'
        elif status.is_idle and (before.is_recording or before.state is RecordingState.STOPPING):
            text += f': {self._summary()}: {self._session.path}'
        if status.state is RecordingState.ERROR:
            self.get_logger().error(text)
        else:
            self.get_logger().info(text)
        self._report()

    def _on_report(self) -> None:
        self._report()
        self._report_count += 1
        if self._status.is_recording and self._report_count % REPORTS_PER_LOG == 0:
            self.get_logger().info('; '.join([self._summary(), *self._blocking_reasons()]))

    def _summary(self) -> str:
        return self._session.summary(self._settings['samples'])

    def _report(self) -> None:
        status = self._status
        if status.is_recording:
            status = RecordingStatus(status.state, '; '.join(self._blocking_reasons()))
        target = self._settings['samples']
        self._diagnostics.publish(recording_diagnostics(self, status, self._session, target))

    def _blocking_reasons(self) -> list[str]:
        """Return what keeps the recording from going on."""
        bound = self._settings['joint_states_timeout']
        troubles = [f'no {name} for {bound:g} s' for name in self._source.silent_topics(bound)]
        if self._driver and self._driver.blocking_reason not in ('', *troubles):
            troubles.append(self._driver.blocking_reason)
        return troubles


def main() -> int:
    """Run the node until SIGINT or SIGTERM; the arm brakes before it ends."""
    return run_node(DataCollector, DataCollector.shut_down)


if __name__ == '__main__':
    raise SystemExit(main())
