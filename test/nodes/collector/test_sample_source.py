"""Pairing of joint_states and tip_pose, and messages dropped by reason."""

from collections import Counter
from itertools import count

import numpy as np
import pytest
from collector_rig import ARM, joint_state, tip_pose

from ik_nn_ros.nodes.collector import sample_source
from ik_nn_ros.nodes.collector.sample_source import PAIRING_TIMEOUT_S, RateLimiter, SampleSource

MS = 1_000_000
NAN, INF = float('nan'), float('inf')


class Feed:
    """Passes messages to a source, one each millisecond."""

    def __init__(self, max_difference=0.02):
        self.dropped = Counter()
        self.texts = []
        self.pairs = []
        """Stamps of joint_states and tip_pose of each sample, ms."""
        self.samples = []
        self._source = SampleSource(ARM, max_difference, self._drop)
        self._log_time = count(10**18, MS)

    @property
    def blocking_reason(self):
        return self._source.blocking_reason

    def _drop(self, reason, text):
        self.dropped[reason] += 1
        self.texts.append(text)

    def joints(self, ms=0, message=None):
        message = message or joint_state(0.1, 0.2)
        q = self._source.positions(message)
        if q is not None:
            self._keep(self._source.add_joints(_stamped(message, ms), q, next(self._log_time)))

    def tip(self, ms=0, message=None):
        message = _stamped(message or tip_pose(0.3, 0.0, 0.0), ms)
        self._keep(self._source.add_tip(message, next(self._log_time)))

    def _keep(self, samples):
        for sample in samples:
            self.samples.append(sample)
            self.pairs.append((sample.joints.stamp // MS, sample.tip.stamp // MS))


def _stamped(message, ms):
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(ms * MS, 1000 * MS)
    return message


def test_equal_stamps_are_paired_at_once():
    feed = Feed()
    feed.joints(1000)
    feed.tip(1000)
    feed.tip(1010)
    feed.joints(1010)
    assert feed.pairs == [(1000, 1000), (1010, 1010)]


@pytest.mark.parametrize('late', [1, 7])
def test_the_nearest_are_paired_however_late_the_camera_is(late):
    """Joints every 10 ms, tips every 33 ms; each tip once, with the joints nearest to it."""
    feed = Feed()
    for number in range(40):
        feed.joints(1000 + 10 * number)
        tip = number - late
        if tip >= 0 and tip % 3 == 0:
            feed.tip(1000 + 11 * tip)
    assert feed.pairs[:5] == [(1000, 1000), (1030, 1033), (1070, 1066), (1100, 1099), (1130, 1132)]
    assert not feed.dropped


def test_tips_that_come_more_often_than_joints_are_used_once_a_joint_state():
    feed = Feed()
    for ms in range(1000, 1100):
        if ms % 4 == 1:
            feed.tip(ms)
        if ms % 20 == 0:
            feed.joints(ms)
    assert feed.pairs == [(1000, 1001), (1020, 1021), (1040, 1041), (1060, 1061)]


def test_without_a_tip_near_enough_joints_are_dropped():
    feed = Feed(max_difference=0.005)
    for ms in (1000, 1010, 1020, 1030, 1040):
        feed.joints(ms)
        if ms in (1000, 1040):
            feed.tip(ms + 4)
    feed.joints(1050)
    assert feed.pairs == [(1000, 1004), (1040, 1044)]
    assert feed.dropped == {'no tip_pose in time': 3}
    text = 'no tip_pose within 0.005 s of a joint_states: the nearest is 0.006 s away'
    assert feed.texts[0] == text


def test_joints_do_not_wait_for_a_tip_forever(monkeypatch):
    feed = Feed()
    feed.joints(1000)
    feed.joints(1010)
    assert not feed.dropped
    later = sample_source.time.monotonic() + PAIRING_TIMEOUT_S
    monkeypatch.setattr(sample_source.time, 'monotonic', lambda: later)
    feed.joints(1020)
    assert feed.dropped == {'no tip_pose in time': 2}


def test_a_tip_that_waited_is_still_paired(monkeypatch):
    """Without later joint_states the previous ones are the nearest."""
    feed = Feed()
    feed.joints(1000)
    feed.tip(1003)
    assert not feed.pairs
    later = sample_source.time.monotonic() + PAIRING_TIMEOUT_S + 0.01
    monkeypatch.setattr(sample_source.time, 'monotonic', lambda: later)
    feed.tip(1500)
    assert feed.pairs == [(1000, 1003)]


def test_messages_without_a_stamp_are_paired_by_time_of_reception():
    feed = Feed()
    feed.joints(0)
    feed.tip(0)
    feed.joints(0)
    assert len(feed.pairs) == 1


def test_time_that_jumps_back_does_not_end_the_pairing():
    """As with a recording that is played again from its start."""
    feed = Feed()
    for ms in (5000, 5010, 1000, 1010, 1020):
        feed.joints(ms)
        feed.tip(ms)
    assert [joints for joints, _ in feed.pairs] == [5000, 5010, 1000, 1010, 1020]


@pytest.mark.parametrize(
    ('message', 'reason'),
    [
        (joint_state(NAN, 0.2), 'joint_states not finite'),
        (joint_state(0.1, INF), 'joint_states not finite'),
        (joint_state(0.1, 0.2, name=['joint1', 'other']), 'joint_states without the joints'),
        (joint_state(0.1, 0.2, name=['joint1']), 'joint_states without the joints'),
        (joint_state(0.1, 0.2, position=[]), 'joint_states without the joints'),
    ],
)
def test_joints_that_cannot_be_used(message, reason):
    feed = Feed()
    feed.tip(1000)
    feed.joints(1000, message)
    assert feed.dropped == {reason: 1}
    assert not feed.pairs


@pytest.mark.parametrize(
    ('message', 'reason'),
    [
        (tip_pose(NAN, 0.0, 0.0), 'tip_pose not finite'),
        (tip_pose(0.1, 0.0, -INF), 'tip_pose not finite'),
        (tip_pose(0.1, 0.0, 0.0, 'camera'), 'tip_pose in another frame'),
        (tip_pose(0.1, 0.0, 0.0, 'other/base_link'), 'tip_pose in another frame'),
    ],
)
def test_tips_that_cannot_be_used(message, reason):
    feed = Feed()
    feed.joints(1000)
    feed.tip(1000, message)
    assert feed.dropped == {reason: 1}
    assert not feed.pairs


@pytest.mark.parametrize('frame', ['', '/base_link'])
def test_a_tip_without_a_frame_or_with_a_leading_slash_is_in_the_base_frame(frame):
    feed = Feed()
    feed.joints(1000)
    feed.tip(1000, tip_pose(0.1, 0.0, 0.0, frame))
    assert feed.pairs


def test_the_reason_for_missing_samples(monkeypatch):
    feed = Feed()
    assert feed.blocking_reason == 'no tip_pose yet'
    feed.joints(1000)
    feed.tip(1000, tip_pose(0.1, 0.0, 0.0, 'camera'))
    assert feed.blocking_reason == "tip_pose ignored: frame: got 'camera', expected 'base_link'"
    feed.tip(1000)
    assert not feed.blocking_reason
    feed.tip(1100, tip_pose(0.1, 0.0, 0.0, 'camera'))
    assert not feed.blocking_reason  # one of many
    later = sample_source.time.monotonic() + 7.0
    monkeypatch.setattr(sample_source.time, 'monotonic', lambda: later)
    assert feed.blocking_reason == 'no tip_pose for 7 s'


@pytest.mark.parametrize('offset', [5000, -5000])
def test_clocks_that_differ_are_reported(offset, monkeypatch):
    feed = Feed()
    now = sample_source.time.monotonic()
    for ms in range(100_000, 102_000, 10):
        monkeypatch.setattr(sample_source.time, 'monotonic', lambda ms=ms: now + ms / 1000)
        feed.joints(ms)
        feed.tip(ms + offset)
    assert not feed.pairs
    assert feed.blocking_reason == (
        'no tip_pose within 0.02 s of a joint_states: the nearest is 5 s away: '
        'do the clocks differ?'
    )


def test_computed_tips_need_no_others():
    assert not Feed(max_difference=None).blocking_reason


def test_a_velocity_that_is_nan_does_not_matter():
    """joint_state_broadcaster publishes NaN for interfaces that the hardware does not have."""
    feed = Feed()
    feed.tip(1000)
    feed.joints(1000, joint_state(0.1, 0.2, velocity=[NAN, NAN], effort=[NAN, NAN]))
    assert feed.pairs


def test_a_computed_tip_is_the_kinematics_at_the_same_stamp():
    feed = Feed(max_difference=None)
    names, q = ['gripper', 'joint2', 'joint1'], [1.0, -0.4, 0.3]
    feed.joints(1234, joint_state(0, 0, name=names, position=q))
    feed.tip(1234)
    ((joints, tip),) = feed.pairs
    assert joints == tip == 1234
    message = feed.samples[0].tip.message
    assert message.header.frame_id == 'base_link'
    position = message.pose.position
    expected = ARM.plane.to_base(ARM.fk((0.3, -0.4)))
    np.testing.assert_allclose((position.x, position.y, position.z), expected)


def admitted(stamps, rate):
    limiter = RateLimiter(rate)
    return [stamp for stamp in stamps if limiter.accepts(stamp)]


def test_messages_at_the_rate_itself_are_all_taken_though_they_jitter():
    rng = np.random.default_rng(0)
    stamps = np.sort(np.arange(1000) * 0.01 + rng.uniform(-0.008, 0.008, 1000))
    assert len(admitted(stamps, 100.0)) == 1000


@pytest.mark.parametrize('rate', [0.5, 7.0, 30.0])
def test_no_more_than_the_rate_is_taken(rate):
    taken = admitted(np.arange(0.0, 20.0, 0.01), rate)
    assert len(taken) == pytest.approx(20.0 * rate, abs=2.5)
    assert np.diff(taken).min() > 1.0 / rate - 0.06


def test_the_rate_limiter_continues_when_the_clock_is_set_back():
    assert len(admitted([5000.0, 5000.1, 10.0, 10.1], 10.0)) == 4
