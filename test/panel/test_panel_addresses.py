"""Where the page is said to be, it can be opened."""

import socket

import pytest

from ik_nn_ros.panel.addresses import own_addresses, urls


@pytest.mark.parametrize('host', ['0.0.0.0', '::'])
def test_all_addresses_are_told_one_by_one(host):
    here, *elsewhere = urls(host, 8080)
    assert here == 'http://localhost:8080'
    assert elsewhere == [f'http://{address}:8080' for address in own_addresses()]


def test_one_is_told_as_it_is():
    assert urls('localhost', 80) == ('http://localhost:80',)
    assert urls('robot', 80) == ('http://robot:80',)
    assert urls('::1', 80) == ('http://[::1]:80',)


def test_own_addresses_are_of_this_machine_and_no_loopback():
    for address in own_addresses():
        assert not address.startswith('127.')
        with socket.socket() as server:
            server.bind((address, 0))
