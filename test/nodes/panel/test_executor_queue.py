"""Actions of the page run in the executor's thread, in order, and in time or not at all."""

from math import inf
from types import SimpleNamespace

import pytest

from ik_nn_ros.nodes.panel import ik_client, node
from ik_nn_ros.nodes.panel.ik_client import CALL_TIMEOUT_S, ServiceCalls
from ik_nn_ros.nodes.panel.node import ExecutorQueue
from ik_nn_ros.panel.connection import MAX_INPUT_AGE_S


class Clock:
    def __init__(self, patch):
        self.now = 100.0
        for module in (node, ik_client):
            patch.setattr(module, 'time', SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_an_action_that_has_waited_too_long_is_dropped_except_hold(clock):
    done, dropped = [], []
    queue = ExecutorQueue(SimpleNamespace(executor=None), lambda: dropped.append(1))
    go, hold = queue.wrap(done.append), queue.wrap(done.append, max_age=inf)
    go('go')
    hold('hold')
    clock.now += MAX_INPUT_AGE_S + 0.1
    go('later')
    queue.run_pending()
    assert done == ['hold', 'later']
    assert dropped == [1]


class Future:
    def add_done_callback(self, done):
        self.answer = lambda: done(self)

    def result(self):
        return 'answer'


class Client:
    """A service client whose responses the test gives."""

    def __init__(self):
        self.pending = None

    def call_async(self, request):
        self.pending = Future()
        return self.pending

    def remove_pending_request(self, future):
        assert future is self.pending
        self.pending = None


def test_a_call_gets_its_response_or_its_timeout_once(clock):
    calls, client, results = ServiceCalls(), Client(), []
    ask = lambda: calls.call(client, 'it', results.append, lambda: results.append('late'))  # noqa: E731
    ask()
    clock.now += CALL_TIMEOUT_S - 0.1
    calls.poll()
    client.pending.answer()
    clock.now += 1.0
    calls.poll()
    assert results == ['answer']
    ask()
    clock.now += CALL_TIMEOUT_S
    calls.poll()
    calls.poll()
    assert results == ['answer', 'late']
    assert client.pending is None
