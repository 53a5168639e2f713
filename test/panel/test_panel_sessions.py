"""Of several open pages one drives; the others watch, and may hold the arm."""

import asyncio
from math import inf
from types import SimpleNamespace

import pytest

pytest.importorskip('viser', reason='the panel needs viser')

from ik_nn_ros.panel import sessions
from ik_nn_ros.panel.connection import MAX_INPUT_AGE_S, ConnectionHeartbeat
from ik_nn_ros.panel.server import Server
from ik_nn_ros.panel.sessions import NOTICE_DURATION_S, RECONNECT_GRACE_S
from ik_nn_ros.panel.view import Actions, View

MOVING = [name for name in Actions._fields if name != 'hold']
STOPPING = 'hold', 'stop_drawing'


class Controls:
    """Stand-in for the controls of one page."""

    def __init__(self, client, actions, take_over, set_free):
        client.controls = self
        self.actions, self.take_over = actions, take_over

    def show(self, view, has_control, is_controlled):
        self.has_control, self.is_controlled, self.notes = has_control, is_controlled, view.notes


class Pages:
    """The sessions of a server that the test plays, on its own clock."""

    def __init__(self, patch):
        self.now, self.requests, self.release_count = 1000.0, [], 0
        self.foreign, self.heartbeats, self.phones = set(), {}, set()
        patch.setattr(sessions, 'time', SimpleNamespace(monotonic=lambda: self.now))
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
            start_heartbeat=lambda page: self.heartbeats.setdefault(
                page, ConnectionHeartbeat(lambda: self.now)
            ),
            stop_heartbeat=lambda page: self.heartbeats.pop(page, None),
        )
        actions = Actions(*(self.action(name) for name in Actions._fields))
        self.sessions = sessions.Sessions(server, actions, None, self.count_release)

    def action(self, name):
        return lambda *arguments: self.requests.append((name, *arguments))

    def count_release(self):
        self.release_count += 1

    def pass_time(self, seconds, silent=()):
        """Let time pass while all pages except the silent ones answer pings."""
        self.now += seconds
        for page, heartbeat in self.heartbeats.items():
            if page not in silent:
                heartbeat.record_pong(self.now)
                heartbeat.record_pong(self.now)

    def notes(self, client):
        self.sessions.show(View())
        return ' '.join(client.controls.notes)

    def open(self, number):
        client = SimpleNamespace(client_id=number, controls=None)
        asyncio.run(self.on_connect(client))
        return client

    def close(self, client):
        asyncio.run(self.on_disconnect(client))

    def stop_reasons(self):
        """Return the reasons for which drawing was stopped since the last call."""
        reasons = [request[1] for request in self.requests if request[0] == 'stop_drawing']
        self.requests.clear()
        return reasons


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.setattr(sessions, 'Controls', Controls)
    monkeypatch.setattr(sessions, 'Camera', lambda *_: SimpleNamespace(set_free_view=None))
    return Pages(monkeypatch)


def driving_pages(*clients):
    return [client.client_id for client in clients if client.controls.has_control]


@pytest.mark.parametrize('name', MOVING)
def test_only_the_first_page_moves_the_arm(pages, name):
    first, second = pages.open(1), pages.open(2)
    assert driving_pages(first, second) == [1]
    getattr(second.controls.actions, name)('it')
    assert not pages.requests
    getattr(first.controls.actions, name)('it')
    assert pages.requests == [(name, 'it')]


def test_any_page_holds_the_arm(pages):
    pages.open(1)
    pages.open(2).controls.actions.hold()
    assert pages.requests == [('hold',)]


def test_another_page_takes_over_and_ends_what_the_first_one_has_begun(pages):
    first, second = pages.open(1), pages.open(2)
    second.controls.take_over()
    assert driving_pages(first, second) == [2]
    assert pages.release_count == 1
    assert 'another page drives' in pages.stop_reasons()[0]
    first.controls.actions.go_home()
    assert not pages.requests
    second.controls.actions.go_home()
    assert pages.requests == [('go_home',)]


def test_when_the_page_that_drives_is_closed_no_page_drives_until_one_takes_over(pages):
    pages.phones = {2}
    first, second, third = (pages.open(number) for number in (1, 2, 3))
    pages.close(first)
    assert driving_pages(second, third) == []
    assert not second.controls.is_controlled
    assert 'was closed' in pages.stop_reasons()[0]
    assert pages.release_count == 1
    assert not pages.sessions.has_control(1)
    assert pages.sessions.silence == inf
    second.controls.take_over()
    assert driving_pages(second, third) == [2]
    assert third.controls.is_controlled


def test_the_page_that_drove_drives_again_when_it_is_reloaded(pages):
    pages.phones = {2}
    first, watching = pages.open(1), pages.open(2)
    pages.close(first)
    pages.pass_time(RECONNECT_GRACE_S - 1.0)
    again = pages.open(3)
    assert driving_pages(again, watching) == [3]
    assert 'other pages watch' in pages.notes(again)


@pytest.mark.parametrize(('after', 'phones'), [(1.0, {2, 3}), (RECONNECT_GRACE_S + 1.0, {2})])
def test_another_page_or_a_late_reload_does_not_drive_instead(pages, after, phones):
    pages.phones = phones
    first, watching = pages.open(1), pages.open(2)
    pages.close(first)
    pages.pass_time(after)
    assert driving_pages(pages.open(3), watching) == []


@pytest.mark.parametrize('name', MOVING)
def test_stale_input_is_ignored_unless_it_stops_the_arm(pages, name):
    page = pages.open(1)
    pages.pass_time(MAX_INPUT_AGE_S + 0.1, silent={1})
    getattr(page.controls.actions, name)('it')
    assert pages.requests == ([(name, 'it')] if name in STOPPING else [])
    assert name in STOPPING or 'arrived too late' in pages.notes(page)
    page.controls.actions.hold()
    assert pages.requests[-1] == ('hold',)
    pages.requests.clear()
    pages.pass_time(0.1)
    getattr(page.controls.actions, name)('it')
    assert pages.requests == [(name, 'it')]
    pages.pass_time(NOTICE_DURATION_S + 0.1)
    assert 'arrived too late' not in pages.notes(page)


def test_a_page_that_is_closed_before_its_connection_is_reported_is_ignored():
    # It would drive forever: that it is closed has already been reported.
    server = object.__new__(Server)
    server._host = 'localhost'
    server.viser = SimpleNamespace(_websock_server=SimpleNamespace(_live_connections={}))
    assert not server.is_same_origin(1)


def test_a_stale_request_to_drive_is_ignored(pages):
    first, second = pages.open(1), pages.open(2)
    pages.pass_time(MAX_INPUT_AGE_S + 0.1, silent={2})
    second.controls.take_over()
    assert driving_pages(first, second) == [1]


def test_silence_is_that_of_the_page_that_drives(pages):
    pages.open(1)
    pages.open(2)
    pages.pass_time(3.0, silent={2})
    assert pages.sessions.silence == 0.0
    pages.pass_time(3.0, silent={1})
    assert pages.sessions.silence == 3.0


def test_closing_a_page_that_watches_ends_nothing(pages):
    first, second = pages.open(1), pages.open(2)
    pages.close(second)
    assert driving_pages(first) == [1]
    assert not pages.requests
    assert pages.release_count == 0


def test_the_first_page_after_all_were_closed_drives(pages):
    pages.close(pages.open(1))
    assert not pages.sessions
    assert driving_pages(pages.open(2)) == [2]


def test_a_foreign_page_has_no_controls_and_never_drives(pages):
    pages.foreign.add(1)
    foreign = pages.open(1)
    assert foreign.controls is None
    assert not pages.sessions
    assert driving_pages(pages.open(2)) == [2]
    pages.close(foreign)
    assert pages.sessions.has_control(2)
