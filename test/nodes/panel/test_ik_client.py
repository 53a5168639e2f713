"""The view of an ik_node that answers, is silent, ends and returns."""

from types import SimpleNamespace

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_srvs.srv import Trigger

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.nodes.panel import ik_client
from ik_nn_ros.nodes.panel.ik_client import (
    ANSWER_TIMEOUT_S,
    CALL_TIMEOUT_S,
    DIAGNOSTICS_TIMEOUT_S,
    OTHER_PUBLISHER_TIMEOUT_S,
    SENT_DISPLAY_DELAY_S,
    IkNodeClient,
)
from ik_nn_ros.panel.status_text import (
    HOLD_UNANSWERED_TEXT,
    SENT,
    SILENT,
    accuracy_text,
    status_text,
)

ARM = ArmModel('free', ('a', 'b'), (0.3, 0.2))


class Future:
    def add_done_callback(self, done):
        self.answer = lambda: done(self)

    def result(self):
        return Trigger.Response(success=True)


class ClientRig:
    """A client of an ik_node that the test plays, on a clock of the test."""

    def __init__(self, patch):
        self.now, self.sent, self.called, self.takes = 100.0, [], [], {}
        patch.setattr(ik_client, 'time', SimpleNamespace(monotonic=lambda: self.now))
        values = {'branch': 'nearest', 'speed_scale': 1.0}
        self.parameters = SimpleNamespace(
            is_available=False, values=values, poll=self.check_availability
        )
        patch.setattr(ik_client, 'RemoteParameters', lambda *_: self.parameters)
        patch.setattr(ik_client, 'overridable_qos', lambda _: {})
        self.is_available = True
        self.client = IkNodeClient(self, 'ik_node')
        self.poll()
        self.publish_diagnostics('')

    # As a node

    def resolve_service_name(self, name):
        return f'/{name}'

    resolve_topic_name = resolve_service_name

    def create_publisher(self, kind, topic):
        return SimpleNamespace(publish=self.sent.append, get_subscription_count=lambda: 1)

    def create_subscription(self, kind, topic, take):
        self.takes[topic] = take

    def create_client(self, kind, name):
        return SimpleNamespace(
            srv_name=name,
            service_is_ready=lambda: self.is_available,
            call_async=self.call,
            remove_pending_request=lambda _: None,
        )

    def get_clock(self):
        stamp = Time(sec=int(self.now), nanosec=round(self.now % 1.0 * 1e9))
        return SimpleNamespace(now=lambda: SimpleNamespace(to_msg=lambda: stamp))

    def call(self, request):
        self.called.append(Future())
        return self.called[-1]

    # As the ik_node

    def check_availability(self):
        self.parameters.is_available = self.is_available

    def publish_diagnostics(self, text):
        status = DiagnosticStatus(name='ik_node: targets', message=text)
        self.takes['/diagnostics'](DiagnosticArray(status=[status]))

    def answer(self, target, code='ACCEPTED'):
        stamp = target.header.stamp
        position = target.pose.position
        values = {'stamp': f'{stamp.sec}.{stamp.nanosec:09d}', 'x': position.x, 'y': position.y}
        values |= {'q1': 0.1, 'q2': 0.2} if code == 'ACCEPTED' else {}
        entries = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        self.takes['ik_node/target_status'](DiagnosticStatus(message=code, values=entries))

    def answer_call(self):
        self.called[-1].answer()

    # As the panel

    def poll(self, after=0.0):
        self.now += after
        self.client.poll()

    def go_to(self, point, after=0.0):
        self.now += after
        self.client.go_to(ARM.plane, point)
        return self.sent[-1]

    @property
    def view(self):
        return self.client.make_view(tuple(self.client.missing), 0.0, None)

    @property
    def text(self):
        return status_text(self.view, has_control=True)


@pytest.fixture
def rig(monkeypatch):
    return ClientRig(monkeypatch)


def test_a_missing_answer_shows_in_text_and_numbers(rig):
    rig.answer(rig.go_to((0.4, 0.1)))
    assert rig.client.displayed_outcome.code == 'ACCEPTED'
    assert '0.00 mm' in accuracy_text(rig.view)
    rig.go_to((0.3, 0.2), after=1.0)
    assert rig.client.displayed_outcome.code == 'ACCEPTED'  # it may arrive at any moment
    rig.poll(after=SENT_DISPLAY_DELAY_S + 0.01)
    assert (rig.client.displayed_outcome.code, rig.client.displayed_outcome.point) == (
        SENT,
        (0.3, 0.2),
    )
    assert 'Sent…' in rig.text
    assert '0.00 mm' not in accuracy_text(rig.view)
    assert ' ms' not in accuracy_text(rig.view)
    target = rig.go_to((0.3, 0.3), after=ANSWER_TIMEOUT_S - SENT_DISPLAY_DELAY_S)
    assert (rig.client.displayed_outcome.code, rig.client.displayed_outcome.point) == (
        SILENT,
        (0.3, 0.3),
    )
    assert 'does not answer' in rig.text
    rig.answer(target)
    assert rig.client.displayed_outcome.code == 'ACCEPTED'


def test_answers_to_some_of_many_targets_are_enough(rig):
    targets = [rig.go_to((0.4, 0.001 * number), after=0.02) for number in range(40)]
    assert rig.client.displayed_outcome.code == SENT
    rig.answer(targets[30])
    assert rig.client.displayed_outcome.code == 'ACCEPTED'
    rig.poll(after=SENT_DISPLAY_DELAY_S)
    assert rig.client.displayed_outcome.code == SENT
    rig.answer(targets[-1])
    rig.poll(after=10.0)
    assert rig.client.displayed_outcome.code == 'ACCEPTED'


def test_a_hold_is_shown_as_pending_until_it_is_answered(rig):
    rig.answer(rig.go_to((0.4, 0.1)))
    rig.client.hold()
    assert 'Holding…' in rig.text
    assert 'Moving' not in rig.text
    rig.answer_call()
    assert 'Held.' in rig.text
    rig.poll(after=5.0)
    assert HOLD_UNANSWERED_TEXT not in rig.text


def test_a_hold_without_an_answer_is_reported_even_if_targets_follow(rig):
    rig.client.hold()
    rig.poll(after=CALL_TIMEOUT_S)
    rig.go_to((0.4, 0.1))
    assert HOLD_UNANSWERED_TEXT in rig.text
    assert 'Holding…' not in rig.text
    rig.publish_diagnostics('holding')  # only the answer was lost
    assert HOLD_UNANSWERED_TEXT not in rig.text


def test_a_hold_without_the_service_is_reported(rig):
    rig.is_available = False
    rig.client.hold()
    assert HOLD_UNANSWERED_TEXT in rig.text


def test_the_state_of_an_ik_node_that_has_ended_is_forgotten(rig):
    rig.answer(rig.go_to((0.4, 0.1)))
    rig.go_to((0.3, 0.2))
    rig.client.report_problem('speed_scale was not changed')
    rig.is_available = False
    rig.poll(after=5.0)
    rig.is_available = True
    rig.poll(after=1.0)
    assert rig.client.displayed_outcome is None
    assert rig.view.latency is None
    assert rig.view.problem == ''
    assert 'Drag the disc' in rig.text


def test_a_silent_ik_node_is_missing(rig):
    for _ in range(5):
        assert rig.view.missing == ()
        rig.poll(after=0.2 * DIAGNOSTICS_TIMEOUT_S + 0.01)
    assert 'silent' in rig.view.missing[0]
    rig.publish_diagnostics('')
    assert rig.view.missing == ()


def test_a_panel_that_was_stalled_does_not_report_the_ik_node(rig):
    rig.poll(after=60.0)
    assert rig.view.missing == ()


def test_another_node_that_sends_targets_is_noticed_until_a_while_after_its_last_one(rig):
    target = rig.go_to((0.4, 0.1))
    rig.answer(target)
    assert not rig.view.has_other_publishers
    rig.answer(target)  # the panel has sent it once only
    assert rig.view.has_other_publishers
    rig.poll(after=0.9 * OTHER_PUBLISHER_TIMEOUT_S)
    assert rig.view.has_other_publishers
    rig.poll(after=0.2 * OTHER_PUBLISHER_TIMEOUT_S)
    assert not rig.view.has_other_publishers
    rig.answer(target)
    assert rig.view.has_other_publishers
