"""What was sent before an outage ended is told from what came after, whatever the clocks say."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ik_nn_ros.nodes.ik.target_intake import OUTAGE_FLUSH_S, StaleMessageFilter

SYSTEM = 1.7e9
"""What our system clock says at steady time 0, s."""
LATENCY = 0.001


class Sender:
    """A sender whose system clock is ``ahead`` of ours; all times are steady ones."""

    def __init__(self, freshness, ahead=0.0):
        self.freshness = freshness
        self.ahead = ahead

    def refused(self, sent, received=None):
        """Whether a message is stale; it takes the shortest time there is if not said otherwise."""
        stamp = round(1e9 * (SYSTEM + self.ahead + sent))
        return self.freshness.is_stale(sent + LATENCY if received is None else received, stamp)

    def stream(self, begin, end, rate=50.0):
        """Send at a steady rate; return how many were refused."""
        times = [begin + number / rate for number in range(round((end - begin) * rate))]
        return sum(self.refused(sent) for sent in times)


@pytest.fixture(autouse=True)
def our_clock(monkeypatch):
    monkeypatch.setattr(time, 'time', lambda: SYSTEM + 100.0)
    monkeypatch.setattr(time, 'monotonic', lambda: 100.0)


@pytest.fixture
def freshness():
    return StaleMessageFilter()


each_clock = pytest.mark.parametrize('ahead', [0.0, 0.4, -0.4, 3.0, -3.0, 1e6, -1e9])


@each_clock
def test_what_piled_up_while_the_process_was_stopped_is_stale(freshness, ahead):
    sender = Sender(freshness, ahead)
    assert sender.stream(0.0, 10.0) == 0
    freshness.outage_ended(12.0, start=9.99)
    piled_up = [9.97 + 0.02 * number for number in range(101)]  # the last at 11.97
    assert all(sender.refused(sent, received=12.01) for sent in piled_up)
    assert sender.stream(12.01, 60.0) == 0


@each_clock
def test_what_is_sent_again_after_a_cut_link_is_stale(freshness, ahead):
    """Up to a heartbeat period after the link is back, and among fresh messages."""
    sender = Sender(freshness, ahead)
    sender.stream(0.0, 10.0)
    freshness.outage_ended(15.0, start=10.0)
    assert not sender.refused(15.1)
    assert all(sender.refused(sent, received=18.0) for sent in (10.1, 12.0, 14.9))
    assert not sender.refused(18.0)


def test_what_one_cut_has_held_back_is_stale_after_the_next(freshness):
    sender = Sender(freshness, 1e6)
    sender.stream(0.0, 10.0)
    freshness.outage_ended(20.0, start=10.0)
    freshness.outage_ended(24.0, start=21.0)
    assert sender.refused(11.0, received=25.0)


@each_clock
def test_one_click_right_after_resume_is_carried_out(freshness, ahead):
    """Also of somebody whose last click was an hour ago."""
    sender = Sender(freshness, ahead)
    sender.refused(0.0)
    freshness.outage_ended(3600.0)
    assert not sender.refused(3600.001)


@pytest.mark.parametrize('ahead', [0.0, -60.0, 60.0, 1e6, -1e9])
def test_one_click_right_after_the_first_activation_is_carried_out(freshness, ahead):
    freshness.outage_ended(100.0)
    assert not Sender(freshness, ahead).refused(100.001)


def test_a_sender_never_heard_before_is_taken_to_be_on_our_clock(freshness):
    freshness.outage_ended(100.0, start=98.0)
    sender = Sender(freshness)
    assert sender.refused(99.0, received=100.01)
    assert not sender.refused(100.01)


@pytest.mark.parametrize('jump', [2.0, 1e5, -1e5])
def test_a_clock_set_at_any_time_costs_nothing(freshness, jump):
    """In normal operation, and right before an outage where no queue could explain the stamps."""
    sender = Sender(freshness)
    sender.stream(0.0, 10.0)
    sender.ahead = jump
    assert sender.stream(10.0, 20.0) == 0
    freshness.outage_ended(22.0, start=20.0)
    assert sender.stream(22.0, 30.0) == 0


def test_a_clock_set_back_a_little_is_learned_within_a_minute(freshness):
    sender = Sender(freshness)
    sender.stream(0.0, 10.0)
    sender.ahead = -2.0
    assert sender.stream(10.0, 71.0) == 0
    freshness.outage_ended(73.0, start=71.0)
    assert sender.refused(72.9, received=73.0)
    assert sender.stream(73.0, 80.0) == 0


def test_a_clock_set_back_during_an_outage_costs_no_more_than_it_was_set(freshness):
    sender = Sender(freshness)
    sender.stream(0.0, 10.0)
    freshness.outage_ended(12.0, start=10.0)
    sender.ahead = -1.5
    assert sender.stream(13.5, 60.0) == 0


def test_nothing_is_judged_long_after_an_outage(freshness):
    sender = Sender(freshness)
    sender.stream(0.0, 10.0)
    freshness.outage_ended(20.0, start=10.0)
    sender.ahead = -6.0
    assert sender.stream(20.0 + OUTAGE_FLUSH_S + 0.01, 60.0) == 0


@pytest.mark.parametrize('last', [29.0, 31.0, 59.0, 61.0])
def test_slow_messages_do_not_blur_what_is_known_of_a_clock(freshness, last):
    """All since the first half minute are slow, or only the latest."""
    sender = Sender(freshness, 1e6)
    sender.stream(0.0, 29.0)
    for sent in (29.0, 31.0, 59.0, 61.0):
        if sent <= last:
            assert not sender.refused(sent, received=sent + 0.8)
    freshness.outage_ended(last + 3.0, start=last + 1.0)
    assert sender.refused(last + 2.7, received=last + 3.1)
    assert not sender.refused(last + 3.01)


@given(
    ahead=st.floats(-1e6, 1e6),
    latencies=st.lists(st.floats(0.001, 0.5), min_size=50, max_size=50),
    length=st.floats(0.2, 100.0),
    sent=st.floats(0.0, 1.0),
    delay=st.floats(0.0, OUTAGE_FLUSH_S - 0.001),
)
def test_judgement_is_right_for_any_constant_skew(ahead, latencies, length, sent, delay):
    """Right but for the shortest time that a message takes."""
    freshness = StaleMessageFilter()
    sender = Sender(freshness, ahead)
    for number, latency in enumerate([0.001, *latencies]):
        assert not sender.refused(0.02 * number, received=0.02 * number + latency)
    ended = 1.5 + length
    freshness.outage_ended(ended, start=1.5)
    assert sender.refused(1.5 + sent * (length - 0.01), received=ended + delay)
    assert not sender.refused(ended + sent)
