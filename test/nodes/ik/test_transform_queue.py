"""Targets that wait for a transform: in order, each answered once, none held up for long."""

import pytest
import tf2_rig
from processes import wait_until

from ik_nn_ros.nodes.ik.target_intake import TransformQueue


@pytest.fixture(scope='module')
def spun():
    yield from tf2_rig.nodes()


class Answers:
    """Answers targets but those in ``missing``; these only when they may no longer wait."""

    def __init__(self, spun, timeout):
        node, self.executor = spun
        self.missing = set()
        self.given = []
        self.tries = 0
        self.waiting = TransformQueue(node, self._answer, timeout)

    def _answer(self, target, may_wait):
        self.tries += 1
        if target in self.missing and may_wait:
            return False
        self.given.append((target, target not in self.missing))
        return True

    def spin_until(self, condition):
        wait_until(
            condition, what=self.given, between=lambda: self.executor.spin_once(timeout_sec=0.05)
        )


@pytest.fixture
def answers(spun):
    it = Answers(spun, 60.0)
    yield it
    it.waiting.drain()


def test_what_need_not_wait_is_answered_at_once(answers):
    answers.waiting.put('a')
    assert answers.given == [('a', True)]
    assert not len(answers.waiting)


def test_those_behind_one_that_waits_come_after_it(answers):
    answers.missing = {'a', 'c'}
    for target in 'abcd':
        answers.waiting.put(target)
    assert answers.given == []
    answers.missing = {'c'}
    answers.spin_until(lambda: len(answers.given) == 2)
    assert answers.given == [('a', True), ('b', True)]
    answers.missing = set()
    answers.spin_until(lambda: len(answers.given) == 4)
    assert [target for target, _ in answers.given] == list('abcd')


def test_after_its_time_one_is_refused_and_the_next_has_its_turn(answers):
    answers.waiting.set_timeout(0.03)
    answers.missing = {'a'}
    answers.waiting.put('a')
    answers.waiting.put('b')
    answers.spin_until(lambda: len(answers.given) == 2)
    assert answers.given == [('a', False), ('b', True)]


def test_nothing_waits_where_the_time_is_zero(answers):
    answers.waiting.set_timeout(0.0)
    answers.missing = {'a'}
    answers.waiting.put('a')
    assert answers.given == [('a', False)]


def test_all_that_wait_can_be_had_back(answers):
    answers.missing = {'a'}
    answers.waiting.put('a')
    answers.waiting.put('b')
    assert answers.waiting.drain() == ['a', 'b']
    assert answers.given == []
    answers.waiting.put('c')
    assert answers.given == [('c', True)]


def test_nobody_is_asked_while_nothing_waits(answers):
    answers.missing = {'a'}
    answers.waiting.put('a')
    answers.missing = set()
    answers.spin_until(lambda: answers.given)
    tries = answers.tries
    node = answers.executor.get_nodes()[0]
    ticks = []
    timer = node.create_timer(0.01, lambda: ticks.append(1))
    answers.spin_until(lambda: len(ticks) >= 3)
    node.destroy_timer(timer)
    assert answers.tries == tries
