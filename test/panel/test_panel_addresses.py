"""Where the page is said to be, it can be opened."""

import socket

import pytest

from ik_nn_ros.panel.connection import outbound_address, page_urls


@pytest.mark.parametrize('host', ['0.0.0.0', '::'])
def test_all_addresses_are_told_by_one_for_here_and_one_for_others(host):
    assert page_urls(host, 8080) == ('http://localhost:8080', f'http://{outbound_address()}:8080')


def test_one_is_told_as_it_is():
    assert page_urls('localhost', 80) == ('http://localhost:80',)
    assert page_urls('robot', 80) == ('http://robot:80',)
    assert page_urls('::1', 80) == ('http://[::1]:80',)


def test_the_own_address_is_of_this_machine():
    address = socket.gethostbyname(outbound_address())
    with socket.socket() as server:
        server.bind((address, 0))


def test_without_a_network_there_is_the_name(monkeypatch):
    def unreachable(*_):
        raise OSError('Network is unreachable')

    monkeypatch.setattr(socket, 'socket', lambda *_: Way(unreachable))
    assert outbound_address() == socket.gethostname()


class Way:
    def __init__(self, connect):
        self.connect = connect

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
