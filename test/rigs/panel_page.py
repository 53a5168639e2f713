"""The panel's page in a browser, and the nodes behind it."""

from __future__ import annotations

import base64
import io
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from math import dist
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from ik_node_rig import ARM, MODEL, URDF
from PIL import Image
from processes import Client, NodeProcess, free_port, node_process, reserved_domain, wait_until
from rcl_interfaces.msg import ParameterEvent
from rclpy.parameter import parameter_value_to_python
from sensor_msgs.msg import JointState

from ik_nn_ros.panel.camera import PORTRAIT_ASPECT_RATIO, PORTRAIT_OFFSET_RATIO, VIEW_MARGIN_RATIO
from ik_nn_ros.process import NODE_MODULES

DEADLINE = 120.0
"""Deadline of anything on the page, s: on a busy machine a picture takes seconds."""
RETRY_PERIOD_S = 3.0
"""First period after which an action is repeated; it doubles with each retry."""
LINE_COLORS = (42, 112, 204), (224, 128, 32)
"""Colors of joint 1 and joint 2 in the plots."""
MARGIN_RATIO = 0.08
"""Margin above and below the limits in the plots, as a fraction of their range."""

Limits = Sequence[tuple[float, float]]


class Stage:
    """The nodes, and what they publish."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._domain = stack.enter_context(reserved_domain())
        self._running: dict[str, NodeProcess] = {}
        self._port = free_port()
        self.url = f'http://localhost:{self._port}'
        self.client = stack.enter_context(Client(self._domain))
        self.states = self.client.collect(
            JointState, 'joint_states', 1
        )  # only the last one is used
        self.commands = self.client.collect(JointState, 'joint_command')
        self.targets = self.client.collect(PoseStamped, 'target_pose')
        self.answers = self.client.collect(DiagnosticStatus, 'ik_node/target_status')
        self._changes = self.client.collect(ParameterEvent, '/parameter_events', 1000)

    def start(self, name: str, **parameters: Any) -> None:
        defaults = {'panel': {'port': self._port}, 'ik_node': MODEL}.get(name, {})
        parameters = {'robot_description': URDF, **defaults, **parameters}
        node = node_process(NODE_MODULES[name], domain=self._domain, parameters=parameters)
        self._running[name] = self._stack.enter_context(node)
        if name == 'panel':
            self._running[name].wait_for(f'the arm is at {self.url}', DEADLINE)

    def process(self, name: str) -> subprocess.Popen[bytes]:
        return self._running[name].process

    def stop(self, name: str) -> None:
        assert self._running[name].stop(deadline=DEADLINE) == 0

    def listen(self) -> None:
        """Receive the messages that have arrived meanwhile: a query of the page takes long."""
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
    def commanded(self) -> list[tuple[float, float]]:
        """Tip at each command, m."""
        return [ARM.fk_point(*command.position) for command in self.commands]

    @property
    def target_points(self) -> list[tuple[float, float]]:
        return [(target.pose.position.x, target.pose.position.y) for target in self.targets]

    def forget(self) -> None:
        """Forget all received commands and targets."""
        self.commands.clear()
        self.targets.clear()

    def changed(self, name: str) -> Any:
        """Return the last new value of a parameter of the ik_node."""
        for event in reversed(self._changes):
            for parameter in event.changed_parameters:
                if (event.node, parameter.name) == ('/ik_node', name):
                    return parameter_value_to_python(parameter.value)
        return None


class Browser:
    """One page in the browser."""

    def __init__(self, page: Any, stage: Stage) -> None:
        self.page, self.stage = page, stage
        page.set_default_timeout(1e3 * DEADLINE)

    def open(self) -> None:
        """Load the page."""
        self.page.goto(f'{self.stage.url}/?fixedDpr=0.4')  # otherwise it changes with the load
        # The notice about software rendering would cover the arm.
        self.page.add_style_tag(content='.mantine-Notifications-root {display: none}')
        self.wait(self.button('Hold').is_enabled, 'no controls')
        self.page.locator('canvas[data-engine]').wait_for()

    @property
    def text(self) -> str:
        return self.page.inner_text('body')

    def wait(self, condition: Callable[[], Any], what: str = '') -> Any:
        """Wait; the browser's events are handled while it is queried."""

        def report() -> str:
            stage = self.stage
            return (
                f'{what}; tip at {stage.tip}, targets {stage.target_points[-3:]}; '
                f'the page shows:\n{self.text}'
            )

        return wait_until(condition, DEADLINE, what=report, between=self.stage.listen)

    def shows(self, text: str) -> None:
        self.wait(lambda: text in self.text, f'no {text!r}')

    def button(self, name: str) -> Any:
        return self.page.get_by_role('button', name=name)

    def press(self, name: str) -> None:
        self.wait(self.button(name).is_enabled, name)
        self.button(name).click()

    def field(self, label: str) -> Any:
        labelled = self.page.get_by_text(label, exact=True)
        return labelled.locator('xpath=ancestor::div[.//input][1]//input[not(@type="hidden")]')

    def choose(self, label: str, value: str) -> None:
        self.field(label).click()
        self.page.get_by_role('option', name=value).click()

    def pixel(self, point: tuple[float, float]) -> tuple[float, float]:
        """Return the screen coordinates of a point of the arm's plane in the top view."""
        box = self.page.locator('canvas').first.bounding_box()
        aspect = box['width'] / box['height']
        scale = box['height'] / (2.0 * VIEW_MARGIN_RATIO * ARM.reach / min(1.0, aspect))
        up = PORTRAIT_OFFSET_RATIO * box['height'] if aspect < PORTRAIT_ASPECT_RATIO else 0.0
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
        """Return the picture of the arm in gray; a screenshot of the page takes seconds."""
        return np.asarray(self._canvas('canvas[data-engine]', 0).convert('L'), dtype=float)

    def color(self, point: tuple[float, float]) -> np.ndarray:
        """Return red, green and blue at a point of the arm's plane."""
        picture = self._canvas('canvas[data-engine]', 0).convert('RGB')
        box = self.page.locator('canvas').first.bounding_box()
        x, y = self.pixel(point)
        scale = picture.width / box['width']
        pixel = round(scale * (x - box['x'])), round(scale * (y - box['y']))
        return np.array(picture.getpixel(pixel), dtype=float)

    def plotted(self, number: int, limits: Limits) -> tuple[np.ndarray, ...]:
        """
        Return the line of each joint in a plot, read from its picture: (2, N) columns and values.

        :param number: index of the plot
        :param limits: limits of each joint
        """
        picture = np.asarray(self._canvas('.uplot canvas', number).convert('RGBA'), dtype=float)
        left, top, width, height = self.page.evaluate(
            f'(over => [over.offsetLeft, over.offsetTop, over.offsetWidth, over.offsetHeight])'
            f'(document.querySelectorAll(".u-over")[{number}])'
        )
        inside = picture[top : top + height, left : left + width]
        low, high = min(low for low, _ in limits), max(high for _, high in limits)
        margin = MARGIN_RATIO * (high - low)
        values = high + margin - (high - low + 2.0 * margin) * (np.arange(height) + 0.5) / height
        dashed = np.abs(values[:, None] - np.ravel(limits)).min(axis=1) < 3.0 * margin / height
        lines = []
        for color in LINE_COLORS:
            like = np.abs(inside[..., :3] - color).max(axis=-1) < 40.0
            rows, columns = np.nonzero(like & (inside[..., 3] > 100.0) & ~dashed[:, None])
            lines.append(np.array((columns, values[rows])))
        return tuple(lines)

    def _canvas(self, selector: str, number: int) -> Image.Image:
        canvas = self.page.locator(selector).nth(number)
        data_url = canvas.evaluate('canvas => canvas.toDataURL()')  # waits until it is there
        data = base64.b64decode(data_url.partition(',')[2])
        return Image.open(io.BytesIO(data))

    def until(self, done: Callable[[], Any], by: Callable[[], object], what: str = '') -> Any:
        """
        Repeat an action until ``done`` returns something true; return that.

        On a busy machine the simulated arm may not follow, so that ik_node stops it; the panel may
        ignore input that arrives late; and the browser may draw late what is clicked on.
        """
        period, next_time = RETRY_PERIOD_S, -1.0

        def attempt() -> Any:
            nonlocal period, next_time
            if time.monotonic() > next_time:
                by()
                next_time = time.monotonic() + period
                period *= 2.0
            return done()

        return self.wait(attempt, what)

    def goes(self, point: tuple[float, float], by: Callable[[], object]) -> None:
        """Repeat an action until the tip is at a point; pixels are coarser than the arm."""
        self.until(lambda: dist(self.stage.tip, point) < 3e-3, by, f'the tip is not at {point}')
