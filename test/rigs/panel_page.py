"""A page of the panel in a browser, and the nodes behind it."""

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

AGAIN, DEADLINE = 3.0, 40.0
"""s; on a busy machine a picture takes seconds."""
LINES, SPARE = ((42, 112, 204), (224, 128, 32)), 0.08
"""Of the plots: each joint's color, and what is above and below its limits."""

Limits = Sequence[tuple[float, float]]


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
        self._changes = self.client.collect(ParameterEvent, '/parameter_events', 1000)

    def start(self, name: str, **parameters: Any) -> None:
        of_it = {'panel': {'port': self._port}, 'ik_node': MODEL}.get(name, {})
        parameters = {'robot_description': URDF, **of_it, **parameters}
        node = node_process(NODE_MODULES[name], domain=self._domain, parameters=parameters)
        self._running[name] = self._stack.enter_context(node)
        if name == 'panel':
            self._running[name].wait_for(f'the arm is at {self.url}')

    def process(self, name: str) -> subprocess.Popen[bytes]:
        return self._running[name].process

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
    def commanded(self) -> list[tuple[float, float]]:
        """Where the commands bring the tip."""
        return [ARM.fk_point(*command.position) for command in self.commands]

    @property
    def asked(self) -> list[tuple[float, float]]:
        return [(target.pose.position.x, target.pose.position.y) for target in self.targets]

    def forget(self) -> None:
        """Forget all commands and targets."""
        self.commands.clear()
        self.targets.clear()

    def changed(self, name: str) -> Any:
        """Return what a parameter of the ik_node was last changed to."""
        for event in reversed(self._changes):
            for parameter in event.changed_parameters:
                if (event.node, parameter.name) == ('/ik_node', name):
                    return parameter_value_to_python(parameter.value)
        return None


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

    def field(self, label: str) -> Any:
        labelled = self.page.get_by_text(label, exact=True)
        return labelled.locator('xpath=ancestor::div[.//input][1]//input[not(@type="hidden")]')

    def choose(self, label: str, value: str) -> None:
        self.field(label).click()
        self.page.get_by_role('option', name=value).click()

    def pixel(self, point: tuple[float, float]) -> tuple[float, float]:
        """Where a point of the arm's plane is on the screen, seen from above."""
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
        """The picture of the arm, grey; a screenshot of the page takes seconds here."""
        return np.asarray(self._canvas('canvas[data-engine]', 0).convert('L'), dtype=float)

    def color(self, point: tuple[float, float]) -> np.ndarray:
        """Red, green and blue of what is seen at a point of the arm's plane."""
        picture = self._canvas('canvas[data-engine]', 0).convert('RGB')
        box = self.page.locator('canvas').first.bounding_box()
        x, y = self.pixel(point)
        scale = picture.width / box['width']
        place = round(scale * (x - box['x'])), round(scale * (y - box['y']))
        return np.array(picture.getpixel(place), dtype=float)

    def plotted(self, number: int, limits: Limits) -> tuple[np.ndarray, ...]:
        """
        The line of each joint in a plot, read from its picture, (2, N) columns and values.

        :param number: of the plot
        :param limits: lowest and highest value of each joint, by joint
        """
        picture = np.asarray(self._canvas('.uplot canvas', number).convert('RGBA'), dtype=float)
        left, top, width, height = self.page.evaluate(
            f'(over => [over.offsetLeft, over.offsetTop, over.offsetWidth, over.offsetHeight])'
            f'(document.querySelectorAll(".u-over")[{number}])'
        )
        inside = picture[top : top + height, left : left + width]
        low, high = min(low for low, _ in limits), max(high for _, high in limits)
        spare = SPARE * (high - low)
        values = high + spare - (high - low + 2.0 * spare) * (np.arange(height) + 0.5) / height
        dashed = np.abs(values[:, None] - np.ravel(limits)).min(axis=1) < 3.0 * spare / height
        lines = []
        for color in LINES:
            like = np.abs(inside[..., :3] - color).max(axis=-1) < 40.0
            rows, columns = np.nonzero(like & (inside[..., 3] > 100.0) & ~dashed[:, None])
            lines.append(np.array((columns, values[rows])))
        return tuple(lines)

    def _canvas(self, selector: str, number: int) -> Image.Image:
        drawn = f"document.querySelectorAll('{selector}')[{number}].toDataURL()"
        data = base64.b64decode(self.page.evaluate(drawn).partition(',')[2])
        return Image.open(io.BytesIO(data))

    def until(self, done: Callable[[], Any], by: Callable[[], object], what: str = '') -> Any:
        """
        Ask for something until it is done; return what ``done`` returns.

        A busy machine may keep the simulated arm from following, and then it is brought to rest; or
        draw so late that what is clicked on is not there yet.
        """
        last = -AGAIN

        def found() -> Any:
            nonlocal last
            if time.monotonic() - last > AGAIN:
                by()
                last = time.monotonic()
            return done()

        return self.wait(found, what)

    def goes(self, point: tuple[float, float], by: Callable[[], object]) -> None:
        """Ask for a point until the tip is there; the pixels are coarser than the arm."""
        self.until(
            lambda: dist(self.stage.tip, point) < 3e-3, by, f'the tip does not come to {point}'
        )
