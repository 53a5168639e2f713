"""Paths of the tip for tests, (N, 2), m, in reach of an arm with links of 0.3 m and 0.2 m."""

import numpy as np


def circle(center, radius, count, turns=1.0, begin=0.3):
    angle = begin + np.linspace(0.0, 2.0 * np.pi * turns, count)
    return np.array(center) + radius * np.column_stack((np.cos(angle), np.sin(angle)))


def figure_eight(count=400):
    angle = np.linspace(0.0, 2.0 * np.pi, count)
    return np.array((0.3, 0.1)) + 0.1 * np.column_stack((np.sin(angle), np.sin(2.0 * angle)))


def square(half=0.08):
    return np.array((0.3, 0.1)) + half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])


def wave(rng, count=300, begin=0.4):
    """A random smooth path between the inner and the outer boundary of the reach."""
    fraction = np.linspace(0.0, 1.0, count)
    radius, angle = np.zeros(count), np.zeros(count)
    for order in range(1, 5):
        phases = rng.uniform(0.0, 2.0 * np.pi, 2)
        radius += rng.normal() / order * np.sin(np.pi * order * fraction + phases[0])
        angle += rng.normal() / order * np.sin(np.pi * order * fraction + phases[1])
    radius = 0.3 + 0.15 * radius / np.abs(radius).max()
    angle = begin + np.clip(angle, -2.0, 2.0)
    return radius[:, None] * np.column_stack((np.cos(angle), np.sin(angle)))


def off_lines(tips, poses):
    """Largest distance (m) of tips (N, 2) from the straight lines through poses."""
    start, step = poses[:-1], np.diff(poses, axis=0)
    square = np.maximum((step * step).sum(axis=1), 1e-30)
    largest = 0.0
    for chunk in np.array_split(tips, max(len(tips) // 200, 1)):
        along = np.einsum('nij,ij->ni', chunk[:, None] - start, step) / square
        nearest = start + np.clip(along, 0.0, 1.0)[..., None] * step
        distances = np.hypot(*np.moveaxis(chunk[:, None] - nearest, -1, 0)).min(axis=1)
        largest = max(largest, float(distances.max()))
    return largest
