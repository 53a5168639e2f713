"""The page in a real browser, beside a real ik_node and a simulated arm."""

from __future__ import annotations

import base64
import io
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import dist
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from PIL import Image
from processes import Client, NodeProcess, free_port, node_process, reserved_domain, wait_until
from rig import ARM, MODEL, URDF
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

pytest.importorskip('viser', reason='the panel needs viser')
pytest.importorskip('yourdfpy', reason='the panel needs yourdfpy')
playwright = pytest.importorskip('playwright.sync_api', reason='playwright drives the browser')

from ik_nn_ros.panel.geometry import MARGIN, RAISED, UPRIGHT  # noqa: E402

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason='there is no Chromium')
# It is the processor that draws: few pixels, nothing smoothed.
WEBGL = [
    '--no-sandbox',
    '--disable-gpu',
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
    '--webgl-antialiasing-mode=none',
]
WIDE, PHONE = {'width': 660, 'height': 400}, {'width': 390, 'height': 640}
HOME = ARM.fk_point(*ARM.home)
AGAIN, DEADLINE = 3.0, 40.0
"""s; on a busy machine a picture takes seconds."""


class Stage:
    """The nodes, and the test's own eye on the topics."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._domain = stack.enter_context(reserved_domain())
        self._running: dict[str, NodeProcess] = {}
        self._port = free_port()
        self.url = f'http://localhost:{self._port}'
        self.client = stack.enter_context(Client(self._domain))
        self.states = self.client.collect(JointState, 'joint_states', 1)  # the latest counts
        self.commands = self.client.collect(JointState, 'joint_command')
        self.targets = self.client.collect(PoseStamped, 'target_pose')
        self.answers = self.client.collect(DiagnosticStatus, 'ik_node/target_status')

    def start(self, name: str, **parameters: Any) -> None:
        of_it = {'panel': {'port': self._port}, 'ik_node': MODEL}.get(name, {})
        parameters = {'robot_description': URDF, **of_it, **parameters}
        node = node_process(f'ik_nn_ros.nodes.{name}', domain=self._domain, parameters=parameters)
        self._running[name] = self._stack.enter_context(node)
        if name == 'panel':
            self._running[name].wait_for(f'the arm is at {self.url}')

    def stop(self, name: str) -> None:
        assert self._running[name].stop() == 0

    def listen(self) -> None:
        """Take in what has come: asking a page takes long, meanwhile there is much."""
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            self.client.spin(0.005)

    @property
    def q(self) -> tuple[float, float]:
        position = dict(zip(self.states[-1].name, self.states[-1].position, strict=True))
        return position['joint1'], position['joint2']

    @property
    def tip(self) -> tuple[float, float]:
        return ARM.fk_point(*self.q) if self.states else (np.nan, np.nan)

    @property
    def asked(self) -> list[tuple[float, float]]:
        return [(target.pose.position.x, target.pose.position.y) for target in self.targets]


class Browser:
    """One page in the browser."""

    def __init__(self, page: Any, stage: Stage) -> None:
        self.page, self.stage = page, stage

    @property
    def text(self) -> str:
        return self.page.inner_text('body')

    def wait(self, condition: Callable[[], Any], what: str = '') -> Any:
        """Wait with the browser going on: its events are handled while it is asked."""

        def said() -> str:
            stage = self.stage
            return f'{what}; tip at {stage.tip}, asked {stage.asked[-3:]}; it says:\n{self.text}'

        return wait_until(condition, DEADLINE, what=said, between=self.stage.listen)

    def shows(self, text: str) -> None:
        self.wait(lambda: text in self.text, f'no {text!r}')

    def button(self, name: str) -> Any:
        return self.page.get_by_role('button', name=name)

    def press(self, name: str) -> None:
        self.wait(self.button(name).is_enabled, name)
        self.button(name).click()

    def pixel(self, point: tuple[float, float]) -> tuple[float, float]:
        """Where a point of the arm's plane is on the screen, seen from above."""
        box = self.page.locator('canvas').first.bounding_box()
        aspect = box['width'] / box['height']
        scale = box['height'] / (2.0 * MARGIN * ARM.reach / min(1.0, aspect))
        up = RAISED * box['height'] if aspect < UPRIGHT else 0.0
        x = box['x'] + box['width'] / 2.0 + scale * point[0]
        return x, box['y'] + box['height'] / 2.0 - up - scale * point[1]

    def click(self, point: tuple[float, float]) -> None:
        self.page.mouse.click(*self.pixel(point))

    def tap(self, point: tuple[float, float]) -> None:
        self.page.touchscreen.tap(*self.pixel(point))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.pixel(start))
        self.page.mouse.down()
        for part in np.linspace(0.2, 1.0, 5):
            x, y = (1.0 - part) * np.array(start) + part * np.array(end)
            self.page.mouse.move(*self.pixel((x, y)))
            self.stage.listen()
        self.page.mouse.up()

    def picture(self) -> np.ndarray:
        """The picture of the arm, grey; a screenshot of the page takes seconds here."""
        drawn = 'document.querySelector("canvas[data-engine]").toDataURL()'
        data = base64.b64decode(self.page.evaluate(drawn).partition(',')[2])
        return np.asarray(Image.open(io.BytesIO(data)).convert('L'), dtype=float)

    def goes(self, point: tuple[float, float], by: Callable[[], object]) -> None:
        """
        Ask for a point until the tip is there.

        A busy machine may keep the simulated arm from following, and then it is brought to rest; or
        draw so late that what is clicked on is not there yet.
        """
        last = -AGAIN

        def there() -> bool:
            nonlocal last
            if time.monotonic() - last > AGAIN:
                by()
                last = time.monotonic()
            return dist(self.stage.tip, point) < 3e-3  # the pixels are coarser than the arm

        self.wait(there, f'the tip does not come to {point}')


@pytest.fixture(scope='module')
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=WEBGL)
        yield browser
        browser.close()


@pytest.fixture(scope='module')
def stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        stage = Stage(stack)
        for name in ('arm_sim', 'ik_node', 'panel'):
            stage.start(name)
        yield stage


@contextmanager
def opened(chromium: Any, stage: Stage, size: dict, **options: Any) -> Iterator[Browser]:
    page = chromium.new_page(viewport=size, **options)
    try:
        page.goto(f'{stage.url}/?fixedDpr=0.4')  # else it changes with the load
        # The word on software rendering would lie over the arm.
        page.add_style_tag(content='.mantine-Notifications-root {display: none}')
        browser = Browser(page, stage)
        browser.wait(browser.button('Hold').is_enabled, 'no controls')
        yield browser
    finally:
        page.close()


@pytest.fixture(scope='module')
def open_page(chromium: Any, stage: Stage) -> Iterator[Browser]:
    with opened(chromium, stage, WIDE) as page:
        yield page


@pytest.fixture
def page(open_page: Browser) -> Browser:
    """The page of a computer, nobody holding the arm: opening one takes long."""
    open_page.page.mouse.up()
    open_page.stage.client.call(Trigger, 'ik_node/resume', Trigger.Request(), again=True)
    return open_page


def test_an_arm_is_dragged_refused_and_held(page, stage):
    before = page.picture()
    page.goes((0.35, 0.2), by=lambda: page.click((0.35, 0.2)))
    page.shows('Going to the target')
    stage.targets.clear()
    page.click((0.35, 0.2))  # on the disc
    page.wait(lambda: stage.targets, 'no second target')
    page.wait(lambda: (np.abs(page.picture() - before) > 40).mean() > 0.005, 'nothing moves')

    stage.commands.clear()
    stage.targets.clear()
    page.drag((0.35, 0.2), (0.1, 0.35))
    page.wait(lambda: stage.asked and dist(stage.asked[-1], (0.1, 0.35)) < 0.01, 'no drag')
    assert len(stage.targets) > 1
    assert stage.targets[-1].pose.position.z == pytest.approx(0.0, abs=1e-9)
    page.wait(lambda: len(stage.commands) > 20, 'no stream of commands')
    page.goes(stage.asked[-1], by=lambda: None)

    # Beside the disc nothing is dragged, and the view does not turn.
    stage.targets.clear()
    before = page.picture()
    page.drag((0.3, -0.3), (-0.1, -0.4))
    assert not stage.targets
    assert (np.abs(page.picture() - before) > 40).mean() < 0.05  # the trail goes on fading

    page.click((0.0, -0.54))
    page.shows('the arm is not long enough')
    page.shows('UNREACHABLE')

    page.press('Hold')
    page.shows('Held.')
    stage.answers.clear()
    still = stage.q
    page.click((0.3, -0.2))
    page.wait(lambda: stage.answers, 'no target')
    assert stage.answers[-1].message == 'HOLDING'
    assert stage.q == pytest.approx(still, abs=1e-3)
    page.press('Resume')
    page.goes((0.3, -0.2), by=lambda: page.click((0.3, -0.2)))


def test_the_page_outlives_both_nodes(page, stage):
    stage.stop('ik_node')
    page.shows('there is no node /ik_node')
    stage.start('ik_node', speed_scale=0.9)
    speed = page.page.get_by_role('textbox').first
    page.wait(lambda: speed.input_value() == '90', 'speed')
    page.goes((0.3, 0.2), by=lambda: page.click((0.3, 0.2)))

    before = page.picture()
    stage.stop('panel')
    stage.start('panel')
    page.shows('Drag the disc')  # it knows of no target yet
    page.goes(HOME, by=lambda: page.press('Go home'))
    page.wait(lambda: (np.abs(page.picture() - before) > 40).mean() > 0.005, 'nothing moves')


def test_a_phone_watches_until_it_takes_over(chromium, page, stage):
    with opened(chromium, stage, PHONE, has_touch=True, is_mobile=True) as phone:
        assert phone.page.evaluate('document.documentElement.scrollWidth') <= PHONE['width']
        phone.shows('this one watches')
        stage.targets.clear()
        phone.tap((0.2, 0.3))
        page.page.bring_to_front()
        page.goes((0.3, 0.2), by=lambda: page.click((0.3, 0.2)))
        assert [point for point in stage.asked if dist(point, (0.3, 0.2)) > 0.01] == []

        phone.page.bring_to_front()
        phone.press('Drive from this page')
        page.shows('this one watches')
        phone.goes((0.2, 0.3), by=lambda: phone.tap((0.2, 0.3)))
        page.press('Hold')  # anybody may
        phone.shows('Held.')
