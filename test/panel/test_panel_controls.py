"""The controls of one page: settings, heartbeat, and which buttons can be pressed."""

import asyncio
from types import SimpleNamespace

import pytest

pytest.importorskip('viser', reason='the panel needs viser')

from ik_nn_ros.panel import controls as module
from ik_nn_ros.panel.controls import HEARTBEAT_PERIOD_S, SETTING_TIMEOUT_S, Controls
from ik_nn_ros.panel.page import Page
from ik_nn_ros.panel.scene import ACCEPTED_COLOR, IDLE_COLOR, outcome_color
from ik_nn_ros.panel.status_text import SENT, SILENT, outcome_text
from ik_nn_ros.panel.view import Actions, Outcome, View

READY = View(branch='nearest', speed_scale=1.0, holding=False)


class Handle:
    """Stand-in for a control of viser."""

    def __init__(self, label='', *values, **options):
        self.label, self.value, self.visible, self.disabled = label, None, True, False
        self.content, self.contents = label, 0
        self.__dict__.update(options)

    def __setattr__(self, name, value):
        self.__dict__[name] = value
        if name == 'content':
            self.__dict__['contents'] = self.__dict__.get('contents', 0) + 1

    def on_click(self, callback):
        self.change = callback

    on_update = on_click


class Gui:
    """Stand-in for viser's GUI; holds the controls by label."""

    def __init__(self):
        self.made = {}

    def __getattr__(self, name):
        if not name.startswith('add_'):
            raise AttributeError(name)
        return self.make

    def make(self, label='', *values, **options):
        handle = self.made[label] = Handle(label, *values, **options)
        return handle


class Shown:
    """The controls of a page on a clock of the test."""

    def __init__(self, patch):
        self.now, self.requests = 100.0, []
        patch.setattr(module, 'time', SimpleNamespace(monotonic=lambda: self.now))
        self.gui = Gui()
        client = SimpleNamespace(gui=self.gui, camera=SimpleNamespace(aspect=1.5))
        actions = Actions(*(self.requests.append for _ in Actions._fields))
        self.controls = Controls(client, actions, None, None)

    def __getitem__(self, label):
        return self.gui.made[label]

    def show(self, view=READY, after=0.0):
        self.now += after
        self.controls.show(view, has_control=True, is_controlled=True)

    def change(self, label, value):
        self[label].value = value
        asyncio.run(self[label].change(SimpleNamespace(client='a page')))


@pytest.fixture
def shown(monkeypatch):
    shown = Shown(monkeypatch)
    shown.show()
    return shown


@pytest.mark.parametrize(
    ('label', 'old', 'new'), [('Speed, %', 100, 40), ('Elbow', 'nearest', 'positive')]
)
def test_a_setting_is_shown_while_it_is_pending_and_reset_if_rejected(shown, label, old, new):
    assert shown[label].value == old
    shown.change(label, new)
    shown.show(after=0.1)
    assert shown[label].value == new
    shown.show(after=SETTING_TIMEOUT_S)
    assert shown[label].value == old


def test_a_connected_page_gets_a_heartbeat_once_each_period(shown):
    banner = next(handle for label, handle in shown.gui.made.items() if 'Connection lost' in label)
    before = banner.contents
    for _ in range(10):
        text = banner.content
        shown.show(after=HEARTBEAT_PERIOD_S)
        assert banner.content != text  # restarts the delay in the browser
    for _ in range(10):
        shown.show(after=0.1 * HEARTBEAT_PERIOD_S - 1e-6)
    assert banner.contents - before <= 11


@pytest.mark.parametrize(
    'view',
    [
        View(branch='nearest', holding=True),
        View(branch='nearest', holding=False, missing=('the arm',)),
        View(),
    ],
    ids=['held', 'waiting', 'unknown'],
)
def test_shapes_are_offered_only_if_the_arm_would_draw_them(shown, view):
    assert shown['Draw'].visible
    shown.show(view)
    assert not shown['Draw'].visible
    assert shown['Go home'].disabled


def test_the_target_cannot_be_moved_while_the_arm_would_not_follow():
    page = object.__new__(Page)
    page._sessions = SimpleNamespace(accepts_input=lambda number: number == 1)
    page._view = View()
    assert page._may_move_target(1)
    assert not page._may_move_target(2)
    page._view = View(missing=('the arm',))
    assert not page._may_move_target(1)


@pytest.mark.parametrize('code', [SENT, SILENT])
def test_a_target_without_an_answer_has_the_idle_color(code):
    assert outcome_color(Outcome(code)) == IDLE_COLOR
    assert outcome_color(Outcome('ACCEPTED')) == ACCEPTED_COLOR
    assert 'refused' not in outcome_text(code)
