"""Plots of a motion: commanded and measured joints over time, with their limits."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from command_stream import MotionBounds
from motion_recorder import StampedJoints

FOLDER_VARIABLE = 'IK_NN_ROS_MOTION_PLOTS'
"""Environment variable with the folder for plots; without it none are drawn."""
STRIDE = 3
"""Number of samples over which velocities and accelerations are averaged."""
UNITS = ('position, rad', 'velocity, rad/s', 'acceleration, rad/s²')
Series = dict[str, tuple[np.ndarray, np.ndarray]]
"""Times (s) and joints (rad) by name."""


def save_motion(
    folder: Path, name: str, bounds: MotionBounds, history: dict[str, list[StampedJoints]]
) -> None:
    """
    Write a recording to a folder, and a plot of it where the environment names a folder.

    :param folder: for the recording where the environment names none
    :param history: ``command`` and ``measured``
    """
    plots = os.environ.get(FOLDER_VARIABLE)
    folder = Path(plots) if plots else folder
    folder.mkdir(parents=True, exist_ok=True)
    series = {
        name: (np.array([s.sent for s in states]), np.array([s.q for s in states]).reshape(-1, 2))
        for name, states in history.items()
    }
    times = {f'{name}_t': t for name, (t, _) in series.items()}
    np.savez(folder / f'{name}.npz', **times, **{f'{name}_q': q for name, (_, q) in series.items()})
    if plots:
        draw(folder / f'{name}.png', name, bounds, series)


def draw(file: Path, title: str, bounds: MotionBounds, series: Series) -> None:
    """Draw position, velocity and acceleration of both joints."""
    import matplotlib

    matplotlib.use('agg')
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(3, 2, figsize=(13, 9), sharex=True)
    start = min(t[0] for t, _ in series.values() if len(t))
    for joint in (0, 1):
        levels = [(bounds.lower[joint], bounds.upper[joint])]
        levels += [(-rate, rate) for rate in bounds.rates[:2]]
        for order, (panel, lines) in enumerate(zip(axes[:, joint], levels, strict=True)):
            for (name, (t, q)), style in zip(series.items(), ('-', '--'), strict=True):
                times, values = _derivative(t - start, q[:, joint], order)
                panel.plot(times, values, style, lw=1.1, label=name)
            for line in lines:
                panel.axhline(line, color='tab:red', lw=0.9)
            panel.set_ylabel(UNITS[order])
            panel.grid(alpha=0.3)
        axes[0, joint].set_title(f'joint{joint + 1}')
        axes[2, joint].set_xlabel('s')
    axes[0, 0].legend(loc='best')
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(file, dpi=80)
    plt.close(figure)


def _derivative(t: np.ndarray, q: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return times and derivative of a series; NaN where samples are missing."""
    for _ in range(order):
        if len(t) <= STRIDE:
            return t[:0], q[:0]
        steps = t[STRIDE:] - t[:-STRIDE]
        q = np.where(steps < 0.1, (q[STRIDE:] - q[:-STRIDE]) / np.maximum(steps, 1e-4), np.nan)
        t = 0.5 * (t[STRIDE:] + t[:-STRIDE])
    if order == 0:
        q = np.where(np.diff(t, prepend=t[:1]) < 0.1, q, np.nan)
    return t, q
