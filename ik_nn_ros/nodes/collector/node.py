"""
The node ``data_collector``: records joint positions together with tip positions.

It records an arm that another node moves, or drives the arm itself (``explore``) from one joint
target to the next and takes a sample whenever the arm has settled.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

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
"""Deep enough for the messages that arrive while the disk is slow."""
FLUSH_PERIOD_S = 0.4
"""Time span that is lost at most if the process is killed, s."""
REPORT_PERIOD_S = 1.0
REPORTS_PER_LOG = 5
"""Number of reports for each one that is also logged."""
READ_ONLY_REASON = 'takes effect with ~/start; stop the recording first'


@dataclass(frozen=True)
class Recording:
    """
    A recording, from its start until the next one.

    :param session: its file and statistics
    :param source: source of its samples
    """

    session: RecordingSession
    source: SampleSource


class DataCollector(Node):
    """Records an arm."""

    def __init__(self) -> None:
        super().__init__('data_collector')
        self._settings = Parameters(self, PARAMETERS, on_change=self._on_parameters_changed)
        self._autostart = self._settings['autostart']
        self._received_description = ''
        self._status = RecordingStatus(RecordingState.WAITING, '~/start has not been called')
        self._final_status = RecordingStatus(RecordingState.STOPPED)
        """Status after the recording, once the arm has stopped."""
        self._on_ended: Callable[[], object] | None = None
        self._recording: Recording | None = None
        """Current or last recording."""
        self._driver: ArmDriver | None = None
        """Driver of the arm while it explores."""
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

    # Start and end of a recording

    @property
    def _description(self) -> str:
        return self._settings['robot_description'] or self._received_description

    def _try_autostart(self) -> None:
        """Start a recording if ``autostart`` is set, or report what prevents it."""
        if not self._autostart:
            return
        if self._description or self._settings.errors:
            # Correcting a parameter later must not set an arm in motion.
            self._autostart = not self._moves_arm
            self._start()
        else:
            topic = self.resolve_topic_name('robot_description')
            self._set_status(
                RecordingStatus(RecordingState.WAITING, f'no description on {topic} yet')
            )

    @property
    def _moves_arm(self) -> bool:
        """Whether a recording moves the arm, or might do so."""
        return self._settings['explore'] or 'explore' in self._settings.errors

    def _on_parameters_changed(self) -> None:
        """Try again to start, unless that would move the arm."""
        if not self._moves_arm:
            self._try_autostart()

    def _start(self) -> str:
        """Start a recording; return what prevents it, empty if nothing does."""
        error = '; '.join(f'parameter {text}' for text in self._settings.errors.values())
        if not error:
            try:
                self._begin_recording()
            except IkNnError as exception:
                error = str(exception)
        if error:
            hint = '' if self._autostart else ' (correct it, then call ~/start)'
            self._set_status(RecordingStatus(RecordingState.ERROR, error + hint))
        return error

    def _begin_recording(self) -> None:
        """
        Create the file, and the driver of an exploration.

        :raises IkNnError: the recording cannot be started
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
        session = RecordingSession(output_path(settings), arm, joints, tip, dropped)
        is_measured = settings['source'] == 'measured'
        source = SampleSource(
            arm, settings['max_time_difference'] if is_measured else None, self._count_dropped
        )
        self._recording = Recording(session, source)
        if explorer:
            self._driver = ArmDriver(
                self,
                explorer,
                arm.joint_names,
                settings['control_rate'],
                lambda: source.blocking_reason,
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
        """Stop the arm if the node drives it, then close the file."""
        self._final_status = final
        if self._driver:
            self._driver.explorer.stop()
        if self._driver and self._driver.explorer.phase is not ExplorationPhase.STOPPED:
            self._set_status(RecordingStatus(RecordingState.STOPPING, 'the arm brakes'))
        else:
            self._close_session()

    def _close_session(self) -> None:
        """Close the file; then another recording can be started."""
        final = self._final_status
        if self._driver:
            self._driver.close()
            if self._driver.explorer.fault:
                final = RecordingStatus(RecordingState.ERROR, self._driver.explorer.fault)
        self._driver = None
        try:
            if self._recording is not None:
                self._recording.session.close()
        except RecordingError as error:
            final = RecordingStatus(RecordingState.ERROR, str(error))
        self._settings.unlock()
        self._set_status(final)
        if self._on_ended is not None:
            self.shut_down(self._on_ended)

    def shut_down(self, on_ended: Callable[[], object]) -> None:
        """Stop the recording and the arm, then call ``on_ended``."""
        self._on_ended = on_ended
        if self._status.is_recording:
            self._finish_recording(RecordingStatus(RecordingState.STOPPED))
        if self._status.is_idle:
            on_ended()

    # Messages

    def _on_description(self, message: String) -> None:
        changed = message.data != self._received_description
        self._received_description = message.data
        if changed and self._status.is_recording and not self._settings['robot_description']:
            self.get_logger().warning(f'robot_description has changed: {READ_ONLY_REASON}')
        self._try_autostart()

    def _on_joint_states(self, message: JointState) -> None:
        recording = self._active_recording
        q = recording.source.positions(message) if recording is not None else None
        if recording is None or q is None:
            return
        log_time = self._log_time()
        if self._driver:
            stamp = stamp_to_seconds(message.header.stamp) or 1e-9 * log_time
            self._driver.explorer.update_feedback(time.monotonic(), stamp, q)
        for sample in recording.source.add_joints(message, q, log_time):
            self._record_sample(recording.session, sample)

    def _on_tip_pose(self, message: PoseStamped) -> None:
        recording = self._active_recording
        if recording is None:
            return
        for sample in recording.source.add_tip(message, self._log_time()):
            self._record_sample(recording.session, sample)

    @property
    def _active_recording(self) -> Recording | None:
        """Recording that takes samples now."""
        return self._recording if self._status.is_recording else None

    def _log_time(self) -> int:
        nanoseconds: int = self.get_clock().now().nanoseconds
        return nanoseconds

    def _record_sample(self, session: RecordingSession, sample: Sample) -> None:
        """Write a sample that is due, and finish the recording after the last one."""
        if not (self._status.is_recording and self._is_due(sample)):
            return
        try:
            session.write(sample, flush=self._driver is not None)
        except RecordingError as error:
            self._finish_recording(RecordingStatus(RecordingState.ERROR, str(error)))
            return
        if session.sample_count == self._settings['samples']:
            self._finish_recording(RecordingStatus(RecordingState.DONE))
        elif self._driver:
            self._driver.explorer.sample_taken()

    def _is_due(self, sample: Sample) -> bool:
        if not self._driver:
            return self._rate_limiter.accepts(1e-9 * sample.joints.stamp)
        settled_at = self._driver.explorer.settled_at
        received = min(sample.joints.received, sample.tip.received)
        return settled_at is not None and received >= settled_at

    def _count_dropped(self, reason: str, text: str) -> None:
        """Count a message that cannot be used, and log each reason once."""
        if reason == NO_TIP and self._driver and self._driver.explorer.settled_at is None:
            return  # no sample is due while the arm moves
        if self._recording is not None:
            self._recording.session.count_dropped(reason)
        if reason not in self._logged_reasons:
            self._logged_reasons.add(reason)
            self.get_logger().warning(text)

    def _on_flush(self) -> None:
        recording = self._active_recording
        if recording is None:
            return
        try:
            recording.session.flush()
        except RecordingError as error:
            self._finish_recording(RecordingStatus(RecordingState.ERROR, str(error)))

    # Services

    def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if not self._status.is_idle:
            response.message = f'already {self._status.state.value}: {self._path}'
            return response
        error = self._start()
        response.success = not error
        response.message = error or f'{self._status.state.value} to {self._path}'
        return response

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._autostart = False
        if not self._status.is_recording:
            response.message = f'nothing to stop: {self._status.state.value}'
            return response
        self._finish_recording(RecordingStatus(RecordingState.STOPPED))
        response.success = True
        response.message = f'{self._status.state.value}: {self._path}'
        return response

    # Reports

    def _set_status(self, status: RecordingStatus) -> None:
        """Change the status, log it and publish it at once."""
        if status == self._status:
            return
        previous, self._status = self._status, status
        text = str(status)
        if status.is_recording:
            text += f': {self._path}'
        elif status.is_idle and (
            previous.is_recording or previous.state is RecordingState.STOPPING
        ):
            text += f': {self._summary()}: {self._path}'
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

    @property
    def _path(self) -> str:
        return '' if self._recording is None else str(self._recording.session.path)

    def _summary(self) -> str:
        if self._recording is None:
            return ''
        return self._recording.session.summary(self._settings['samples'])

    def _report(self) -> None:
        status = self._status
        if status.is_recording:
            status = RecordingStatus(status.state, '; '.join(self._blocking_reasons()))
        session = self._recording.session if self._recording is not None else None
        self._diagnostics.publish(
            recording_diagnostics(self, status, session, self._settings['samples'])
        )

    def _blocking_reasons(self) -> list[str]:
        """Return what keeps the recording from making progress."""
        if self._recording is None:
            return []
        timeout = self._settings['joint_states_timeout']
        silent_topics = self._recording.source.silent_topics(timeout)
        reasons = [f'no {name} for {timeout:g} s' for name in silent_topics]
        if self._driver and self._driver.blocking_reason not in ('', *reasons):
            reasons.append(self._driver.blocking_reason)
        return reasons


def main() -> int:
    """Run the node until SIGINT or SIGTERM; the arm brakes before it ends."""
    return run_node(DataCollector, DataCollector.shut_down)


if __name__ == '__main__':
    raise SystemExit(main())
