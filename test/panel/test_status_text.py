"""The status texts explain every state without the documentation."""

import re
from pathlib import Path

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.acceptance import Reason
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


def test_every_documented_reason_code_is_explained():
    section = INTERFACES.read_text().split('### Reason codes')[1].split('\n#')[0]
    assert set(re.findall(r'^\| ([A-Z_]+) \|', section, re.M)) == set(REASON_TEXTS)


def test_an_unknown_code_is_shown_as_it_is():
    assert 'BRAND_NEW' in outcome_text('BRAND_NEW')


def test_every_reason_of_the_solver_is_explained():
    assert {reason.name for reason in Reason} - {'NONE'} <= set(REASON_TEXTS)


def text_of(**view):
    return status_text(View(branch='nearest', **view), has_control=True)


def test_what_is_missing_comes_first():
    refused = Outcome('UNREACHABLE', 'got 0.6 m')
    text = text_of(missing=('the arm', 'ik_node'), outcome=refused, holding=True)
    assert 'the arm' in text
    assert 'ik_node' in text
    assert 'Held' not in text
    assert 'UNREACHABLE' not in text


def test_a_refused_target_is_explained_with_its_numbers():
    text = text_of(outcome=Outcome('UNREACHABLE', 'got 0.6 m'))
    assert 'the arm is not long enough' in text
    assert 'UNREACHABLE: got 0.6 m' in text


def test_an_arm_at_its_target_is_not_said_to_move():
    accepted = Outcome('ACCEPTED', goal=(0.1, 0.2))
    assert 'Moving to the target' in text_of(outcome=accepted, tip_error=0.1)
    assert 'Moving' not in text_of(outcome=accepted, tip_error=1e-4)
    assert 'at the target' in text_of(outcome=accepted, tip_error=1e-4)
    projected = Outcome('PROJECTED', goal=(0.1, 0.2))
    assert 'at the nearest point' in text_of(outcome=projected, tip_error=1e-4)


def test_a_recovering_arm_needs_no_resume():
    text = text_of(outcome=Outcome('HOLDING', 'recovering: joint1'), holding=False)
    assert 'did not follow' in text
    assert 'Resume' not in text


def test_a_shape_is_shown_until_it_ends_and_then_the_reason():
    accepted = Outcome('ACCEPTED', goal=(0.1, 0.2))
    shape = ShapeStatus('circle', 0.187, False, np.empty((0, 2)))
    assert 'Moving to the start of the circle' in text_of(shape=shape, outcome=accepted)
    assert 'Drawing a circle, 18.7 cm wide' in text_of(shape=shape._replace(has_begun=True))
    ended = text_of(problem='Stopped drawing the circle: the arm is held.', holding=True)
    assert 'Held.' in ended
    assert 'Stopped drawing the circle' in ended


def test_a_pause_is_shown_unless_the_arm_is_held():
    shape = ShapeStatus('circle', 0.187, True, np.empty((0, 2)))
    assert 'Raise Speed' in text_of(speed_scale=0.0, shape=shape)
    assert 'Raise Speed' not in text_of(speed_scale=0.0, holding=True)


def test_a_page_that_watches_says_so():
    assert 'this page watches' in status_text(View(), has_control=False)
    assert 'watches' not in status_text(View(), has_control=True)


def test_unknown_numbers_are_shown_as_such():
    assert accuracy_text(View()).count('–') == 2
    text = accuracy_text(View(tip_error=0.00123, latency=0.0045))
    assert '1.23 mm' in text
    assert '4.5 ms' in text


def test_all_solver_stages_are_counted():
    text = stage_counts_text(View(stage_counts={'network': 3, 'refined': 7}, rejected_count=2))
    for shown in ('network alone 3', 'network, refined 7', 'closed form 0', 'refused 2'):
        assert shown in text


@pytest.mark.parametrize(
    ('point', 'expected', 'unexpected'),
    [((0.6, 0.0), 'Too far away', 'Too near'), ((0.01, 0.0), 'Too near', 'Too far')],
)
def test_too_far_is_told_from_too_near(point, expected, unexpected):
    """By the detail that ik_node publishes."""
    detail = _rejection_detail(HybridSolver(ARM), Reason.UNREACHABLE, point, ARM.home)
    text = text_of(outcome=Outcome('UNREACHABLE', detail, point))
    assert expected in text
    assert unexpected not in text


def test_an_arm_that_has_stopped_short_is_not_said_to_move():
    accepted = Outcome('ACCEPTED', goal=(0.1, 0.2))
    text = text_of(outcome=accepted, tip_error=0.0123, is_stuck=True)
    assert 'does not reach its goal: the tip is 12.3 mm off' in text
    assert 'Moving' not in text
    assert 'at the target' in text_of(outcome=accepted, tip_error=1e-4, is_stuck=True)
    assert 'does not reach its goal' not in text_of(outcome=Outcome('HOLDING'), is_stuck=True)


def test_the_page_that_drives_explains_how_to_take_over_from_another_node():
    view = View(branch='nearest', has_other_publishers=True)
    assert 'Another node sends targets. Drag the disc' in status_text(view, has_control=True)
    assert 'Another node sends targets' in status_text(view, has_control=False)
    assert 'Drag the disc to take over' not in status_text(view, has_control=False)
    assert 'Another node' not in text_of(has_other_publishers=True, missing=('the arm',))


def test_notes_are_always_shown():
    for view in ({'missing': ('the arm',)}, {'holding': True}, {}):
        assert 'Anybody can' in text_of(notes=('Anybody can.',), **view)
