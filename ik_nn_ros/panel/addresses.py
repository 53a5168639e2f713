"""Where the page can be opened."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import suppress

ADDRESS_OF = 0x8915
"""Linux: asks for the IPv4 address of a network interface; it stands behind what comes before."""
BEFORE, LENGTH = 20, 4
NAME = 256


def urls(host: str, port: int) -> tuple[str, ...]:
    """
    Return where a page is, first where it is for its own machine.

    :param host: address it is served at; that of all addresses stands for each of them
    :param port: of it
    """
    hosts = [host]
    with suppress(ValueError):  # a name
        if ipaddress.ip_address(host).is_unspecified:
            hosts = ['localhost', *own_addresses()]
    return tuple(
        f'http://[{name}]:{port}' if ':' in name else f'http://{name}:{port}' for name in hosts
    )


def own_addresses() -> Iterator[str]:
    """Yield the IPv4 addresses by which other machines may reach this one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # this one has none
                request = name.encode().ljust(NAME, b'\0')
                answer = fcntl.ioctl(asked.fileno(), ADDRESS_OF, request)
                address = ipaddress.ip_address(answer[BEFORE : BEFORE + LENGTH])
                if not address.is_loopback:
                    yield str(address)
