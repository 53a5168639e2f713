"""
A page without a browser: it receives everything that the panel sends, and draws nothing.

``python -m ik_nn_ros.bench.page_reader http://localhost:8080``
"""

from __future__ import annotations

import sys

import msgspec
import viser
from websockets.sync.client import connect
from websockets.typing import Subprotocol

CAMERA_MESSAGE = {
    'type': 'ViewerCameraMessage',
    'wxyz': (1.0, 0.0, 0.0, 0.0),
    'position': (0.0, 0.0, 1.0),
    'fov': 0.5,
    'near': 0.1,
    'far': 100.0,
    'image_width': 960,
    'image_height': 800,
    'look_at': (0.0, 0.0, 0.0),
    'up_direction': (0.0, 1.0, 0.0),
}
"""First message of a browser; viser ignores clients that do not send it."""


def main(url: str) -> None:
    """Read from a panel until it ends."""
    address = url.replace('http', 'ws', 1)
    protocol = Subprotocol(f'viser-v{viser.__version__}')
    with connect(address, subprotocols=[protocol], max_size=None, compression=None) as page:
        page.send(msgspec.msgpack.encode(CAMERA_MESSAGE))
        page.recv()
        sys.stdout.write('the page is open\n')
        sys.stdout.flush()
        for _ in page:
            pass


if __name__ == '__main__':
    main(sys.argv[1])
