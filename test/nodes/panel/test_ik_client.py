"""What the panel tells of an ik_node that answers, is silent, goes and comes back."""

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


class Linked:
    """A link to an ik_node that the test plays, on a clock of the test."""

    def __init__(self, patch):
        self.now, self.sent, self.called, self.takes = 100.0, [], [], {}
        patch.setattr(ik_client, 'time', SimpleNamespace(monotonic=lambda: self.now))
        values = {'branch': 'nearest', 'speed_scale': 1.0}
        self.parameters = SimpleNamespace(is_available=False, values=values, poll=self.look_there)
        patch.setattr(ik_client, 'RemoteParameters', lambda *_: self.parameters)
        patch.setattr(ik_client, 'overridable_qos', lambda _: {})
        self.is_there = True
        self.link = IkNodeClient(self, 'ik_node')
        self.look()
        self.say('')

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
            service_is_ready=lambda: self.is_there,
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

    def look_there(self):
        self.parameters.is_available = self.is_there

    def say(self, text):
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

    # What is told

    def look(self, after=0.0):
        self.now += after
        self.link.poll()

    def go_to(self, point, after=0.0):
        self.now += after
        self.link.go_to(ARM.plane, point)
        return self.sent[-1]

    @property
    def view(self):
        return self.link.make_view(tuple(self.link.missing), 0.0, None)

    @property
    def words(self):
        return status_text(self.view, has_control=True)


@pytest.fixture
def linked(monkeypatch):
    return Linked(monkeypatch)


def test_an_answer_is_waited_for_in_words_and_numbers(linked):
    linked.answer(linked.go_to((0.4, 0.1)))
    assert linked.link.displayed_outcome.code == 'ACCEPTED'
    assert '0.00 mm' in accuracy_text(linked.view)
    linked.go_to((0.3, 0.2), after=1.0)
    assert linked.link.displayed_outcome.code == 'ACCEPTED'  # it may come at any moment
    linked.look(after=SENT_DISPLAY_DELAY_S + 0.01)
    assert (linked.link.displayed_outcome.code, linked.link.displayed_outcome.point) == (
        SENT,
        (0.3, 0.2),
    )
    assert 'Sent…' in linked.words
    assert '0.00 mm' not in accuracy_text(linked.view)
    assert ' ms' not in accuracy_text(linked.view)
    target = linked.go_to((0.3, 0.3), after=ANSWER_TIMEOUT_S - SENT_DISPLAY_DELAY_S)
    assert (linked.link.displayed_outcome.code, linked.link.displayed_outcome.point) == (
        SILENT,
        (0.3, 0.3),
    )
    assert 'does not answer' in linked.words
    linked.answer(target)
    assert linked.link.displayed_outcome.code == 'ACCEPTED'


def test_answers_to_some_of_many_targets_will_do(linked):
    targets = [linked.go_to((0.4, 0.001 * number), after=0.02) for number in range(40)]
    assert linked.link.displayed_outcome.code == SENT
    linked.answer(targets[30])
    assert linked.link.displayed_outcome.code == 'ACCEPTED'
    linked.look(after=SENT_DISPLAY_DELAY_S)
    assert linked.link.displayed_outcome.code == SENT
    linked.answer(targets[-1])
    linked.look(after=10.0)
    assert linked.link.displayed_outcome.code == 'ACCEPTED'


def test_a_hold_is_told_of_until_it_is_answered(linked):
    linked.answer(linked.go_to((0.4, 0.1)))
    linked.link.hold()
    assert 'Holding…' in linked.words
    assert 'Moving' not in linked.words
    linked.answer_call()
    assert 'Held.' in linked.words
    linked.look(after=5.0)
    assert HOLD_UNANSWERED_TEXT not in linked.words


def test_a_hold_without_an_answer_is_told_of_though_others_send_on(linked):
    linked.link.hold()
    linked.look(after=CALL_TIMEOUT_S)
    linked.go_to((0.4, 0.1))
    assert HOLD_UNANSWERED_TEXT in linked.words
    assert 'Holding…' not in linked.words
    linked.say('holding')  # it was only the answer that was lost
    assert HOLD_UNANSWERED_TEXT not in linked.words


def test_a_hold_that_nobody_takes_is_told_of(linked):
    linked.is_there = False
    linked.link.hold()
    assert HOLD_UNANSWERED_TEXT in linked.words


def test_what_an_ik_node_that_is_gone_has_said_is_not_told(linked):
    linked.answer(linked.go_to((0.4, 0.1)))
    linked.go_to((0.3, 0.2))
    linked.link.report_problem('speed_scale was not changed')
    linked.is_there = False
    linked.look(after=5.0)
    linked.is_there = True
    linked.look(after=1.0)
    assert linked.link.displayed_outcome is None
    assert linked.view.latency is None
    assert linked.view.problem == ''
    assert 'Drag the disc' in linked.words


def test_an_ik_node_that_says_nothing_is_missed(linked):
    for _ in range(5):
        assert linked.view.missing == ()
        linked.look(after=0.2 * DIAGNOSTICS_TIMEOUT_S + 0.01)
    assert 'silent' in linked.view.missing[0]
    linked.say('')
    assert linked.view.missing == ()


def test_a_panel_that_was_held_up_blames_no_ik_node(linked):
    linked.look(after=60.0)
    assert linked.view.missing == ()


def test_another_node_that_sends_targets_is_noticed_until_a_while_after_its_last_one(linked):
    target = linked.go_to((0.4, 0.1))
    linked.answer(target)
    assert not linked.view.has_other_publishers
    linked.answer(target)  # the panel has sent it once only
    assert linked.view.has_other_publishers
    linked.look(after=0.9 * OTHER_PUBLISHER_TIMEOUT_S)
    assert linked.view.has_other_publishers
    linked.look(after=0.2 * OTHER_PUBLISHER_TIMEOUT_S)
    assert not linked.view.has_other_publishers
    linked.answer(target)
    assert linked.view.has_other_publishers
