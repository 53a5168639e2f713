"""The arm draws a shape until something prevents it, and then stops for good."""

from types import SimpleNamespace

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.paths import ClosedCurve
from ik_nn_ros.nodes.panel import shape_player
from ik_nn_ros.nodes.panel.shape_player import (
    ANSWER_TIMEOUT_S,
    PAGE_TIMEOUT_S,
    TARGET_PERIOD_S,
    ShapePlayer,
)
from ik_nn_ros.panel.shapes import ShapeProgress
from ik_nn_ros.panel.view import Outcome

ARM = ArmModel('free', ('a', 'b'), (0.3, 0.2))
ACCEPTED = Outcome('ACCEPTED', '', (0.3, 0.1), (0.1, 0.2))
REFUSED = Outcome('OBSTRUCTED', 'circle 1', (0.3, 0.1))


class PlayerRig:
    """A shape player on a clock of the test; ``tip_lag`` is the distance of the tip, m."""

    def __init__(self, patch):
        self.now, self.timers, self.sent = 100.0, [], []
        self.missing, self.tip_lag, self.answers, self.silence = '', 0.0, True, 0.0
        patch.setattr(shape_player, 'time', SimpleNamespace(monotonic=lambda: self.now))
        node = SimpleNamespace(create_timer=self.create_timer, destroy_timer=self.timers.remove)
        self.client = SimpleNamespace(
            outcome=ACCEPTED,
            other_target_count=0,
            last_answered=0.0,
            holding=False,
            go_to=self.go_to,
        )
        self.player = ShapePlayer(
            node, self.client, lambda: self.missing, lambda: self.tip_lag, lambda: self.silence
        )

    def create_timer(self, period, callback, clock):
        assert period == TARGET_PERIOD_S
        self.timers.append(callback)
        return callback

    def go_to(self, plane, point):
        assert plane is ARM.plane
        self.sent.append(point)
        if self.answers:
            self.client.outcome, self.client.last_answered = (
                Outcome('ACCEPTED', '', point, (0, 0)),
                self.now,
            )

    def draw(self):
        circle = ClosedCurve('circle', 0.2, (0.3, 0.0), np.eye(2))
        self.player.start(ARM, ShapeProgress(circle, 6.0, ARM.reach, (0.4, 0.0)))

    def pass_time(self, seconds=1.0, step=TARGET_PERIOD_S):
        self.sent.clear()
        for _ in range(round(seconds / step)):
            self.now += step
            for timer in list(self.timers):
                timer()


@pytest.fixture
def rig(monkeypatch):
    it = PlayerRig(monkeypatch)
    it.draw()
    it.pass_time(1.0)
    return it


def test_fifty_targets_a_second_follow_the_shape(rig):
    assert len(rig.sent) == 50
    assert np.hypot(*(np.array(rig.sent) - (0.3, 0.0)).T) == pytest.approx(np.full(50, 0.1), 1e-3)
    assert rig.player.shape.name == 'circle'
    assert rig.player.shape.has_begun


def test_an_earlier_answer_does_not_start_the_shape(monkeypatch):
    rig = PlayerRig(monkeypatch)
    rig.answers = False
    rig.draw()
    rig.pass_time(1.0)
    assert len(set(rig.sent)) == 1
    assert not rig.player.shape.has_begun


def test_the_target_waits_at_the_first_point_for_the_tip(monkeypatch):
    rig = PlayerRig(monkeypatch)
    rig.tip_lag = 0.3
    rig.draw()
    rig.pass_time(5.0)
    assert len(set(rig.sent)) == 1
    rig.tip_lag = 0.0
    rig.pass_time(1.0)
    assert len(set(rig.sent)) > 40


OBSTACLES = {
    'missing': (lambda rig: setattr(rig, 'missing', 'there is no node /ik_node'), 'no node'),
    'held': (lambda rig: setattr(rig.client, 'holding', True), 'held'),
    'others': (lambda rig: setattr(rig.client, 'other_target_count', 1), 'another node'),
    'silence': (
        lambda rig: setattr(rig, 'silence', PAGE_TIMEOUT_S + 0.1),
        'does not respond',
    ),
    'silent': (lambda rig: setattr(rig, 'answers', False), 'does not answer'),
}


@pytest.mark.parametrize(('obstruct', 'reason'), OBSTACLES.values(), ids=OBSTACLES)
def test_drawing_ends_for_good_with_a_reason(rig, obstruct, reason):
    obstruct(rig)
    rig.pass_time(ANSWER_TIMEOUT_S + 0.5)
    assert rig.player.shape is None
    assert rig.player.notice.startswith('Stopped drawing the circle: ')
    assert reason in rig.player.notice
    rig.missing, rig.client.holding, rig.answers, rig.silence = '', False, True, 0.0
    rig.pass_time(1.0)
    assert not rig.sent


def test_a_refused_target_ends_drawing_at_once(rig):
    rig.answers, rig.client.outcome = False, REFUSED
    rig.pass_time(1.0)
    assert not rig.sent
    assert 'keep-out zone' in rig.player.notice


def test_a_panel_that_was_stalled_does_not_continue(rig):
    rig.pass_time(ANSWER_TIMEOUT_S + 0.1, step=ANSWER_TIMEOUT_S + 0.1)
    rig.pass_time(1.0)
    assert not rig.sent
    assert 'stalled' in rig.player.notice


def test_the_reason_is_shown_until_the_next_action(rig):
    rig.player.stop('nobody drives.')
    rig.player.stop('the page was closed.')  # a consequence of it
    assert 'nobody drives' in rig.player.notice
    rig.player.stop()
    assert rig.player.notice == ''


def test_stopping_by_hand_needs_no_reason(rig):
    rig.player.stop()
    rig.pass_time(1.0)
    assert not rig.sent
    assert rig.player.notice == ''
    assert not rig.timers


def test_another_shape_replaces_the_first(rig):
    rig.draw()
    assert len(rig.timers) == 1


def test_a_refusal_before_the_start_does_not_count(monkeypatch):
    rig = PlayerRig(monkeypatch)
    rig.client.outcome = REFUSED
    rig.draw()
    rig.pass_time(1.0)
    assert rig.player.shape is not None
