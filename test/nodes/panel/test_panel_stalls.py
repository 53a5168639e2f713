"""Input that a stalled connection, panel or ik_node delivers late moves nothing."""

from __future__ import annotations

import re
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

from panel_page import DEADLINE, Stage
from wire_page import StallingProxy, WirePage, stalling_page

from ik_nn_ros.panel.connection import MAX_INPUT_AGE_S

HOME = ARM.fk_point(*ARM.home)
RETRY_PERIOD_S = 1.0


class Scene:
    """The nodes, and a page that drives."""

    def __init__(self, stage: Stage, page: WirePage, proxy: StallingProxy) -> None:
        self.stage, self.page, self.proxy = stage, page, proxy

    def wait(self, condition, what=''):
        report = lambda: f'{what}; the page shows:\n{self.page.text}'  # noqa: E731
        return wait_until(condition, DEADLINE, what=report, between=self.stage.listen)

    def shows(self, text):
        self.wait(lambda: self.page.has_shown(text), f'no {text!r}')

    def until(self, condition, label, value=True):
        """Press a button until a condition on the text holds; late input is ignored."""
        pressed = -RETRY_PERIOD_S

        def is_shown():
            nonlocal pressed
            if condition(self.page.text):
                return True
            if time.monotonic() - pressed > RETRY_PERIOD_S:
                pressed = time.monotonic()
                self.page.press(label, value)
            return False

        self.wait(is_shown, f'no effect of {label}')

    def wait_until_late(self):
        """Let the input become too old."""
        begin = time.monotonic()
        self.wait(lambda: time.monotonic() - begin > 1.5 * MAX_INPUT_AGE_S)

    def is_quiet(self):
        """Return whether no target is sent for half a second."""
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
    stage.client.call(Trigger, 'ik_node/resume', Trigger.Request(), DEADLINE, again=True)
    with stalling_page(stage.url) as (page, proxy):
        scene = Scene(stage, page, proxy)
        scene.wait(lambda: page.text and 'Waiting for' not in page.text, 'no page')
        scene.wait(lambda: 'Held.' not in page.text, 'held')
        # The page of the test before may still be open, or have driven until now.
        is_driving = lambda text: not re.search('page watches|No page drives', text)  # noqa: E731
        scene.until(is_driving, 'Drive from this page')
        page.forget()
        yield scene


@contextmanager
def stopped(stage: Stage, name: str) -> Iterator[None]:
    """Stall a node."""
    process = stage.process(name)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.mark.soak
def test_a_connection_that_stalls_ends_a_shape_and_delivers_a_hold_but_no_motion(scene):
    scene.until(lambda text: 'Drawing a circle' in text, 'Draw', 'Circle')
    scene.proxy.stall()
    scene.page.press('Go home')
    scene.page.press('Hold')
    scene.wait_until_late()
    scene.wait(scene.is_quiet, 'the shape goes on')
    scene.proxy.resume()
    scene.shows('arrived too late')
    scene.shows('Held.')
    assert scene.stage.targets == []
    # Input in time counts again.
    scene.until(lambda text: 'Held.' not in text, 'Resume')
    scene.until(lambda _: scene.stage.targets, 'Go home')
    assert scene.stage.target_points[-1] == pytest.approx(HOME)


def test_a_panel_that_was_stalled_ignores_the_input_of_that_time(scene):
    with stopped(scene.stage, 'panel'):
        scene.stage.forget()
        scene.page.press('Go home')
        scene.wait_until_late()
    scene.shows('arrived too late')
    assert scene.stage.targets == []


def test_an_ik_node_that_does_not_answer_hold_is_reported(scene):
    with stopped(scene.stage, 'ik_node'):
        scene.until(lambda text: 'ik_node does not answer.' in text, 'Go home')
        scene.page.press('Hold')
        scene.shows('use the emergency stop')
        scene.shows('/ik_node is silent')
    scene.wait(lambda: 'silent' not in scene.page.text, 'it stays silent')
