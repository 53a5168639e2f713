"""What became of a target, in words for who has not read the documentation."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    'NOT_FINITE': 'That is no place: a coordinate is not a number.',
    'BAD_FRAME': 'The target names a frame that is none.',
    'NO_TRANSFORM': 'Where the frame of the target is, nobody says.',
    'OUT_OF_PLANE': 'The target lies beside the plane in which the arm moves.',
    'TOO_OLD': 'The target was sent before the arm was ready for it. Drag it once more.',
    'UNREACHABLE': 'Too far away, or too near: the arm is not long enough, or cannot fold so far.',
    'JOINT_LIMITS': 'Near enough, but a joint would have to turn past its limit, '
    'or bend to the side that is not allowed.',
    'OBSTRUCTED': 'A zone to keep out of is in the way.',
    'EMPTY_PATH': 'The path has no places.',
    'UNSUPPORTED': 'This arm goes to single targets only, along no path.',
    'NO_JOINT_STATES': 'Where the joints are is not known: the arm is silent.',
    'HOLDING': 'The arm is held. Press Resume, then drag the target again.',
    'NOT_ACTIVE': 'ik_node is not active.',
}
"""By reason code, a sentence or two."""


def outcome_words(code: str) -> str:
    """Return what an answer's code means, in plain words."""
    if code == 'ACCEPTED':
        return 'Going to the target.'
    if code == 'PROJECTED':
        return 'Out of reach: going to the nearest place the arm can reach.'
    return REASONS.get(code, f'The target was refused: {code}.')
