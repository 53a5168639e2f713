"""The arm follows its last target while the target's frame moves."""

import pytest
import tf2_rig
from processes import wait_until

from ik_nn_ros.nodes.ik import target_tracker as following
from ik_nn_ros.nodes.ik.frames import Anchor, FrameError
from ik_nn_ros.nodes.ik.target_tracker import TargetTracker

ANCHOR = Anchor('odom', (0.3, 0.2, 0.0))
START = (0.3, 0.2)


@pytest.fixture(scope='module')
def spun():
    yield from tf2_rig.nodes()


class Rig:
    """Frames of which the target is at ``point``, and an arm that is sent after it."""

    base_frame = 'base_link'

    def __init__(self, spun):
        self.node, self.executor = spun
        self.point, self.stamp, self.error = START, 1_000_000_000, None
        self.refusal = ''
        self.sent = []
        self.following = TargetTracker(self.node, self, self._send)

    def anchor_to_plane(self, anchor):
        assert anchor == ANCHOR
        self.stamp += 1
        if self.error:
            raise self.error
        return self.point, self.stamp

    def _send(self, point):
        if not self.refusal:
            self.sent.append(point)
        return self.refusal

    def move(self, x, y=0.2):
        self.point = (x, y)
        self.following.update()
        return self.sent[-1:] == [(x, y)]


@pytest.fixture
def rig(spun):
    it = Rig(spun)
    it.following.track(START, ANCHOR)
    yield it
    it.following.close()


def test_the_arm_goes_after_a_target_that_moves(rig):
    wait_until(
        lambda: rig.sent,
        between=lambda: (
            setattr(rig, 'point', (0.31, 0.2)),
            rig.executor.spin_once(timeout_sec=0.1),
        ),
    )
    assert rig.sent == [(0.31, 0.2)]
    assert not rig.following.error


def test_less_than_a_tenth_of_a_millimetre_is_none_but_adds_up(rig):
    assert not rig.move(0.30006)
    assert rig.move(0.30012)
    assert not rig.move(0.30018)
    assert rig.sent == [(0.30012, 0.2)]


def test_it_stays_where_it_was_and_says_why_until_it_can_go_on(rig):
    assert rig.move(0.35)
    rig.refusal = 'UNREACHABLE: too far'
    assert not rig.move(0.7)
    assert rig.following.error == 'UNREACHABLE: too far'
    rig.refusal = ''
    # Also where the target has not moved since: what was in the way may have.
    assert rig.move(0.7)
    assert not rig.following.error


def test_a_transform_that_cannot_be_had_is_said(rig):
    rig.error = FrameError('NO_TRANSFORM', "none from 'odom'")
    assert not rig.move(0.4)
    assert rig.following.error == "NO_TRANSFORM: none from 'odom'"
    rig.error = None
    assert rig.move(0.4)
    assert not rig.following.error


def test_silence_is_said_where_there_were_transforms(rig, monkeypatch):
    monkeypatch.setattr(following, 'STALE_TRANSFORM_S', 0.0)
    rig.following.update()
    rig.stamp -= 1
    rig.following.update()
    assert rig.following.error.startswith("transform from 'odom' to 'base_link': got none newer")
    # Frames that never move have no time.
    rig.stamp = -1
    rig.following.update()
    rig.stamp = -1
    rig.following.update()
    assert not rig.following.error


@pytest.mark.parametrize('end', ['forget', 'another'])
def test_what_is_forgotten_is_not_followed(rig, end):
    rig.error = FrameError('NO_TRANSFORM', '')
    rig.following.update()
    if end == 'forget':
        rig.following.stop()
    else:
        rig.following.track((0.1, 0.1), None)
    assert not rig.following.error
    rig.error = None
    assert not rig.move(0.4)
    before = rig.stamp
    ticks = []
    timer = rig.node.create_timer(0.03, lambda: ticks.append(1))
    wait_until(lambda: len(ticks) > 1, between=lambda: rig.executor.spin_once(timeout_sec=0.1))
    rig.node.destroy_timer(timer)
    assert rig.stamp == before
