"""The page in a real browser, beside a real ik_node and a simulated arm."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import dist
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from PIL import Image
from processes import Client, NodeProcess, node_process, reserved_domain, wait_until
from rig import ARM, MODEL, URDF
from sensor_msgs.msg import JointState

pytest.importorskip('viser', reason='the panel needs viser')
pytest.importorskip('yourdfpy', reason='the panel needs yourdfpy')
playwright = pytest.importorskip('playwright.sync_api', reason='playwright drives the browser')

from test_panel import panel  # noqa: E402

from ik_nn_ros.panel.geometry import MARGIN, RAISED, UPRIGHT  # noqa: E402

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason='there is no Chromium')
WEBGL = ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader']
WIDE, PHONE = {'width': 900, 'height': 560}, {'width': 390, 'height': 844}


class Browser:
    """One page in the browser, and the test's own eye on the topics."""

    def __init__(self, page: Any, client: Client) -> None:
        self.page, self.client = page, client
        self.states = client.collect(JointState, 'joint_states', 1)  # the latest counts
        self.commands = client.collect(JointState, 'joint_command')
        self.targets = client.collect(PoseStamped, 'target_pose')

    @property
    def text(self) -> str:
        return self.page.inner_text('body')

    def wait(self, condition: Callable[[], Any], what: str = '') -> Any:
        """Wait with the browser going on: its events are handled while it is asked."""

        def said() -> str:
            tip = ARM.fk_point(*self.q) if self.states else None
            asked = self.targets[-1].pose.position if self.targets else None
            return f'{what}; tip at {tip}, asked {asked}; the page says:\n{self.text}'

        return wait_until(condition, deadline=25.0, what=said, between=self.listen)

    def listen(self) -> None:
        """Take in what has come: asking a page takes long, meanwhile there is much."""
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            self.client.spin(0.005)

    def shows(self, text: str) -> None:
        self.wait(lambda: text in self.text, f'no {text!r}')

    def press(self, name: str) -> None:
        self.wait(lambda: self.page.get_by_role('button', name=name).is_enabled(), name)
        self.page.get_by_role('button', name=name).click()

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

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.pixel(start))
        self.page.mouse.down()
        # No faster than a hand: the page sends the places of a drag twenty times a second.
        for part in np.linspace(0.1, 1.0, 10):
            x, y = (1.0 - part) * np.array(start) + part * np.array(end)
            self.page.mouse.move(*self.pixel((x, y)))
            self.listen()
        self.page.mouse.up()

    def picture(self) -> np.ndarray:
        """The arm's part of the picture, grey."""
        box = self.page.locator('canvas').first.bounding_box()
        image = Image.open(io.BytesIO(self.page.screenshot(clip=box))).convert('L')
        return np.asarray(image, dtype=float)

    @property
    def q(self) -> tuple[float, float]:
        position = dict(zip(self.states[-1].name, self.states[-1].position, strict=True))
        return position['joint1'], position['joint2']

    def arrives(self, point: tuple[float, float], within: float = 2e-3) -> None:
        self.wait(
            lambda: self.states and dist(ARM.fk_point(*self.q), point) < within,
            f'the tip does not come to {point}',
        )


@pytest.fixture(scope='module')
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=WEBGL)
        yield browser
        browser.close()


@contextmanager
def opened(
    chromium: Any, url: str, client: Client, size: dict, **options: Any
) -> Iterator[Browser]:
    page = chromium.new_page(viewport=size, **options)
    try:
        page.goto(url)
        browser = Browser(page, client)
        browser.shows('Hold')
        close = page.locator('.mantine-Notification-closeButton')
        browser.wait(lambda: close.count(), 'no word on software rendering')
        close.first.click()  # it lies over the arm
        yield browser
    finally:
        page.close()


def run(stack: ExitStack, name: str, domain: int, **parameters: Any) -> NodeProcess:
    module, values = f'ik_nn_ros.nodes.{name}', {'robot_description': URDF, **parameters}
    return stack.enter_context(node_process(module, domain=domain, parameters=values))


def test_from_an_empty_page_to_an_arm_that_is_dragged_and_held(chromium):
    with ExitStack() as stack:
        domain = stack.enter_context(reserved_domain())
        _, url = stack.enter_context(panel(domain, robot_description=URDF))
        client = stack.enter_context(Client(domain))
        page = stack.enter_context(opened(chromium, url, client, WIDE))

        page.shows('there is no node /ik_node')
        page.shows('nothing comes on /joint_states')
        run(stack, 'arm_sim', domain)
        run(stack, 'ik_node', domain, **MODEL)
        page.shows('Drag the disc')

        before = page.picture()
        page.click((0.35, 0.2))
        page.arrives((0.35, 0.2))
        page.shows('Going to the target')
        page.wait(lambda: (np.abs(page.picture() - before) > 40).mean() > 0.005, 'nothing moves')

        page.commands.clear()
        page.drag((0.35, 0.2), (0.1, 0.35))
        page.arrives((0.1, 0.35), within=0.01)  # less than two pixels
        page.wait(lambda: len(page.commands) > 20, 'no stream of commands')
        asked = page.targets[-1].pose.position
        assert asked.z == pytest.approx(0.0, abs=1e-9)

        # Beside the disc nothing is dragged, and the view does not turn.
        page.targets.clear()
        before = page.picture()
        page.drag((0.3, -0.3), (-0.1, -0.4))
        assert not page.targets
        assert np.abs(page.picture() - before).mean() < 1.0

        page.click((0.0, -0.54))
        page.shows('the arm is not long enough')
        page.shows('UNREACHABLE')

        page.press('Hold')
        page.shows('Held.')
        page.targets.clear()
        still = page.q
        page.click((0.3, -0.2))
        page.wait(lambda: page.targets, 'no target')
        page.shows('refused 2')
        assert page.q == pytest.approx(still, abs=1e-3)
        page.press('Resume')
        page.shows('Drag the disc')
        page.click((0.3, -0.2))
        page.arrives((0.3, -0.2))


def test_the_page_outlives_both_nodes_and_fits_a_phone(chromium):
    with ExitStack() as stack:
        domain = stack.enter_context(reserved_domain())
        first = stack.enter_context(ExitStack())
        node, url = first.enter_context(panel(domain, robot_description=URDF))
        port = int(url.rsplit(':')[-1])
        client = stack.enter_context(Client(domain))
        run(stack, 'arm_sim', domain)
        ik_node = run(stack, 'ik_node', domain, **MODEL)
        page = stack.enter_context(
            opened(chromium, url, client, PHONE, has_touch=True, is_mobile=True)
        )
        page.shows('Drag the disc')
        page.page.touchscreen.tap(*page.pixel((0.2, 0.3)))
        page.arrives((0.2, 0.3))

        assert ik_node.stop() == 0
        page.shows('there is no node /ik_node')
        run(stack, 'ik_node', domain, **MODEL, speed_scale=0.5)
        page.wait(lambda: page.page.get_by_role('textbox').first.input_value() == '50', 'speed')
        page.page.touchscreen.tap(*page.pixel((0.3, 0.2)))
        page.arrives((0.3, 0.2))

        assert node.stop() == 0
        stack.enter_context(panel(domain, robot_description=URDF, port=port))
        page.shows('Drag the disc')
        page.targets.clear()

        def tapped() -> bool:
            # What lies under the finger may come later than the words.
            page.page.touchscreen.tap(*page.pixel((0.2, -0.3)))
            page.listen()
            return bool(page.targets)

        page.wait(tapped, 'no target')
        page.arrives((0.2, -0.3))


def test_the_second_page_watches_until_it_takes_over(chromium):
    with ExitStack() as stack:
        domain = stack.enter_context(reserved_domain())
        _, url = stack.enter_context(panel(domain, robot_description=URDF))
        client = stack.enter_context(Client(domain))
        run(stack, 'arm_sim', domain)
        run(stack, 'ik_node', domain, **MODEL)
        driver = stack.enter_context(opened(chromium, url, client, WIDE))
        driver.shows('Drag the disc')
        watcher = stack.enter_context(opened(chromium, url, client, WIDE))
        watcher.shows('this one watches')

        watcher.click((0.2, 0.3))
        driver.page.bring_to_front()
        driver.click((0.3, 0.2))
        driver.arrives((0.3, 0.2))
        assert len(watcher.targets) == 1

        watcher.page.bring_to_front()
        watcher.press('Drive from this page')
        watcher.click((0.2, 0.3))
        watcher.arrives((0.2, 0.3))
        driver.shows('this one watches')
        driver.press('Hold')  # anybody may
        watcher.shows('Held.')
