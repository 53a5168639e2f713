"""What comes from a page counts only if it cannot have been held up on its way."""

import asyncio
from types import SimpleNamespace

import pytest

pytest.importorskip('viser', reason='the panel needs viser')

from websockets.exceptions import ConnectionClosedOK

from ik_nn_ros.panel import connection
from ik_nn_ros.panel.connection import MAX_INPUT_AGE_S, ConnectionHeartbeat


class Heard:
    """A page's connection on a clock of the test."""

    def __init__(self):
        self.now = 100.0
        self.pulse = ConnectionHeartbeat(lambda: self.now)

    def answer(self, sent, now):
        self.now = now
        self.pulse.record_pong(sent)

    def is_late(self, now):
        self.now = now
        return self.pulse.is_stale


@pytest.fixture
def heard():
    it = Heard()
    it.answer(100.0, 100.1)
    return it


def test_answered_pings_keep_it_in_time(heard):
    for number in range(20):
        sent = 100.2 + 0.25 * number
        assert not heard.is_late(sent)
        heard.answer(sent, sent + 0.05)
    assert heard.pulse.silence == pytest.approx(0.05)


def test_what_comes_after_a_gap_is_late_until_a_later_ping_is_answered(heard):
    assert not heard.is_late(100.4)
    assert heard.is_late(111.0)
    heard.answer(111.0, 111.1)
    assert not heard.is_late(111.1)


def test_an_answer_that_was_held_up_itself_tells_nothing(heard):
    # The answer and what was asked for during the gap come together, in that order.
    heard.answer(100.2, 111.0)
    assert heard.is_late(111.0)
    heard.answer(111.1, 111.15)
    assert not heard.is_late(111.15)


def test_a_gap_in_the_middle_of_the_next_ping_counts_too(heard):
    assert heard.is_late(111.0)
    heard.answer(111.1, 115.0)
    assert heard.is_late(115.0)


def test_a_slow_way_that_is_even_is_never_in_time(heard):
    for number in range(5):
        heard.answer(101.0 + number, 101.0 + number + MAX_INPUT_AGE_S + 0.1)
        assert heard.is_late(heard.now)


def test_it_pings_until_the_page_is_closed(monkeypatch):
    monkeypatch.setattr(connection, 'PING_PERIOD_S', 0.0)
    heard, sent = Heard(), []

    async def ping():
        heard.now += 0.01
        if len(sent) == 3:
            raise ConnectionClosedOK(None, None)
        sent.append(heard.now)
        pong = asyncio.get_running_loop().create_future()
        pong.set_result(0.0)
        return pong

    asyncio.run(heard.pulse.ping_until_closed(SimpleNamespace(ping=ping)))
    assert len(sent) == 3
    assert heard.pulse.silence < 0.03
