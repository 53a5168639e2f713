"""Where the page can be opened."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress

ELSEWHERE = ('192.0.2.1', 9)
"""An address for documentation, RFC 5737: the way to it is asked for, nothing is sent."""


def urls(host: str, port: int) -> tuple[str, ...]:
    """
    Return where a page is, first where it is for its own machine.

    :param host: address it is served at; all addresses stand for the one others know it by
    :param port: of it
    """
    hosts = [host]
    with suppress(ValueError):  # a name
        if ipaddress.ip_address(host).is_unspecified:
            hosts = ['localhost', own_address()]
    return tuple(
        f'http://[{name}]:{port}' if ':' in name else f'http://{name}:{port}' for name in hosts
    )


def own_address() -> str:
    """Return the address by which this machine goes to others, without a network its name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(ELSEWHERE)
        except OSError:
            return socket.gethostname()
        address: str = way.getsockname()[0]
        return address
