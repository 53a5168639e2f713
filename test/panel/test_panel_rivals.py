"""Others that send targets are noticed as long as they do."""

from ik_nn_ros.panel.rivals import LASTS, Rivals


def test_they_are_there_until_a_while_after_their_last_target():
    rivals = Rivals()
    assert not rivals.are_there(0.0, 0)
    assert rivals.are_there(1.0, 5)
    assert rivals.are_there(0.9 + LASTS, 5)
    assert not rivals.are_there(1.1 + LASTS, 5)
    assert rivals.are_there(9.0 + LASTS, 6)
