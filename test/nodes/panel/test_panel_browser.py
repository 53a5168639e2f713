"""The page in a real browser, beside a real ik_node and a simulated arm."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import dist
from typing import Any

import numpy as np
import pytest
from ik_node_rig import ARM
from panel_page import DEADLINE, Browser, Stage
from std_srvs.srv import Trigger

from ik_nn_ros.arm.paths import ClosedCurve, heading_axes

pytest.importorskip('viser', reason='the panel needs viser')
pytest.importorskip('yourdfpy', reason='the panel needs yourdfpy')
playwright = pytest.importorskip('playwright.sync_api', reason='playwright drives the browser')

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason='there is no Chromium')
# The processor renders: few pixels, no antialiasing.
WEBGL = [
    '--no-sandbox',
    '--disable-gpu',
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
    '--webgl-antialiasing-mode=none',
]
WIDE, PHONE = {'width': 660, 'height': 400}, {'width': 390, 'height': 640}
HOME = ARM.fk_point(*ARM.home)
RECONNECT_TIMEOUT_S = 40.0
TARGETS = 400
"""Number of targets in more than two laps."""
ZONE = (-0.25, -0.25, 0.08)
"""Center and radius, m."""


@pytest.fixture(scope='module')
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=WEBGL, timeout=1e3 * DEADLINE
        )
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
        browser = Browser(page, stage)
        browser.open()
        yield browser
    finally:
        page.close()


@pytest.fixture(scope='module')
def open_page(chromium: Any, stage: Stage) -> Iterator[Browser]:
    with opened(chromium, stage, WIDE) as page:
        yield page


@pytest.fixture
def page(open_page: Browser) -> Browser:
    """A page on a computer, with an arm that is not held; opened once, because that takes long."""
    open_page.page.mouse.up()
    open_page.stage.client.call(Trigger, 'ik_node/resume', Trigger.Request(), DEADLINE, again=True)
    open_page.wait(lambda: 'Held.' not in open_page.text, 'held')
    return open_page


def test_an_arm_is_dragged_refused_and_held(page, stage):
    before = page.picture()
    page.goes((0.35, 0.2), by=lambda: page.click((0.35, 0.2)))
    page.shows('The arm is at the target')
    page.wait(lambda: (np.abs(page.picture() - before) > 40).mean() > 0.005, 'nothing moves')
    page.wait(lambda: is_quiet(stage), 'it does not stop')
    page.until(lambda: stage.targets, by=lambda: page.click((0.35, 0.2)), what='no second target')

    disc = (0.35, 0.2)

    def drag():
        nonlocal disc
        disc = stage.target_points[-1] if stage.targets else disc
        stage.forget()
        page.drag(disc, (0.1, 0.35))

    def is_dragged():
        # Several targets of one drag: it sends them while the mouse moves.
        return len(stage.targets) > 1 and dist(stage.target_points[-1], (0.1, 0.35)) < 0.01

    page.until(is_dragged, by=drag, what='no drag')
    assert stage.targets[-1].pose.position.z == pytest.approx(0.0, abs=1e-9)
    page.wait(lambda: len(stage.commands) > 20, 'no stream of commands')
    # On a busy machine ik_node may stop the arm on its way: then the target is sent again.
    point = stage.target_points[-1]
    page.goes(point, by=lambda: has_stopped_short(page) and page.click(point))

    # Beside the disc nothing is dragged, and the view does not turn.
    page.wait(lambda: is_quiet(stage), 'it does not stop')
    before = page.picture()
    page.drag((0.3, -0.3), (-0.1, -0.4))
    assert not stage.targets
    assert (np.abs(page.picture() - before) > 40).mean() < 0.05  # the trail fades

    is_refused = lambda: 'the arm is not long enough' in page.text  # noqa: E731
    page.until(is_refused, by=lambda: page.click((0.0, -0.54)), what='not refused')
    page.shows('UNREACHABLE')

    page.until(lambda: 'Held.' in page.text, by=lambda: page.press('Hold'), what='not held')
    page.wait(lambda: is_quiet(stage), 'it does not stop')
    stage.answers.clear()
    before = stage.q
    page.until(lambda: stage.answers, by=lambda: page.click((0.3, -0.2)), what='no answer')
    assert {answer.message for answer in stage.answers} == {'HOLDING'}
    assert stage.q == pytest.approx(before, abs=1e-3)

    def resume():
        if 'Held.' in page.text:
            page.press('Resume')
        page.click((0.3, -0.2))

    page.goes((0.3, -0.2), by=resume)


def has_stopped_short(page):
    """Return whether ik_node has stopped the arm before its goal, or refused the last target."""
    return not re.search('Moving to the target|The arm is at the target|Sent…', page.text)


@pytest.mark.soak
def test_a_shape_is_drawn_until_stopped_and_then_home_is_reached(page, stage):
    name = 'square'
    page.field('Round, s').fill('3')
    page.field('Size, %').fill('40')
    stage.forget()
    page.until(lambda: is_drawn(page, stage, name), by=lambda: draw(page, name), what=name)
    width = drawn_width(page, name)
    page.field('Size, %').fill('20')
    smaller = pytest.approx(width / 2.0, 2e-2)
    page.until(lambda: drawn_width(page, name) == smaller, by=lambda: draw(page, name))

    stop = page.button('Stop drawing')
    # It may end by itself on a busy machine: whatever is there is clicked on.
    click = 'found => found.forEach(button => button.click())'
    page.until(stop.is_hidden, by=lambda: stop.evaluate_all(click))
    page.wait(lambda: is_quiet(stage), 'it goes on')
    page.goes(HOME, by=lambda: page.press('Go home'))
    assert max(dist(point, HOME) for point in stage.target_points) < 1e-6


def draw(page, name):
    """Start drawing a shape, unless it is being drawn."""
    if not re.search(rf'Drawing a {name}|start of the {name}', page.text):
        page.press(name.capitalize())


def drawn_width(page, name):
    """Return the width of the shape on the page, m; 0 if it is not being drawn."""
    match = re.search(rf'Drawing a {name}, ([\d.]+) cm', page.text)
    return float(match[1]) / 100.0 if match else 0.0


def is_drawn(page, stage, name):
    """Return whether the shape has been drawn once all the way round."""
    width = drawn_width(page, name)
    if not width or len(stage.targets) > TARGETS:
        stage.forget()  # targets of the approach, or late messages
        return False
    return follows(stage, name, width)


def follows(stage, name, width):
    """Return whether all targets are on the shape, and the commands all the way round."""
    if not stage.commands or not stage.targets:
        return False
    targets, tips = np.array(stage.target_points), np.array(stage.commanded)
    center = tuple((targets.min(axis=0) + targets.max(axis=0)) / 2.0)
    points = ClosedCurve(name, width, center, heading_axes(ARM)).points
    target_errors = distances(targets, points) / width
    tip_errors = distances(tips, points) / width
    # A busy machine is late at times; corners are rounded off.
    is_near = np.median(tip_errors.min(axis=1)) < 0.05 and tip_errors.min(axis=0).max() < 0.2
    return target_errors.min(axis=1).max() < 0.01 and is_near


def distances(points, others):
    return np.hypot(*(points[:, None] - others).transpose(2, 0, 1))


def is_quiet(stage):
    """Return whether there is no target and no command for half a second."""
    stage.forget()
    for _ in range(10):
        stage.listen()
    return not stage.targets and not stage.commands


@pytest.mark.soak
def test_zones_and_plots_are_shown(page, stage):
    page.goes((0.3, 0.2), by=lambda: page.click((0.3, 0.2)))
    assert redness(page.color(ZONE[:2])) < 20
    assert stage.client.set_parameter('ik_node', 'keep_out.circles', list(ZONE)).successful
    page.wait(lambda: redness(page.color(ZONE[:2])) > 60, 'no zone')
    is_refused = lambda: 'A keep-out zone is in the way' in page.text  # noqa: E731
    page.until(is_refused, by=lambda: page.click(ZONE[:2]), what='not refused')
    nothing = stage.client.set_parameter('ik_node', 'keep_out.circles', [])
    assert nothing.successful
    page.goes((0.35, -0.2), by=lambda: page.click((0.35, -0.2)))
    page.wait(lambda: redness(page.color(ZONE[:2])) < 20, 'the zone stays')

    limits = list(zip(ARM.lower, ARM.upper, strict=True))
    page.wait(lambda: ends_at(page.plotted(0, limits), stage.q, 0.15), 'positions')
    limits = [(-fastest, fastest) for fastest in ARM.max_velocity]
    page.wait(lambda: ends_at(page.plotted(1, limits), (0.0, 0.0), 0.15), 'velocities')
    assert all(np.abs(line[1]).max() > 0.5 for line in page.plotted(1, limits))


def redness(color):
    return color[0] - color[1:].max()


def ends_at(lines, values, error):
    """Return whether the lines of a plot end at these values."""
    if not all(line.size for line in lines):
        return False
    ends = [line[1, line[0] == line[0].max()].mean() for line in lines]
    return ends == pytest.approx(values, abs=error)


@pytest.mark.soak
def test_elbow_and_speed_are_chosen(page, stage):
    choose_elbow(page, stage, 'negative')
    page.goes((0.35, 0.1), by=lambda: page.click((0.35, 0.1)))
    assert ARM.branch_of(stage.q) < 0
    choose_elbow(page, stage, 'nearest')
    choose_speed(page, stage, 50)
    choose_speed(page, stage, 100)


def choose_elbow(page, stage, side):
    # A control shows the old value for a moment, until the ik_node has taken the new one.
    by = lambda: page.choose('Elbow', side)  # noqa: E731
    page.until(lambda: stage.changed('branch') == side, by, 'no branch')
    page.wait(lambda: page.field('Elbow').input_value() == side, 'another branch is shown')


def choose_speed(page, stage, percent):
    by = lambda: page.field('Speed, %').fill(str(percent))  # noqa: E731
    page.until(lambda: stage.changed('speed_scale') == percent / 100.0, by, 'no speed')
    page.wait(lambda: page.field('Speed, %').input_value() == str(percent), 'another speed')


def test_the_page_outlives_both_nodes(page, stage):
    stage.stop('ik_node')
    page.shows('there is no node /ik_node')
    stage.start('ik_node', speed_scale=0.9)
    speed = page.field('Speed, %')
    page.wait(lambda: speed.input_value() == '90', 'speed')
    page.goes((0.3, 0.2), by=lambda: page.click((0.3, 0.2)))

    before = page.picture()
    stage.stop('panel')
    stage.start('panel')
    stopped = time.monotonic()

    def reload():
        # viser's client allows 5 s for each attempt to reconnect, too little for a starved machine.
        if time.monotonic() - stopped > RECONNECT_TIMEOUT_S and 'Connection lost' in page.text:
            page.open()

    # There has been no target for the new panel.
    page.until(lambda: 'Drag the disc' in page.text, by=reload, what='no connection')
    page.goes(HOME, by=lambda: page.press('Go home'))
    page.wait(lambda: (np.abs(page.picture() - before) > 40).mean() > 0.005, 'nothing moves')


@pytest.mark.soak
def test_a_phone_watches_until_it_takes_over(chromium, page, stage):
    with opened(chromium, stage, PHONE, has_touch=True, is_mobile=True) as phone:
        assert phone.page.evaluate('document.documentElement.scrollWidth') <= PHONE['width']
        phone.shows('this page watches')
        stage.targets.clear()
        phone.tap((0.2, 0.3))
        page.page.bring_to_front()
        page.goes((0.3, 0.2), by=lambda: page.click((0.3, 0.2)))
        assert [point for point in stage.target_points if dist(point, (0.3, 0.2)) > 0.01] == []

        phone.page.bring_to_front()
        is_watching = lambda: 'this page watches' in page.text  # noqa: E731
        phone.until(is_watching, by=lambda: phone.press('Drive from this page'), what='no change')
        phone.goes((0.2, 0.3), by=lambda: phone.tap((0.2, 0.3)))
        page.press('Hold')  # works from every page
        phone.shows('Held.')
