"""What goes on, in words for who has not read the documentation; as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ik_nn_ros.panel.view import Figure, Outcome, View

SHORT, STIFF = 'the arm is not long enough', 'it cannot fold so far'
REASONS: Mapping[str, str] = {
    'NOT_FINITE': 'That is no place: a coordinate is not a number.',
    'BAD_FRAME': 'The target names a frame that is none.',
    'NO_TRANSFORM': 'Where the frame of the target is, nobody says.',
    'OUT_OF_PLANE': 'The target lies beside the plane in which the arm moves.',
    'TOO_OLD': 'The target was sent too long ago, or before the arm was ready for it. '
    'Send it once more.',
    'UNREACHABLE': f'Too far away, or too near: {SHORT}, or {STIFF}.',
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
THERE = {
    'ACCEPTED': 'The arm is at the target.',
    'PROJECTED': 'Out of reach: the arm is at the nearest place it can reach.',
}
ARRIVED = 2e-3
"""How near the tip must be to be there, m."""
STAGES = {
    'network': 'network alone',
    'refined': 'network, refined',
    'closed_form': 'closed form',
}
"""What found the joints, in words."""
NOTHING = '–'
SENT, SILENT = 'SENT', 'SILENT'
"""Codes of a target that was not answered: yet, or for long."""
UNANSWERED: Mapping[str, str] = {
    SENT: 'Sent…',
    SILENT: 'ik_node does not answer.',
}
HOLDING = 'Holding…'
NOT_HELD = 'ik_node has not answered Hold: use the emergency stop.'
HELD_UP = 'What you asked for came too late and was not done. Ask for it once more.'
OTHERS_WATCH = 'This page drives; others watch.'
WATCHES = 'Another page drives; this one watches. Hold works from here, too.'
NOBODY_DRIVES = 'No page drives: press Drive from this page. Hold works from here, too.'


def outcome_words(code: str, detail: str = '') -> str:
    """
    Return what an answer means, in plain words.

    :param code: of the answer
    :param detail: what it says of the reason
    """
    if code == 'ACCEPTED':
        return 'Going to the target.'
    if code == 'PROJECTED':
        return 'Out of reach: going to the nearest place the arm can reach.'
    if code in UNANSWERED:
        return UNANSWERED[code]
    distance = re.search(r'got (\S+) m, expected (\S+) to (\S+) m$', detail)
    if code == 'UNREACHABLE' and distance is not None:
        got, nearest, _ = map(float, distance.groups())
        return f'Too near: {STIFF}.' if got < nearest else f'Too far away: {SHORT}.'
    return REASONS.get(code, f'The target was refused: {code}.')


def status_words(view: View, drives: bool, driven: bool = True) -> str:
    """
    Return what is going on.

    :param drives: whether it is this page that drives
    :param driven: whether any page does
    """
    return '\n\n'.join(_status(view, drives, driven))


def _status(view: View, drives: bool, driven: bool) -> Iterator[str]:
    if view.is_holding:
        yield f'**{HOLDING}**'
    elif view.missing:
        yield '\n'.join(('**Waiting for**', *(f'- {text}' for text in view.missing)))
    elif view.holding:
        yield '**Held.** Press Resume to go on.'
    elif view.speed_scale == 0.0:
        yield '**Paused.** Raise Speed to go on.'
    elif view.figure is not None:
        yield _figure_words(view.figure)
    elif not view.problem and view.outcome is None:
        yield '**Drag the disc, or click where the tip is to go.**'
    elif not view.problem and view.outcome is not None:
        yield f'**{_outcome_words(view.outcome, view.tip_error, view.is_stuck)}**'
        if view.outcome.detail:
            yield f'{view.outcome.code}: {view.outcome.detail}'
    if view.problem == NOT_HELD:
        yield f'<b style="color: #e03131">{view.problem}</b>'
    elif view.problem:
        yield f'**{view.problem}**'
    if view.has_rival and not view.missing and view.figure is None:
        yield 'Another node sends targets.' + ' Drag the disc to take over.' * drives
    yield from view.notes
    if not drives:
        yield WATCHES if driven else NOBODY_DRIVES


def _outcome_words(outcome: Outcome, tip_error: float | None, is_stuck: bool) -> str:
    if tip_error is not None and outcome.code in THERE:
        if tip_error < ARRIVED:
            return THERE[outcome.code]
        if is_stuck:
            return f'The arm does not get there: the tip is {1e3 * tip_error:.3g} mm off.'
    return outcome_words(outcome.code, outcome.detail)


def _figure_words(figure: Figure) -> str:
    if not figure.has_begun:
        return f'**Going to where the {figure.name} begins.**'
    what = f'{figure.name}, {1e2 * figure.width:.3g} cm wide'
    return f'**Drawing a {what}.** To end it, press Stop drawing or drag the disc.'


def number_words(view: View) -> str:
    """Return how near the tip is, and how quick the last answer was."""
    error = NOTHING if view.tip_error is None else f'{1e3 * view.tip_error:.2f} mm'
    latency = NOTHING if view.latency is None else f'{1e3 * view.latency:.1f} ms'
    return f'Tip from target: **{error}** · answer: **{latency}**'


def count_words(view: View) -> str:
    """Return how many targets were solved by what, and how many refused."""
    stages = ' · '.join(f'{name} {view.stages.get(code, 0)}' for code, name in STAGES.items())
    return f'Solved by: {stages} · refused {view.refused}'
