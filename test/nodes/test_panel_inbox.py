"""What the page asks for is done in the executor's thread, in order, and in time or not at all."""

from math import inf
from types import SimpleNamespace

import pytest

from ik_nn_ros.nodes import panel_calls, panel_inbox
from ik_nn_ros.nodes.panel_calls import PATIENCE, Calls
from ik_nn_ros.nodes.panel_inbox import LATE, Inbox


class Clock:
    def __init__(self, patch):
        self.now = 100.0
        for module in (panel_inbox, panel_calls):
            patch.setattr(module, 'time', SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_what_has_waited_too_long_is_dropped_but_no_hold(clock):
    done, dropped = [], []
    inbox = Inbox(SimpleNamespace(executor=None), lambda: dropped.append(1))
    go, hold = inbox.taking(done.append), inbox.taking(done.append, lasts=inf)
    go('go')
    hold('hold')
    clock.now += LATE + 0.1
    go('later')
    inbox.work()
    assert done == ['hold', 'later']
    assert dropped == [1]


class Future:
    def add_done_callback(self, done):
        self.answer = lambda: done(self)

    def result(self):
        return 'answer'


class Client:
    """A service's client that answers when the test does."""

    def __init__(self):
        self.pending = None

    def call_async(self, request):
        self.pending = Future()
        return self.pending

    def remove_pending_request(self, future):
        assert future is self.pending
        self.pending = None


def test_a_call_is_answered_or_given_up_once(clock):
    calls, client, told = Calls(), Client(), []
    ask = lambda: calls.call(client, 'it', told.append, lambda: told.append('late'))  # noqa: E731
    ask()
    clock.now += PATIENCE - 0.1
    calls.look()
    client.pending.answer()
    clock.now += 1.0
    calls.look()
    assert told == ['answer']
    ask()
    clock.now += PATIENCE
    calls.look()
    calls.look()
    assert told == ['answer', 'late']
    assert client.pending is None
