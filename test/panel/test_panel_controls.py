"""What one page shows: what counts, that it is alive, and nothing to press that has no effect."""

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

GOES = View(branch='nearest', speed_scale=1.0, holding=False)


class Handle:
    """A control; what it is told to show is what it shows."""

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
    """It makes controls, by label."""

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
    """The controls of a page, on a clock of the test."""

    def __init__(self, patch):
        self.now, self.asked = 100.0, []
        patch.setattr(module, 'time', SimpleNamespace(monotonic=lambda: self.now))
        self.gui = Gui()
        client = SimpleNamespace(gui=self.gui, camera=SimpleNamespace(aspect=1.5))
        actions = Actions(*(self.asked.append for _ in Actions._fields))
        self.controls = Controls(client, actions, None, None)

    def __getitem__(self, label):
        return self.gui.made[label]

    def show(self, view=GOES, after=0.0, drives=True):
        self.now += after
        self.controls.show(view, drives, True)

    def change(self, label, value):
        self[label].value = value
        asyncio.run(self[label].change(SimpleNamespace(client='a page')))


@pytest.fixture
def shown(monkeypatch):
    it = Shown(monkeypatch)
    it.show()
    return it


@pytest.mark.parametrize(
    ('label', 'old', 'new'), [('Speed, %', 100, 40), ('Elbow', 'nearest', 'positive')]
)
def test_a_setting_stays_while_it_is_on_its_way_and_is_put_back_if_refused(shown, label, old, new):
    assert shown[label].value == old
    shown.change(label, new)
    shown.show(after=0.1)
    assert shown[label].value == new
    shown.show(after=SETTING_TIMEOUT_S)
    assert shown[label].value == old


def test_a_page_hears_that_it_is_not_cut_off_but_not_all_the_time(shown):
    life = next(handle for label, handle in shown.gui.made.items() if 'Connection lost' in label)
    before = life.contents
    for _ in range(10):
        text = life.content
        shown.show(after=HEARTBEAT_PERIOD_S)
        assert life.content != text  # the page's clock starts anew
    for _ in range(10):
        shown.show(after=0.1 * HEARTBEAT_PERIOD_S - 1e-6)
    assert life.contents - before <= 11


@pytest.mark.parametrize(
    'view',
    [
        View(branch='nearest', holding=True),
        View(branch='nearest', holding=False, missing=('the arm',)),
        View(),
    ],
    ids=['held', 'waiting', 'unknown'],
)
def test_figures_are_offered_only_where_they_are_drawn(shown, view):
    assert shown['Draw'].visible
    shown.show(view)
    assert not shown['Draw'].visible
    assert shown['Go home'].disabled


def test_the_target_is_not_moved_while_the_arm_would_not_follow():
    page = object.__new__(Page)
    page._sessions = SimpleNamespace(accepts_input=lambda number: number == 1)
    page._view = View()
    assert page._may_move_target(1)
    assert not page._may_move_target(2)
    page._view = View(missing=('the arm',))
    assert not page._may_move_target(1)


@pytest.mark.parametrize('code', [SENT, SILENT])
def test_a_target_without_an_answer_is_in_no_color_of_an_answer(code):
    assert outcome_color(Outcome(code)) == IDLE_COLOR
    assert outcome_color(Outcome('ACCEPTED')) == ACCEPTED_COLOR
    assert 'refused' not in outcome_text(code)
