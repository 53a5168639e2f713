"""Of several pages that are open one drives; the others watch, and may hold the arm."""

import asyncio
from types import SimpleNamespace

import pytest

pytest.importorskip('viser', reason='the panel needs viser')

from ik_nn_ros.panel import browsers
from ik_nn_ros.panel.view import Actions

MOVING = [name for name in Actions._fields if name != 'hold']


class Controls:
    """Stands for what one page shows and asks for."""

    def __init__(self, client, actions, take_over, set_free):
        client.controls = self
        self.actions, self.take_over = actions, take_over

    def show(self, view, drives):
        self.drives = drives


class Pages:
    """The pages of a server of the test's."""

    def __init__(self):
        self.asked, self.let_go = [], 0
        self.foreign = set()
        viser = SimpleNamespace(
            on_client_connect=lambda callback: setattr(self, 'on_connect', callback),
            on_client_disconnect=lambda callback: setattr(self, 'on_disconnect', callback),
        )
        server = SimpleNamespace(viser=viser, is_own=lambda page: page not in self.foreign)
        actions = Actions(*(self.action(name) for name in Actions._fields))
        self.browsers = browsers.Browsers(server, actions, None, self.count)

    def action(self, name):
        return lambda *arguments: self.asked.append((name, *arguments))

    def count(self):
        self.let_go += 1

    def open(self, number):
        client = SimpleNamespace(client_id=number, controls=None)
        asyncio.run(self.on_connect(client))
        return client

    def close(self, client):
        asyncio.run(self.on_disconnect(client))

    def stopped(self):
        """Return why drawing was stopped since it was last asked."""
        why = [asked[1] for asked in self.asked if asked[0] == 'stop_drawing']
        self.asked.clear()
        return why


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.setattr(browsers, 'Controls', Controls)
    monkeypatch.setattr(browsers, 'Camera', lambda *_: SimpleNamespace(set_free=None))
    return Pages()


def driving(*clients):
    return [client.client_id for client in clients if client.controls.drives]


@pytest.mark.parametrize('name', MOVING)
def test_only_the_first_page_moves_the_arm(pages, name):
    first, second = pages.open(1), pages.open(2)
    assert driving(first, second) == [1]
    getattr(second.controls.actions, name)('it')
    assert not pages.asked
    getattr(first.controls.actions, name)('it')
    assert pages.asked == [(name, 'it')]


def test_any_page_holds_the_arm(pages):
    pages.open(1)
    pages.open(2).controls.actions.hold()
    assert pages.asked == [('hold',)]


def test_another_page_takes_over_and_what_the_first_one_does_is_ended(pages):
    first, second = pages.open(1), pages.open(2)
    second.controls.take_over()
    assert driving(first, second) == [2]
    assert pages.let_go == 1
    assert 'another page drives' in pages.stopped()[0]
    first.controls.actions.go_home()
    assert not pages.asked
    second.controls.actions.go_home()
    assert pages.asked == [('go_home',)]


def test_when_the_driver_is_closed_the_oldest_of_the_others_drives(pages):
    first, second, third = (pages.open(number) for number in (1, 2, 3))
    pages.close(first)
    assert driving(second, third) == [2]
    assert 'was closed' in pages.stopped()[0]
    assert pages.let_go == 1
    assert not pages.browsers.may_drive(1)


def test_a_watcher_that_is_closed_ends_nothing(pages):
    first, second = pages.open(1), pages.open(2)
    pages.close(second)
    assert driving(first) == [1]
    assert not pages.asked
    assert pages.let_go == 0


def test_when_all_were_closed_the_next_one_drives(pages):
    pages.close(pages.open(1))
    assert not pages.browsers
    assert driving(pages.open(2)) == [2]


def test_a_page_of_somebody_elses_has_no_controls_and_never_drives(pages):
    pages.foreign.add(1)
    foreign = pages.open(1)
    assert foreign.controls is None
    assert not pages.browsers
    assert driving(pages.open(2)) == [2]
    pages.close(foreign)
    assert pages.browsers.may_drive(2)
