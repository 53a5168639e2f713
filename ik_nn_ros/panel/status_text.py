"""What goes on, in words for who has not read the documentation; as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ik_nn_ros.panel.view import Outcome, ShapeStatus, View

ARM_TOO_SHORT_TEXT, FOLD_LIMIT_TEXT = 'the arm is not long enough', 'it cannot fold so far'
REASON_TEXTS: Mapping[str, str] = {
    'NOT_FINITE': 'That is no place: a coordinate is not a number.',
    'BAD_FRAME': 'The target names a frame that is none.',
    'NO_TRANSFORM': 'Where the frame of the target is, nobody says.',
    'OUT_OF_PLANE': 'The target lies beside the plane in which the arm moves.',
    'TOO_OLD': 'The target was sent too long ago, or before the arm was ready for it. '
    'Send it once more.',
    'UNREACHABLE': f'Too far away, or too near: {ARM_TOO_SHORT_TEXT}, or {FOLD_LIMIT_TEXT}.',
    'JOINT_LIMITS': 'Near enough, but a joint would have to turn past its limit, '
    'or bend to the side that is not allowed.',
    'OBSTRUCTED': 'A zone to keep out of is in the way.',
    'EMPTY_PATH': 'The path has no places.',
    'UNSUPPORTED': 'This arm goes to single targets only, along no path.',
    'NO_JOINT_STATES': 'Where the joints are is not known: the arm is silent.',
    'HOLDING': 'The arm is held, or at rest because a joint did not follow.',
    'NOT_ACTIVE': 'ik_node is not active.',
}
"""By reason code, a sentence or two."""
ARRIVED_TEXTS = {
    'ACCEPTED': 'The arm is at the target.',
    'PROJECTED': 'Out of reach: the arm is at the nearest place it can reach.',
}
ARRIVAL_TOLERANCE_M = 2e-3
"""How near the tip must be to be there, m."""
STAGE_TEXTS = {
    'network': 'network alone',
    'refined': 'network, refined',
    'closed_form': 'closed form',
}
"""What found the joints, in words."""
UNKNOWN_TEXT = '–'
SENT, SILENT = 'SENT', 'SILENT'
"""Codes of a target that was not answered: yet, or for long."""
UNANSWERED_TEXTS: Mapping[str, str] = {
    SENT: 'Sent…',
    SILENT: 'ik_node does not answer.',
}
HOLDING_TEXT = 'Holding…'
HOLD_UNANSWERED_TEXT = 'ik_node has not answered Hold: use the emergency stop.'
STALE_INPUT_TEXT = 'What you asked for came too late and was not done. Ask for it once more.'
IN_CONTROL_TEXT = 'This page drives; others watch.'
OTHER_IN_CONTROL_TEXT = 'Another page drives; this one watches. Hold works from here, too.'
NONE_IN_CONTROL_TEXT = 'No page drives: press Drive from this page. Hold works from here, too.'


def outcome_text(code: str, detail: str = '') -> str:
    """
    Return what an answer means, in plain words.

    :param code: of the answer
    :param detail: what it says of the reason
    """
    if code == 'ACCEPTED':
        return 'Going to the target.'
    if code == 'PROJECTED':
        return 'Out of reach: going to the nearest place the arm can reach.'
    if code in UNANSWERED_TEXTS:
        return UNANSWERED_TEXTS[code]
    distance = re.search(r'got (\S+) m, expected (\S+) to (\S+) m$', detail)
    if code == 'UNREACHABLE' and distance is not None:
        got, nearest, _ = map(float, distance.groups())
        return (
            f'Too near: {FOLD_LIMIT_TEXT}.'
            if got < nearest
            else f'Too far away: {ARM_TOO_SHORT_TEXT}.'
        )
    return REASON_TEXTS.get(code, f'The target was refused: {code}.')


def status_text(view: View, has_control: bool, is_controlled: bool = True) -> str:
    """
    Return what is going on.

    :param has_control: whether it is this page that drives
    :param is_controlled: whether any page does
    """
    return '\n\n'.join(_status_paragraphs(view, has_control, is_controlled))


def _status_paragraphs(view: View, has_control: bool, is_controlled: bool) -> Iterator[str]:
    if view.hold_pending:
        yield f'**{HOLDING_TEXT}**'
    elif view.missing:
        yield '\n'.join(('**Waiting for**', *(f'- {text}' for text in view.missing)))
    elif view.holding:
        yield '**Held.** Press Resume to go on.'
    elif view.speed_scale == 0.0:
        yield '**Paused.** Raise Speed to go on.'
    elif view.shape is not None:
        yield _shape_text(view.shape)
    elif not view.problem and view.outcome is None:
        yield '**Drag the disc, or click where the tip is to go.**'
    elif not view.problem and view.outcome is not None:
        yield f'**{_arrival_text(view.outcome, view.tip_error, view.is_stuck)}**'
        if view.outcome.detail:
            yield f'{view.outcome.code}: {view.outcome.detail}'
    if view.problem == HOLD_UNANSWERED_TEXT:
        yield f'<b style="color: #e03131">{view.problem}</b>'
    elif view.problem:
        yield f'**{view.problem}**'
    if view.has_other_publishers and not view.missing and view.shape is None:
        yield 'Another node sends targets.' + ' Drag the disc to take over.' * has_control
    yield from view.notes
    if not has_control:
        yield OTHER_IN_CONTROL_TEXT if is_controlled else NONE_IN_CONTROL_TEXT


def _arrival_text(outcome: Outcome, tip_error: float | None, is_stuck: bool) -> str:
    if tip_error is not None and outcome.code in ARRIVED_TEXTS:
        if tip_error < ARRIVAL_TOLERANCE_M:
            return ARRIVED_TEXTS[outcome.code]
        if is_stuck:
            return f'The arm does not get there: the tip is {1e3 * tip_error:.3g} mm off.'
    return outcome_text(outcome.code, outcome.detail)


def _shape_text(shape: ShapeStatus) -> str:
    if not shape.has_begun:
        return f'**Going to where the {shape.name} begins.**'
    what = f'{shape.name}, {1e2 * shape.width:.3g} cm wide'
    return f'**Drawing a {what}.** To end it, press Stop drawing or drag the disc.'


def accuracy_text(view: View) -> str:
    """Return how near the tip is, and how quick the last answer was."""
    error = UNKNOWN_TEXT if view.tip_error is None else f'{1e3 * view.tip_error:.2f} mm'
    latency = UNKNOWN_TEXT if view.latency is None else f'{1e3 * view.latency:.1f} ms'
    return f'Tip from target: **{error}** · answer: **{latency}**'


def stage_counts_text(view: View) -> str:
    """Return how many targets were solved by what, and how many refused."""
    stages = ' · '.join(
        f'{name} {view.stage_counts.get(code, 0)}' for code, name in STAGE_TEXTS.items()
    )
    return f'Solved by: {stages} · refused {view.rejected_count}'
