"""Whether it is our own page that has come to the web server."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from ik_nn_ros.errors import ConfigError


def require_address(host: str) -> None:
    """
    Refuse what is no address of this machine: the web server would look for a port for ever.

    :raises ConfigError: it is none
    """
    found = []
    with suppress(OSError):
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        with suppress(OSError), socket.socket(family, kind, protocol) as trial:
            trial.bind(address)
            return
    raise ConfigError('host', got=host, expected='an address of this machine')


def is_loopback(host: str) -> bool:
    """Tell whether an address or a name is for this machine alone."""
    found = socket.getaddrinfo(host, None)
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)


def is_own(origin: str | None, asked: str | None, host: str) -> bool:
    """
    Tell whether a connection comes from a page that this server has served.

    A browser lets any page of the web open one to this machine, but it says whose page it is. And
    such a page may have a name of its own stand for this machine, so that is asked for by name.

    :param origin: header Origin; None: it is no browser
    :param asked: header Host
    :param host: address the page is served at
    """
    if origin is None:
        return True
    if asked is None or urlsplit(origin).netloc != asked:
        return False
    name = urlsplit(f'//{asked}').hostname or ''
    return not is_loopback(host) or name in ('localhost', '127.0.0.1', '::1', host)
