"""A page of the panel without a browser, on a connection that the test can stall."""

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


class Stalling:
    """Passes on what comes at a port of its own to another one, and back; or holds it up."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_open = threading.Event()
        self._is_open.set()
        self._sockets = [socket.create_server(('127.0.0.1', 0))]
        self.port = self._sockets[0].getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        self._is_open.clear()

    def go_on(self) -> None:
        self._is_open.set()

    def close(self) -> None:
        self.go_on()
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
    """It answers pings as a browser does, and knows what is written on the page."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._controls: dict[str, dict[str, Any]] = {}
        """What each shows, by its id."""
        threading.Thread(target=self._read, daemon=True).start()
        connection.send(msgspec.msgpack.encode(CAMERA_MESSAGE))

    @property
    def text(self) -> str:
        shown = [control for control in list(self._controls.values()) if control.get('visible', 1)]
        return '\n'.join(str(control.get('_markdown', '')) for control in shown)

    def press(self, label: str, value: object = True) -> None:
        """Press a button, or of a group the one with that value."""
        (uuid,) = (
            uuid for uuid, shown in list(self._controls.items()) if shown.get('label') == label
        )
        update = {'type': 'GuiUpdateMessage', 'uuid': uuid, 'updates': {'value': value}}
        self._connection.send(msgspec.msgpack.encode(update))

    def _read(self) -> None:
        with suppress(ConnectionClosed):
            for data in self._connection:
                length = int.from_bytes(data[8:16], 'little')
                decoded = zstandard.decompress(data[16 : 16 + length])
                for message in msgspec.msgpack.decode(decoded)['messages']:
                    shown = message.get('props') or message.get('updates')
                    if message['type'].startswith('Gui') and 'uuid' in message:
                        self._controls.setdefault(message['uuid'], {}).update(shown or {})


@contextmanager
def stalling_page(url: str) -> Iterator[tuple[WirePage, Stalling]]:
    """Open a page."""
    way = Stalling(int(url.rsplit(':', 1)[-1]))
    protocol = f'viser-v{viser.__version__}'
    address = f'ws://localhost:{way.port}'
    try:
        # The test holds it up for longer than a client waits for an answer to its own pings.
        options: dict[str, Any] = {'max_size': None, 'compression': None, 'ping_interval': None}
        with connect(address, subprotocols=[protocol], **options) as connection:
            try:
                yield WirePage(connection), way
            finally:
                way.go_on()
    finally:
        way.close()
