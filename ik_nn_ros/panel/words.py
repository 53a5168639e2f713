"""What goes on, in words for who has not read the documentation; as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ik_nn_ros.panel.view import Figure, View

REASONS: Mapping[str, str] = {
    'NOT_FINITE': 'That is no place: a coordinate is not a number.',
    'BAD_FRAME': 'The target names a frame that is none.',
    'NO_TRANSFORM': 'Where the frame of the target is, nobody says.',
    'OUT_OF_PLANE': 'The target lies beside the plane in which the arm moves.',
    'TOO_OLD': 'The target was sent too long ago, or before the arm was ready for it. '
    'Send it once more.',
    'UNREACHABLE': 'Too far away, or too near: the arm is not long enough, or cannot fold so far.',
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
STAGES = ('network', 'refined', 'closed_form')
NOTHING = '–'


def outcome_words(code: str) -> str:
    """Return what an answer's code means, in plain words."""
    if code == 'ACCEPTED':
        return 'Going to the target.'
    if code == 'PROJECTED':
        return 'Out of reach: going to the nearest place the arm can reach.'
    return REASONS.get(code, f'The target was refused: {code}.')


def status_words(view: View, drives: bool) -> str:
    """
    Return what is going on.

    :param drives: whether it is this page that drives
    """
    return '\n\n'.join(_status(view, drives))


def _status(view: View, drives: bool) -> Iterator[str]:
    if view.missing:
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
        code = view.outcome.code
        is_there = view.tip_error is not None and view.tip_error < ARRIVED
        yield f'**{(is_there and THERE.get(code)) or outcome_words(code)}**'
        if view.outcome.detail:
            yield f'{view.outcome.code}: {view.outcome.detail}'
    if view.problem:
        yield f'**{view.problem}**'
    if not drives:
        yield 'Another page drives; this one watches. Hold works from here, too.'


def _figure_words(figure: Figure) -> str:
    if not figure.has_begun:
        return f'**Going to where the {figure.name} begins.**'
    what = f'{figure.name}, {1e2 * figure.width:.3g} cm wide'
    return f'**Drawing a {what}.** To end it, press Stop drawing or drag the disc.'


def number_words(view: View) -> str:
    """Return the numbers: how near the tip is, how quick the answers are, how they were found."""
    error = NOTHING if view.tip_error is None else f'{1e3 * view.tip_error:.2f} mm'
    latency = NOTHING if view.latency is None else f'{1e3 * view.latency:.1f} ms'
    stages = ' · '.join(f'{name.replace("_", " ")} {view.stages.get(name, 0)}' for name in STAGES)
    return (
        f'Tip from target: **{error}**\n\nAnswer after: **{latency}**\n\n'
        f'Solved by: {stages} · refused {view.refused}'
    )
