"""
Put names beside the points of a plot so that they can be read.

The adjustText library was tried: with 13 names it left some on marks and on each other, after 20 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ik_nn_ros.arm.model import Array
from ik_nn_ros.studies.plot_style import GREY

FONT_PT = 9.0
CANDIDATE_DISTANCES_PT = (9.0, 15.0, 24.0, 36.0, 50.0, 68.0, 90.0)
"""Distances, pt, of a name from its point that are tried."""
MAX_UNLINKED_DISTANCE_PT = 15.0
"""The farthest, pt, that needs no line between them."""
LINK_SAMPLE_FRACTIONS = np.linspace(0.15, 1.0, 24)
"""Parts of the way from a point to the middle of its name, where a line is looked at."""
MIN_LINK_CLEARANCE_PT = 3.0
"""Distance, pt, from which a line and a mark are apart."""
LABEL_MARGIN_PT = np.array((-4.0, -2.0, 4.0, 2.0))
"""What a name needs around it, pt: left, bottom, right, top."""
CANDIDATE_DIRECTION_COUNT = 24
LABEL_OVERLAP_COST, MARK_OVERLAP_COST = 60.0, 3.0
"""What it costs to lie on another name or outside, and on a mark."""
DISTANCE_COST_PER_PT = 0.08
"""What a distance of one pt costs."""


@dataclass(frozen=True)
class Label:
    """
    A name for a point.

    :param text: the name
    :param x: of the point, data
    :param y: of the point, data
    :param color: of the name
    """

    text: str
    x: float
    y: float
    color: str


@dataclass(frozen=True)
class LabelPlacement:
    """
    Where a name may be, pt.

    :param away: from its point
    :param offset: (2,) of the name's middle from its point
    :param box: (4,) left, bottom, right, top
    :param link: (N, 2) on the line between them; none: no line
    """

    distance: float
    offset: Array
    box: Array
    link: Array


def place_labels(axes: Axes, labels: Sequence[Label], marks: Array) -> None:
    """
    Write names where they are on no other and on as few marks as possible, near their points.

    :param axes: with all else drawn and its limits set
    :param marks: (M, 2) what should stay visible, data
    """
    figure = cast(Figure, axes.figure)
    figure.draw_without_rendering()  # only now the layout is known
    to_pt = 72.0 / figure.dpi
    points = axes.transData.transform(marks) * to_pt
    inside = np.array(axes.bbox.extents) * to_pt
    sizes = [_text_size(axes, label.text) * to_pt for label in labels]
    anchors = axes.transData.transform([(label.x, label.y) for label in labels]) * to_pt
    tried = [
        _place_greedily(anchors, sizes, order, points, inside)
        for order in (*anchors.T.argsort(axis=1), *(-anchors.T).argsort(axis=1))
    ]
    _, places = min(tried, key=lambda each: each[0])
    for label, place in zip(labels, places, strict=True):
        _draw_label(axes, label, place)


def _place_greedily(
    anchors: Array, sizes: Sequence[Array], order: NDArray[np.intp], points: Array, inside: Array
) -> tuple[float, list[LabelPlacement]]:
    """Place one name after the other where it costs least; return the sum, and the places."""
    total = 0.0
    chosen: dict[int, LabelPlacement] = {}
    for number in order.tolist():
        taken = [place.box for place in chosen.values()]
        best = inf
        for place in _candidate_placements(anchors[number], sizes[number]):
            if DISTANCE_COST_PER_PT * place.distance >= best:
                break  # farther ones only cost more
            cost = DISTANCE_COST_PER_PT * place.distance + _placement_cost(
                place, points, taken, inside
            )
            if cost < best:
                best, chosen[number] = cost, place
        total += best
        points = np.concatenate((points, chosen[number].link))
    return total, [chosen[number] for number in range(len(sizes))]


def _draw_label(axes: Axes, label: Label, placement: LabelPlacement) -> None:
    link = {'arrowstyle': '-', 'color': GREY, 'lw': 0.6, 'shrinkA': 1, 'shrinkB': 4}
    axes.annotate(
        label.text,
        (label.x, label.y),
        (placement.offset[0], placement.offset[1]),
        textcoords='offset points',
        ha='center',
        va='center',
        fontsize=FONT_PT,
        color=label.color,
        arrowprops=link if len(placement.link) else None,
    )


def _text_size(axes: Axes, text: str) -> Array:
    """Return width and height of a text, px."""
    trial = axes.text(0.5, 0.5, text, fontsize=FONT_PT, transform=axes.transAxes)
    extent = trial.get_window_extent()
    trial.remove()
    return np.array((extent.width, extent.height))


def _candidate_placements(anchor: Array, size: Array) -> Iterator[LabelPlacement]:
    for away in CANDIDATE_DISTANCES_PT:
        for angle in np.linspace(0.0, 2.0 * np.pi, CANDIDATE_DIRECTION_COUNT, endpoint=False):
            direction = np.array((np.cos(angle), np.sin(angle)))
            offset = direction * (away + 0.5 * size * np.abs(direction))
            middle = anchor + offset
            box = np.concatenate((middle - 0.5 * size, middle + 0.5 * size))
            link = anchor + LINK_SAMPLE_FRACTIONS[:, None] * offset
            link = link[~_are_inside(link, box)] if away > MAX_UNLINKED_DISTANCE_PT else link[:0]
            yield LabelPlacement(away, offset, box, link)


def _placement_cost(
    placement: LabelPlacement, points: Array, occupied_boxes: Sequence[Array], inside: Array
) -> float:
    room = placement.box + LABEL_MARGIN_PT
    names = sum(
        bool((room[:2] < other[2:]).all() and (room[2:] > other[:2]).all())
        or bool(_are_inside(placement.link, other).any())
        for other in occupied_boxes
    )
    outside = not _are_inside(room.reshape(2, 2), inside).all()
    gaps = np.linalg.norm(placement.link[:, None] - points, axis=2)
    met = int(_are_inside(points, room).sum()) + int(
        (gaps < MIN_LINK_CLEARANCE_PT).any(axis=1).sum()
    )
    return LABEL_OVERLAP_COST * (names + outside) + MARK_OVERLAP_COST * met


def _are_inside(points: Array, box: Array) -> NDArray[np.bool_]:
    """Tell of (N, 2) points whether they lie in a box."""
    inside: NDArray[np.bool_] = np.all((points > box[:2]) & (points < box[2:]), axis=1)
    return inside
