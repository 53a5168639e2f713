"""
Placement of names beside the points of a plot, so that no name covers another or a mark.

The library adjustText is no replacement: version 1.4.0 leaves two of 13 names on marks of the plot
of errors against time, and takes more than ten times as long.
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

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.studies.plot_style import GREY

FONT_PT = 9.0
CANDIDATE_DISTANCES_PT = (9.0, 15.0, 24.0, 36.0, 50.0, 68.0, 90.0)
"""Candidate distances of a name from its point, pt."""
MAX_UNLINKED_DISTANCE_PT = 15.0
"""Largest distance of a name without a line to its point, pt."""
LINK_SAMPLE_FRACTIONS = np.linspace(0.15, 1.0, 24)
"""Positions on a line, from the point to the middle of its name, that are checked for overlap."""
MIN_LINK_CLEARANCE_PT = 3.0
"""Smallest distance of a line from a mark, pt."""
LABEL_MARGIN_PT = np.array((-4.0, -2.0, 4.0, 2.0))
"""Margin around a name, pt: left, bottom, right, top."""
CANDIDATE_DIRECTION_COUNT = 24
"""Number of candidate directions of a name from its point."""
LABEL_OVERLAP_COST = 60.0
"""Cost of a name on another name or outside the axes."""
MARK_OVERLAP_COST = 3.0
"""Cost of a name on a mark."""
DISTANCE_COST_PER_PT = 0.08
"""Cost of a pt of distance of a name from its point."""


@dataclass(frozen=True)
class Label:
    """
    A name for a point.

    :param text: the name
    :param x: coordinate of the point, data
    :param y: coordinate of the point, data
    :param color: colour of the name
    """

    text: str
    x: float
    y: float
    color: str


@dataclass(frozen=True)
class LabelPlacement:
    """
    A candidate position of a name; all in pt.

    :param distance: distance of the name from its point
    :param offset: (2,) offset of the name's middle from its point
    :param box: (4,) left, bottom, right and top of the name
    :param link: (N, 2) points on the line to its point; N is 0 without a line
    """

    distance: float
    offset: Array
    box: Array
    link: Array


def place_labels(axes: Axes, labels: Sequence[Label], marks: Array) -> None:
    """
    Draw names near their points, on no other name and on as few marks as possible.

    :param axes: axes with everything else drawn and their limits set
    :param labels: names to draw
    :param marks: (M, 2) points that should stay visible, data
    """
    figure = cast(Figure, axes.figure)
    figure.draw_without_rendering()  # computes the layout
    to_pt = 72.0 / figure.dpi
    points = axes.transData.transform(marks) * to_pt
    frame = np.array(axes.bbox.extents) * to_pt
    sizes = [_text_size(axes, label.text) * to_pt for label in labels]
    anchors = axes.transData.transform([(label.x, label.y) for label in labels]) * to_pt
    candidates = [
        _place_greedily(anchors, sizes, order, points, frame)
        for order in (*anchors.T.argsort(axis=1), *(-anchors.T).argsort(axis=1))
    ]
    _, placements = min(candidates, key=lambda candidate: candidate[0])
    for label, placement in zip(labels, placements, strict=True):
        _draw_label(axes, label, placement)


def _place_greedily(
    anchors: Array, sizes: Sequence[Array], order: NDArray[np.intp], points: Array, frame: Array
) -> tuple[float, list[LabelPlacement]]:
    """Place the names in order, each at the least cost; return total cost and placements."""
    total = 0.0
    chosen: dict[int, LabelPlacement] = {}
    for number in order.tolist():
        boxes = [placement.box for placement in chosen.values()]
        best = inf
        for placement in _candidate_placements(anchors[number], sizes[number]):
            if DISTANCE_COST_PER_PT * placement.distance >= best:
                break  # the candidates that follow are farther away
            cost = DISTANCE_COST_PER_PT * placement.distance + _placement_cost(
                placement, points, boxes, frame
            )
            if cost < best:
                best, chosen[number] = cost, placement
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
    artist = axes.text(0.5, 0.5, text, fontsize=FONT_PT, transform=axes.transAxes)
    extent = artist.get_window_extent()
    artist.remove()
    return np.array((extent.width, extent.height))


def _candidate_placements(anchor: Array, size: Array) -> Iterator[LabelPlacement]:
    for distance in CANDIDATE_DISTANCES_PT:
        for angle in np.linspace(0.0, 2.0 * np.pi, CANDIDATE_DIRECTION_COUNT, endpoint=False):
            direction = np.array((np.cos(angle), np.sin(angle)))
            offset = direction * (distance + 0.5 * size * np.abs(direction))
            middle = anchor + offset
            box = np.concatenate((middle - 0.5 * size, middle + 0.5 * size))
            link = anchor + LINK_SAMPLE_FRACTIONS[:, None] * offset
            link = (
                link[~_are_inside(link, box)] if distance > MAX_UNLINKED_DISTANCE_PT else link[:0]
            )
            yield LabelPlacement(distance, offset, box, link)


def _placement_cost(
    placement: LabelPlacement, points: Array, occupied_boxes: Sequence[Array], frame: Array
) -> float:
    box = placement.box + LABEL_MARGIN_PT
    overlapped_names = sum(
        bool((box[:2] < other[2:]).all() and (box[2:] > other[:2]).all())
        or bool(_are_inside(placement.link, other).any())
        for other in occupied_boxes
    )
    is_outside = not _are_inside(box.reshape(2, 2), frame).all()
    gaps = np.linalg.norm(placement.link[:, None] - points, axis=2)
    overlapped_marks = int(_are_inside(points, box).sum()) + int(
        (gaps < MIN_LINK_CLEARANCE_PT).any(axis=1).sum()
    )
    return (
        LABEL_OVERLAP_COST * (overlapped_names + is_outside) + MARK_OVERLAP_COST * overlapped_marks
    )


def _are_inside(points: Array, box: Array) -> NDArray[np.bool_]:
    """Return (N,) whether (N, 2) points lie in a box."""
    inside: NDArray[np.bool_] = np.all((points > box[:2]) & (points < box[2:]), axis=1)
    return inside
