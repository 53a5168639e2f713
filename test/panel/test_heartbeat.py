"""Input of a page counts only if its connection cannot have delayed it."""

import asyncio
from types import SimpleNamespace

import pytest

pytest.importorskip('viser', reason='the panel needs viser')

from websockets.exceptions import ConnectionClosedOK

from ik_nn_ros.panel import connection
from ik_nn_ros.panel.connection import MAX_INPUT_AGE_S, ConnectionHeartbeat


class HeartbeatRig:
    """A heartbeat on a clock of the test."""

    def __init__(self):
        self.now = 100.0
        self.heartbeat = ConnectionHeartbeat(lambda: self.now)

    def answer(self, sent, now):
        self.now = now
        self.heartbeat.record_pong(sent)

    def is_stale(self, now):
        self.now = now
        return self.heartbeat.is_stale


@pytest.fixture
def rig():
    rig = HeartbeatRig()
    rig.answer(100.0, 100.1)
    return rig


def test_input_is_fresh_while_pings_are_answered(rig):
    for number in range(20):
        sent = 100.2 + 0.25 * number
        assert not rig.is_stale(sent)
        rig.answer(sent, sent + 0.05)
    assert rig.heartbeat.silence == pytest.approx(0.05)


def test_input_after_a_gap_is_stale_until_a_later_ping_is_answered(rig):
    assert not rig.is_stale(100.4)
    assert rig.is_stale(111.0)
    rig.answer(111.0, 111.1)
    assert not rig.is_stale(111.1)


def test_an_answer_that_was_delayed_itself_does_not_count(rig):
    # The answer and the input of the gap arrive together, in that order.
    rig.answer(100.2, 111.0)
    assert rig.is_stale(111.0)
    rig.answer(111.1, 111.15)
    assert not rig.is_stale(111.15)


def test_a_gap_in_the_middle_of_the_next_ping_counts_too(rig):
    assert rig.is_stale(111.0)
    rig.answer(111.1, 115.0)
    assert rig.is_stale(115.0)


def test_input_is_always_stale_on_a_connection_with_a_large_delay(rig):
    for number in range(5):
        rig.answer(101.0 + number, 101.0 + number + MAX_INPUT_AGE_S + 0.1)
        assert rig.is_stale(rig.now)


def test_a_page_is_pinged_until_it_is_closed(monkeypatch):
    monkeypatch.setattr(connection, 'PING_PERIOD_S', 0.0)
    rig, sent = HeartbeatRig(), []

    async def ping():
        rig.now += 0.01
        if len(sent) == 3:
            raise ConnectionClosedOK(None, None)
        sent.append(rig.now)
        pong = asyncio.get_running_loop().create_future()
        pong.set_result(0.0)
        return pong

    asyncio.run(rig.heartbeat.ping_until_closed(SimpleNamespace(ping=ping)))
    assert len(sent) == 3
    assert rig.heartbeat.silence < 0.03
