"""What goes on has words for who has not read the documentation."""

import re
from pathlib import Path

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.result import Reason
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.nodes.ik.target_solver import _rejection_detail
from ik_nn_ros.panel.status_text import (
    REASON_TEXTS,
    accuracy_text,
    outcome_text,
    stage_counts_text,
    status_text,
)
from ik_nn_ros.panel.view import Outcome, ShapeStatus, View

ARM = ArmModel('stiff', ('a', 'b'), (0.3, 0.2))
INTERFACES = Path(__file__).parents[2] / 'docs' / 'interfaces.md'


def test_every_documented_reason_code_has_words():
    section = INTERFACES.read_text().split('### Reason codes')[1].split('\n#')[0]
    assert set(re.findall(r'^\| ([A-Z_]+) \|', section, re.M)) == set(REASON_TEXTS)


def test_a_code_that_came_later_is_shown_as_it_is():
    assert 'BRAND_NEW' in outcome_text('BRAND_NEW')


def test_every_reason_of_the_solver_has_words():
    assert {reason.name for reason in Reason} - {'NONE'} <= set(REASON_TEXTS)


def words(**view):
    return status_text(View(branch='nearest', **view), has_control=True)


def test_what_is_missing_is_said_before_anything_else():
    refused = Outcome('UNREACHABLE', 'got 0.6 m')
    text = words(missing=('the arm', 'ik_node'), outcome=refused, holding=True)
    assert 'the arm' in text
    assert 'ik_node' in text
    assert 'Held' not in text
    assert 'UNREACHABLE' not in text


def test_a_refused_target_is_told_in_plain_words_and_in_numbers():
    text = words(outcome=Outcome('UNREACHABLE', 'got 0.6 m'))
    assert 'the arm is not long enough' in text
    assert 'UNREACHABLE: got 0.6 m' in text


def test_an_arm_that_is_there_is_not_said_to_be_going():
    accepted = Outcome('ACCEPTED', goal=(0.1, 0.2))
    assert 'Moving to the target' in words(outcome=accepted, tip_error=0.1)
    assert 'Moving' not in words(outcome=accepted, tip_error=1e-4)
    assert 'at the target' in words(outcome=accepted, tip_error=1e-4)
    projected = Outcome('PROJECTED', goal=(0.1, 0.2))
    assert 'at the nearest point' in words(outcome=projected, tip_error=1e-4)


def test_an_arm_that_recovers_is_not_to_be_resumed():
    text = words(outcome=Outcome('HOLDING', 'recovering: joint1'), holding=False)
    assert 'did not follow' in text
    assert 'Resume' not in text


def test_a_figure_is_told_of_until_it_ends_and_why_it_ended():
    accepted = Outcome('ACCEPTED', goal=(0.1, 0.2))
    figure = ShapeStatus('circle', 0.187, False, np.empty((0, 2)))
    assert 'Moving to the start of the circle' in words(shape=figure, outcome=accepted)
    assert 'Drawing a circle, 18.7 cm wide' in words(shape=figure._replace(has_begun=True))
    ended = words(problem='The circle has ended: the arm is held.', holding=True)
    assert 'Held.' in ended
    assert 'The circle has ended' in ended


def test_a_pause_is_told_as_long_as_nothing_is_worse():
    figure = ShapeStatus('circle', 0.187, True, np.empty((0, 2)))
    assert 'Raise Speed' in words(speed_scale=0.0, shape=figure)
    assert 'Raise Speed' not in words(speed_scale=0.0, holding=True)


def test_a_page_that_watches_says_so():
    assert 'this page watches' in status_text(View(), has_control=False)
    assert 'watches' not in status_text(View(), has_control=True)


def test_numbers_that_are_not_known_are_not_made_up():
    assert accuracy_text(View()).count('–') == 2
    text = accuracy_text(View(tip_error=0.00123, latency=0.0045))
    assert '1.23 mm' in text
    assert '4.5 ms' in text


def test_a_network_whose_answer_is_refined_is_named():
    text = stage_counts_text(View(stage_counts={'network': 3, 'refined': 7}, rejected_count=2))
    for shown in ('network alone 3', 'network, refined 7', 'closed form 0', 'refused 2'):
        assert shown in text


@pytest.mark.parametrize(
    ('point', 'said', 'unsaid'),
    [((0.6, 0.0), 'Too far away', 'Too near'), ((0.01, 0.0), 'Too near', 'Too far')],
)
def test_it_says_whether_a_target_is_too_far_or_too_near(point, said, unsaid):
    """By what the ik_node says of it."""
    detail = _rejection_detail(HybridSolver(ARM), Reason.UNREACHABLE, point, ARM.home)
    text = words(outcome=Outcome('UNREACHABLE', detail, point))
    assert said in text
    assert unsaid not in text


def test_an_arm_that_does_not_get_there_is_not_said_to_be_going():
    accepted = Outcome('ACCEPTED', goal=(0.1, 0.2))
    text = words(outcome=accepted, tip_error=0.0123, is_stuck=True)
    assert 'does not reach its goal: the tip is 12.3 mm off' in text
    assert 'Moving' not in text
    assert 'at the target' in words(outcome=accepted, tip_error=1e-4, is_stuck=True)
    assert 'does not reach its goal' not in words(outcome=Outcome('HOLDING'), is_stuck=True)


def test_who_drives_is_told_how_to_take_over_from_another_node():
    rival = View(branch='nearest', has_other_publishers=True)
    assert 'Another node sends targets. Drag the disc' in status_text(rival, has_control=True)
    assert 'Another node sends targets' in status_text(rival, has_control=False)
    assert 'Drag the disc to take over' not in status_text(rival, has_control=False)
    assert 'Another node' not in words(has_other_publishers=True, missing=('the arm',))


def test_notes_are_there_whatever_goes_on():
    for view in ({'missing': ('the arm',)}, {'holding': True}, {}):
        assert 'Anybody can' in words(notes=('Anybody can.',), **view)
