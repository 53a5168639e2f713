"""Texts of the page's status area, in Markdown, and what each reason code means; needs no viser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ik_nn_ros.panel.view import Outcome, ShapeStatus, View

ARM_TOO_SHORT_TEXT = 'the arm is not long enough'
FOLD_LIMIT_TEXT = 'the arm cannot fold that far'
REASON_TEXTS: Mapping[str, str] = {
    'NOT_FINITE': 'Invalid coordinate: it is not a finite number.',
    'BAD_FRAME': 'The target has an invalid frame.',
    'NO_TRANSFORM': "No transform for the target's frame.",
    'OUT_OF_PLANE': "The target is outside the arm's plane.",
    'TOO_OLD': 'The target was sent too long ago, or before the arm was ready. Send it again.',
    'UNREACHABLE': f'Too far away or too near: {ARM_TOO_SHORT_TEXT}, or {FOLD_LIMIT_TEXT}.',
    'JOINT_LIMITS': 'Within reach, but a joint would exceed its limit, '
    'or the elbow would bend to the side that is not allowed.',
    'OBSTRUCTED': 'A keep-out zone is in the way.',
    'EMPTY_PATH': 'The path has no poses.',
    'UNSUPPORTED': 'This arm accepts single targets only, no paths.',
    'NO_JOINT_STATES': 'The joint positions are unknown: no joint_states arrive.',
    'HOLDING': 'The arm is held, or was stopped because a joint did not follow.',
    'NOT_ACTIVE': 'ik_node is not active.',
}
"""Explanation of each reason code, one or two sentences."""
ARRIVED_TEXTS = {
    'ACCEPTED': 'The arm is at the target.',
    'PROJECTED': 'Out of reach: the arm is at the nearest point that it can reach.',
}
"""Texts for a tip that has reached its goal, by code."""
ARRIVAL_TOLERANCE_M = 2e-3
"""Distance from the goal below which the tip has arrived, m."""
STAGE_TEXTS = {
    'network': 'network alone',
    'refined': 'network, refined',
    'closed_form': 'closed form',
}
"""Names of the solver stages."""
UNKNOWN_TEXT = '–'
SENT = 'SENT'
"""Code of a target that has no answer yet."""
SILENT = 'SILENT'
"""Code of a target whose answer is overdue."""
UNANSWERED_TEXTS: Mapping[str, str] = {
    SENT: 'Sent…',
    SILENT: 'ik_node does not answer.',
}
HOLDING_TEXT = 'Holding…'
HOLD_UNANSWERED_TEXT = 'ik_node has not answered Hold: use the emergency stop.'
STALE_INPUT_TEXT = 'Your last input arrived too late and was ignored. Try again.'
IN_CONTROL_TEXT = 'This page drives; other pages watch.'
OTHER_IN_CONTROL_TEXT = 'Another page drives; this page watches. Hold works from here, too.'
NONE_IN_CONTROL_TEXT = 'No page drives: press Drive from this page. Hold works from here, too.'


def outcome_text(code: str, detail: str = '') -> str:
    """
    Return what an answer means.

    :param code: code of the answer
    :param detail: detail of the answer, which tells too far from too near
    """
    if code == 'ACCEPTED':
        return 'Moving to the target.'
    if code == 'PROJECTED':
        return 'Out of reach: moving to the nearest point that the arm can reach.'
    if code in UNANSWERED_TEXTS:
        return UNANSWERED_TEXTS[code]
    distance = re.search(r'got (\S+) m, expected (\S+) to (\S+) m$', detail)
    if code == 'UNREACHABLE' and distance is not None:
        got, minimum, _ = map(float, distance.groups())
        return (
            f'Too near: {FOLD_LIMIT_TEXT}.'
            if got < minimum
            else f'Too far away: {ARM_TOO_SHORT_TEXT}.'
        )
    return REASON_TEXTS.get(code, f'The target was refused: {code}.')


def status_text(view: View, has_control: bool, is_controlled: bool = True) -> str:
    """
    Return the status of arm, target and page.

    :param has_control: whether this page drives
    :param is_controlled: whether any page drives
    """
    return '\n\n'.join(_status_paragraphs(view, has_control, is_controlled))


def _status_paragraphs(view: View, has_control: bool, is_controlled: bool) -> Iterator[str]:
    if view.hold_pending:
        yield f'**{HOLDING_TEXT}**'
    elif view.missing:
        yield '\n'.join(('**Waiting for**', *(f'- {text}' for text in view.missing)))
    elif view.holding:
        yield '**Held.** Press Resume to continue.'
    elif view.speed_scale == 0.0:
        yield '**Paused.** Raise Speed to continue.'
    elif view.shape is not None:
        yield _shape_text(view.shape)
    elif not view.problem and view.outcome is None:
        yield '**Drag the disc, or click a point for the tip.**'
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
            return f'The arm does not reach its goal: the tip is {1e3 * tip_error:.3g} mm off.'
    return outcome_text(outcome.code, outcome.detail)


def _shape_text(shape: ShapeStatus) -> str:
    if not shape.has_begun:
        return f'**Moving to the start of the {shape.name}.**'
    return (
        f'**Drawing a {shape.name}, {1e2 * shape.width:.3g} cm wide.** '
        'Press Stop drawing or drag the disc to end it.'
    )


def accuracy_text(view: View) -> str:
    """Return the distance of the tip from its goal and the time of the last answer."""
    error = UNKNOWN_TEXT if view.tip_error is None else f'{1e3 * view.tip_error:.2f} mm'
    latency = UNKNOWN_TEXT if view.latency is None else f'{1e3 * view.latency:.1f} ms'
    return f'Tip from target: **{error}** · answer: **{latency}**'


def stage_counts_text(view: View) -> str:
    """Return the number of targets that each stage solved, and of those refused."""
    stages = ' · '.join(
        f'{name} {view.stage_counts.get(code, 0)}' for code, name in STAGE_TEXTS.items()
    )
    return f'Solved by: {stages} · refused {view.rejected_count}'
