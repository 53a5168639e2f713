"""What a stalled connection, panel or ik_node delivers late moves nothing, and is told."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from ik_node_rig import ARM
from processes import wait_until
from std_srvs.srv import Trigger

pytest.importorskip('viser', reason='the panel needs viser')
pytest.importorskip('yourdfpy', reason='the panel needs yourdfpy')

from panel_page import Stage
from wire_page import Stalling, WirePage, stalling_page

from ik_nn_ros.panel.connection import MAX_INPUT_AGE_S

HOME = ARM.fk_point(*ARM.home)
DEADLINE, AGAIN = 20.0, 1.0


class Scene:
    """The nodes, and a page that drives."""

    def __init__(self, stage: Stage, page: WirePage, way: Stalling) -> None:
        self.stage, self.page, self.way = stage, page, way

    def wait(self, condition, what=''):
        said = lambda: f'{what}; the page says:\n{self.page.text}'  # noqa: E731
        return wait_until(condition, DEADLINE, what=said, between=self.stage.listen)

    def shows(self, text):
        self.wait(lambda: text in self.page.text, f'no {text!r}')

    def until(self, condition, label, value=True):
        """Press a button until something is shown; a busy machine may be late, and not do it."""
        pressed = -AGAIN

        def found():
            nonlocal pressed
            if condition(self.page.text):
                return True
            if time.monotonic() - pressed > AGAIN:
                pressed = time.monotonic()
                self.page.press(label, value)
            return False

        self.wait(found, f'no effect of {label}')

    def wait_until_late(self):
        """Let what has been asked for grow too old."""
        begin = time.monotonic()
        self.wait(lambda: time.monotonic() - begin > 1.5 * MAX_INPUT_AGE_S)

    def is_quiet(self):
        """Tell whether for half a second nothing is asked for."""
        self.stage.forget()
        for _ in range(10):
            self.stage.listen()
        return not self.stage.targets


@pytest.fixture(scope='module')
def stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        stage = Stage(stack)
        for name in ('arm_sim', 'ik_node', 'panel'):
            stage.start(name)
        yield stage


@pytest.fixture
def scene(stage: Stage) -> Iterator[Scene]:
    stage.client.call(Trigger, 'ik_node/resume', Trigger.Request(), again=True)
    with stalling_page(stage.url) as (page, way):
        scene = Scene(stage, page, way)
        scene.wait(lambda: page.text and 'Waiting for' not in page.text, 'no page')
        scene.wait(lambda: 'Held.' not in page.text, 'held')
        yield scene


@contextmanager
def stopped(stage: Stage, name: str) -> Iterator[None]:
    """Have a node held up."""
    process = stage.process(name)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.mark.soak
def test_a_connection_that_stalls_ends_a_figure_and_delivers_a_hold_but_no_motion(scene):
    scene.until(lambda text: 'Drawing a circle' in text, 'Draw', 'Circle')
    scene.way.stall()
    scene.page.press('Go home')
    scene.page.press('Hold')
    scene.wait_until_late()
    scene.wait(scene.is_quiet, 'the figure goes on')
    scene.way.go_on()
    scene.shows('arrived too late')
    scene.shows('Held.')
    assert scene.stage.targets == []
    # What is asked for now counts again.
    scene.until(lambda text: 'Held.' not in text, 'Resume')
    scene.until(lambda _: scene.stage.targets, 'Go home')
    assert scene.stage.asked[-1] == pytest.approx(HOME)


def test_a_panel_that_was_held_up_does_not_do_what_was_asked_meanwhile(scene):
    with stopped(scene.stage, 'panel'):
        scene.stage.forget()
        scene.page.press('Go home')
        scene.wait_until_late()
    scene.shows('arrived too late')
    assert scene.stage.targets == []


def test_an_ik_node_that_does_not_answer_hold_is_told_of(scene):
    with stopped(scene.stage, 'ik_node'):
        scene.page.press('Go home')
        scene.shows('ik_node does not answer.')
        scene.page.press('Hold')
        scene.shows('use the emergency stop')
        scene.shows('/ik_node is silent')
    scene.wait(lambda: 'silent' not in scene.page.text, 'it stays silent')
