"""Only pages that this server has served are accepted, and only local addresses."""

import pytest

from ik_nn_ros.errors import ConfigError
from ik_nn_ros.panel.connection import is_loopback, is_same_origin, require_local_address


@pytest.mark.parametrize(
    ('origin', 'host_header', 'host', 'is_own'),
    [
        ('http://localhost:8080', 'localhost:8080', 'localhost', True),
        ('http://127.0.0.1:9000', '127.0.0.1:9000', 'localhost', True),  # through a tunnel
        ('http://[::1]:8080', '[::1]:8080', 'localhost', True),
        (None, 'localhost:8080', 'localhost', True),
        ('http://evil.example', 'localhost:8080', 'localhost', False),
        ('http://localhost:3000', 'localhost:8080', 'localhost', False),
        ('http://evil.example:8080', 'evil.example:8080', 'localhost', False),  # DNS rebinding
        ('null', 'localhost:8080', 'localhost', False),  # a sandboxed frame
        ('http://robot.lan:8080', 'robot.lan:8080', '0.0.0.0', True),
        ('http://evil.example', 'robot.lan:8080', '0.0.0.0', False),
    ],
)
def test_only_pages_of_this_server_are_accepted(origin, host_header, host, is_own):
    assert is_same_origin(origin, host_header, host) is is_own


def test_loopback():
    assert is_loopback('localhost')
    assert is_loopback('127.0.0.1')
    assert not is_loopback('0.0.0.0')


def test_an_address_of_another_machine_is_rejected():
    with pytest.raises(ConfigError, match=r'host: got 203\.0\.113\.7'):
        require_local_address('203.0.113.7')
    require_local_address('localhost')
