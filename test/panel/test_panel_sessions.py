"""Of several pages that are open one drives; the others watch, and may hold the arm."""

import asyncio
from math import inf
from types import SimpleNamespace

import pytest

pytest.importorskip('viser', reason='the panel needs viser')

from ik_nn_ros.panel import sessions as browsers
from ik_nn_ros.panel.connection import MAX_INPUT_AGE_S, ConnectionHeartbeat
from ik_nn_ros.panel.server import Server
from ik_nn_ros.panel.sessions import NOTICE_DURATION_S, RECONNECT_GRACE_S
from ik_nn_ros.panel.view import Actions, View

MOVING = [name for name in Actions._fields if name != 'hold']
RESTING = 'hold', 'stop_drawing'


class Controls:
    """Stands for what one page shows and asks for."""

    def __init__(self, client, actions, take_over, set_free):
        client.controls = self
        self.actions, self.take_over = actions, take_over

    def show(self, view, has_control, is_controlled):
        self.has_control, self.is_controlled, self.notes = has_control, is_controlled, view.notes


class Pages:
    """The pages of a server of the test's."""

    def __init__(self, patch):
        self.now, self.asked, self.let_go = 1000.0, [], 0
        self.foreign, self.pulses, self.phones = set(), {}, set()
        patch.setattr(browsers, 'time', SimpleNamespace(monotonic=lambda: self.now))
        viser = SimpleNamespace(
            on_client_connect=lambda callback: setattr(self, 'on_connect', callback),
            on_client_disconnect=lambda callback: setattr(self, 'on_disconnect', callback),
        )
        server = SimpleNamespace(
            viser=viser,
            is_same_origin=lambda page: page not in self.foreign,
            fingerprint=lambda page: (
                ('10.0.0.2', 'phone') if page in self.phones else ('::1', 'desk')
            ),
            start_heartbeat=lambda page: self.pulses.setdefault(
                page, ConnectionHeartbeat(lambda: self.now)
            ),
            stop_heartbeat=lambda page: self.pulses.pop(page, None),
        )
        actions = Actions(*(self.action(name) for name in Actions._fields))
        self.browsers = browsers.Sessions(server, actions, None, self.count)

    def action(self, name):
        return lambda *arguments: self.asked.append((name, *arguments))

    def count(self):
        self.let_go += 1

    def pass_time(self, seconds, silent=()):
        """Let time pass; pages answer all the while, but for some."""
        self.now += seconds
        for page, pulse in self.pulses.items():
            if page not in silent:
                pulse.record_pong(self.now)
                pulse.record_pong(self.now)

    def notes(self, client):
        self.browsers.show(View())
        return ' '.join(client.controls.notes)

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
    monkeypatch.setattr(browsers, 'Camera', lambda *_: SimpleNamespace(set_free_view=None))
    return Pages(monkeypatch)


def driving(*clients):
    return [client.client_id for client in clients if client.controls.has_control]


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


def test_when_the_driver_is_closed_nobody_drives_until_one_asks_to(pages):
    pages.phones = {2}
    first, second, third = (pages.open(number) for number in (1, 2, 3))
    pages.close(first)
    assert driving(second, third) == []
    assert not second.controls.is_controlled
    assert 'was closed' in pages.stopped()[0]
    assert pages.let_go == 1
    assert not pages.browsers.has_control(1)
    assert pages.browsers.silence == inf
    second.controls.take_over()
    assert driving(second, third) == [2]
    assert third.controls.is_controlled


def test_the_page_that_drove_drives_again_when_it_is_loaded_anew(pages):
    pages.phones = {2}
    first, watching = pages.open(1), pages.open(2)
    pages.close(first)
    pages.pass_time(RECONNECT_GRACE_S - 1.0)
    again = pages.open(3)
    assert driving(again, watching) == [3]
    assert 'other pages watch' in pages.notes(again)


@pytest.mark.parametrize(('after', 'phones'), [(1.0, {2, 3}), (RECONNECT_GRACE_S + 1.0, {2})])
def test_another_page_or_one_that_comes_late_does_not_drive_instead(pages, after, phones):
    pages.phones = phones
    first, watching = pages.open(1), pages.open(2)
    pages.close(first)
    pages.pass_time(after)
    assert driving(pages.open(3), watching) == []


@pytest.mark.parametrize('name', MOVING)
def test_what_was_held_up_on_its_way_is_not_done_unless_it_brings_to_rest(pages, name):
    page = pages.open(1)
    pages.pass_time(MAX_INPUT_AGE_S + 0.1, silent={1})
    getattr(page.controls.actions, name)('it')
    assert pages.asked == ([(name, 'it')] if name in RESTING else [])
    assert name in RESTING or 'arrived too late' in pages.notes(page)
    page.controls.actions.hold()
    assert pages.asked[-1] == ('hold',)
    pages.asked.clear()
    pages.pass_time(0.1)
    getattr(page.controls.actions, name)('it')
    assert pages.asked == [(name, 'it')]
    pages.pass_time(NOTICE_DURATION_S + 0.1)
    assert 'arrived too late' not in pages.notes(page)


def test_a_page_that_is_closed_before_it_is_taken_in_is_no_page():
    # It would drive for ever: that it is closed has been told already.
    server = object.__new__(Server)
    server._host = 'localhost'
    server.viser = SimpleNamespace(_websock_server=SimpleNamespace(_live_connections={}))
    assert not server.is_same_origin(1)


def test_who_wanted_to_drive_long_ago_does_not(pages):
    first, second = pages.open(1), pages.open(2)
    pages.pass_time(MAX_INPUT_AGE_S + 0.1, silent={2})
    second.controls.take_over()
    assert driving(first, second) == [1]


def test_the_one_that_drives_is_silent_and_no_watcher(pages):
    pages.open(1)
    pages.open(2)
    pages.pass_time(3.0, silent={2})
    assert pages.browsers.silence == 0.0
    pages.pass_time(3.0, silent={1})
    assert pages.browsers.silence == 3.0


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
    assert pages.browsers.has_control(2)
