"""The arm is led along a figure until anything is in the way of that, and then no more."""

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


class Led:
    """An arm that is led, on a clock of the test; ``tip_lag`` is how far the tip is behind, m."""

    def __init__(self, patch):
        self.now, self.timers, self.sent = 100.0, [], []
        self.missing, self.tip_lag, self.answers, self.unheard = '', 0.0, True, 0.0
        patch.setattr(shape_player, 'time', SimpleNamespace(monotonic=lambda: self.now))
        node = SimpleNamespace(create_timer=self.create_timer, destroy_timer=self.timers.remove)
        self.link = SimpleNamespace(
            outcome=ACCEPTED,
            other_target_count=0,
            last_answered=0.0,
            holding=False,
            go_to=self.go_to,
        )
        self.lead = ShapePlayer(
            node, self.link, lambda: self.missing, lambda: self.tip_lag, lambda: self.unheard
        )

    def create_timer(self, period, callback, clock):
        assert period == TARGET_PERIOD_S
        self.timers.append(callback)
        return callback

    def go_to(self, plane, point):
        assert plane is ARM.plane
        self.sent.append(point)
        if self.answers:
            self.link.outcome, self.link.last_answered = (
                Outcome('ACCEPTED', '', point, (0, 0)),
                self.now,
            )

    def draw(self):
        circle = ClosedCurve('circle', 0.2, (0.3, 0.0), np.eye(2))
        self.lead.start(ARM, ShapeProgress(circle, 6.0, ARM.reach, (0.4, 0.0)))

    def pass_time(self, seconds=1.0, step=TARGET_PERIOD_S):
        self.sent.clear()
        for _ in range(round(seconds / step)):
            self.now += step
            for timer in list(self.timers):
                timer()


@pytest.fixture
def led(monkeypatch):
    it = Led(monkeypatch)
    it.draw()
    it.pass_time(1.0)
    return it


def test_it_goes_round_at_fifty_targets_a_second(led):
    assert len(led.sent) == 50
    assert np.hypot(*(np.array(led.sent) - (0.3, 0.0)).T) == pytest.approx(np.full(50, 0.1), 1e-3)
    assert led.lead.shape.name == 'circle'
    assert led.lead.shape.has_begun


def test_what_was_answered_before_does_not_let_it_begin(monkeypatch):
    led = Led(monkeypatch)
    led.answers = False
    led.draw()
    led.pass_time(1.0)
    assert len(set(led.sent)) == 1
    assert not led.lead.shape.has_begun


def test_it_stands_at_its_first_point_until_the_tip_is_there(monkeypatch):
    led = Led(monkeypatch)
    led.tip_lag = 0.3
    led.draw()
    led.pass_time(5.0)
    assert len(set(led.sent)) == 1
    led.tip_lag = 0.0
    led.pass_time(1.0)
    assert len(set(led.sent)) > 40


HINDRANCES = {
    'missing': (lambda led: setattr(led, 'missing', 'there is no node /ik_node'), 'no node'),
    'held': (lambda led: setattr(led.link, 'holding', True), 'held'),
    'others': (lambda led: setattr(led.link, 'other_target_count', 1), 'another node'),
    'unheard': (
        lambda led: setattr(led, 'unheard', PAGE_TIMEOUT_S + 0.1),
        'does not respond',
    ),
    'silent': (lambda led: setattr(led, 'answers', False), 'does not answer'),
}


@pytest.mark.parametrize(('hinder', 'why'), HINDRANCES.values(), ids=HINDRANCES)
def test_it_ends_for_good_and_says_why(led, hinder, why):
    hinder(led)
    led.pass_time(ANSWER_TIMEOUT_S + 0.5)
    assert led.lead.shape is None
    assert led.lead.notice.startswith('Stopped drawing the circle: ')
    assert why in led.lead.notice
    led.missing, led.link.holding, led.answers, led.unheard = '', False, True, 0.0
    led.pass_time(1.0)
    assert not led.sent


def test_a_refused_target_ends_it_at_once(led):
    led.answers, led.link.outcome = False, REFUSED
    led.pass_time(1.0)
    assert not led.sent
    assert 'keep-out zone' in led.lead.notice


def test_a_panel_that_was_held_up_does_not_go_on(led):
    led.pass_time(ANSWER_TIMEOUT_S + 0.1, step=ANSWER_TIMEOUT_S + 0.1)
    led.pass_time(1.0)
    assert not led.sent
    assert 'stalled' in led.lead.notice


def test_why_it_ended_is_told_until_something_new_is_asked_for(led):
    led.lead.stop('nobody drives.')
    led.lead.stop('the page was closed.')  # whatever else comes of that
    assert 'nobody drives' in led.lead.notice
    led.lead.stop()
    assert led.lead.notice == ''


def test_stopped_by_hand_it_needs_no_reason(led):
    led.lead.stop()
    led.pass_time(1.0)
    assert not led.sent
    assert led.lead.notice == ''
    assert not led.timers


def test_another_figure_takes_the_place_of_the_first(led):
    led.draw()
    assert len(led.timers) == 1


def test_a_refusal_before_it_was_begun_does_not_count(monkeypatch):
    led = Led(monkeypatch)
    led.link.outcome = REFUSED
    led.draw()
    led.pass_time(1.0)
    assert led.lead.shape is not None
