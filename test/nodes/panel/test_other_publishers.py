"""Others that send targets are noticed as long as they do."""

from ik_nn_ros.nodes.panel.ik_client import OTHER_PUBLISHER_TIMEOUT_S, OtherPublishers


def test_they_are_there_until_a_while_after_their_last_target():
    rivals = OtherPublishers()
    assert not rivals.are_active(0.0, 0)
    assert rivals.are_active(1.0, 5)
    assert rivals.are_active(0.9 + OTHER_PUBLISHER_TIMEOUT_S, 5)
    assert not rivals.are_active(1.1 + OTHER_PUBLISHER_TIMEOUT_S, 5)
    assert rivals.are_active(9.0 + OTHER_PUBLISHER_TIMEOUT_S, 6)
