"""The addresses that are reported for the page are those where it can be opened."""

import socket

import pytest

from ik_nn_ros.panel.connection import outbound_address, page_urls


@pytest.mark.parametrize('host', ['0.0.0.0', '::'])
def test_an_unspecified_address_yields_one_for_this_machine_and_one_for_others(host):
    assert page_urls(host, 8080) == ('http://localhost:8080', f'http://{outbound_address()}:8080')


def test_another_address_is_reported_as_it_is():
    assert page_urls('localhost', 80) == ('http://localhost:80',)
    assert page_urls('robot', 80) == ('http://robot:80',)
    assert page_urls('::1', 80) == ('http://[::1]:80',)


def test_the_outbound_address_belongs_to_this_machine():
    address = socket.gethostbyname(outbound_address())
    with socket.socket() as server:
        server.bind((address, 0))


def test_without_a_network_the_host_name_is_used(monkeypatch):
    def unreachable(*_):
        raise OSError('Network is unreachable')

    monkeypatch.setattr(socket, 'socket', lambda *_: FakeSocket(unreachable))
    assert outbound_address() == socket.gethostname()


class FakeSocket:
    def __init__(self, connect):
        self.connect = connect

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
