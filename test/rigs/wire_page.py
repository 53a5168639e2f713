"""The panel's page without a browser, on a connection that the test can stall."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import viser
import zstandard
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from ik_nn_ros.bench.page_reader import CAMERA_MESSAGE


class StallingProxy:
    """Forwards connections at a port of its own to another port, and can stall them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_open = threading.Event()
        self._is_open.set()
        self._sockets = [socket.create_server(('127.0.0.1', 0))]
        self.port = self._sockets[0].getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        self._is_open.clear()

    def resume(self) -> None:
        self._is_open.set()

    def close(self) -> None:
        self.resume()
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ends = (
                    self._sockets[0].accept()[0],
                    socket.create_connection(('localhost', self._port)),
                )
                self._sockets += ends
                for source, sink in (ends, ends[::-1]):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._is_open.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


class WirePage:
    """A client that answers pings as a browser does, and knows the texts on the page."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._controls: dict[str, dict[str, Any]] = {}
        """Properties of each control, by its id."""
        self._texts: list[str] = []
        """All texts since the last :meth:`forget`, also those that were shown for a short time."""
        threading.Thread(target=self._read, daemon=True).start()
        connection.send(msgspec.msgpack.encode(CAMERA_MESSAGE))

    @property
    def text(self) -> str:
        controls = [item for item in list(self._controls.values()) if item.get('visible', True)]
        return '\n'.join(str(control.get('_markdown', '')) for control in controls)

    def forget(self) -> None:
        """Forget earlier texts."""
        self._texts.clear()

    def has_shown(self, text: str) -> bool:
        """Return whether a text is or was on the page."""
        return text in self.text or any(text in shown for shown in list(self._texts))

    def press(self, label: str, value: object = True) -> None:
        """Press a button, or the one with this value in a group."""
        (uuid,) = (
            uuid for uuid, control in list(self._controls.items()) if control.get('label') == label
        )
        update = {'type': 'GuiUpdateMessage', 'uuid': uuid, 'updates': {'value': value}}
        self._connection.send(msgspec.msgpack.encode(update))

    def _read(self) -> None:
        with suppress(ConnectionClosed):
            for data in self._connection:
                length = int.from_bytes(data[8:16], 'little')
                decoded = zstandard.decompress(data[16 : 16 + length])
                for message in msgspec.msgpack.decode(decoded)['messages']:
                    properties = message.get('props') or message.get('updates') or {}
                    if message['type'].startswith('Gui') and 'uuid' in message:
                        self._controls.setdefault(message['uuid'], {}).update(properties)
                        self._texts.append(str(properties.get('_markdown', '')))


@contextmanager
def stalling_page(url: str) -> Iterator[tuple[WirePage, StallingProxy]]:
    """Open a page."""
    proxy = StallingProxy(int(url.rsplit(':', 1)[-1]))
    protocol = f'viser-v{viser.__version__}'
    address = f'ws://localhost:{proxy.port}'
    try:
        # The test stalls it for longer than a client waits for the answer to its own pings.
        options: dict[str, Any] = {'max_size': None, 'compression': None, 'ping_interval': None}
        with connect(address, subprotocols=[protocol], **options) as connection:
            try:
                yield WirePage(connection), proxy
            finally:
                proxy.resume()
    finally:
        proxy.close()
