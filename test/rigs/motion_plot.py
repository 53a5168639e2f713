"""Pictures of a motion: what was commanded and measured over time, and the limits as lines."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from motion_judge import Bounds

FOLDER = 'IK_NN_ROS_MOTION_PLOTS'
"""Environment variable: the folder for pictures; not set: none are drawn."""
STRIDE = 3
"""Velocities and accelerations are means over so many samples."""
UNITS = ('position, rad', 'velocity, rad/s', 'acceleration, rad/s²')


def keep(folder: Path, name: str, bounds: Bounds, history: dict) -> None:
    """
    Write a recording to a folder, and a picture of it where the environment names one.

    :param history: what was spoken, ``command`` and ``measured``
    """
    wanted = os.environ.get(FOLDER)
    folder = Path(wanted) if wanted else folder
    folder.mkdir(parents=True, exist_ok=True)
    series = {
        name: (np.array([s.sent for s in said]), np.array([s.q for s in said]).reshape(-1, 2))
        for name, said in history.items()
    }
    times = {f'{name}_t': t for name, (t, _) in series.items()}
    np.savez(folder / f'{name}.npz', **times, **{f'{name}_q': q for name, (_, q) in series.items()})
    if wanted:
        draw(folder / f'{name}.png', name, bounds, series)


def draw(file: Path, title: str, bounds: Bounds, series: dict) -> None:
    """Draw position, velocity and acceleration of both joints."""
    import matplotlib

    matplotlib.use('agg')
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(3, 2, figsize=(13, 9), sharex=True)
    begin = min(t[0] for t, _ in series.values() if len(t))
    for joint in (0, 1):
        levels = [(bounds.lower[joint], bounds.upper[joint])]
        levels += [(-rate, rate) for rate in bounds.rates[:2]]
        for order, (panel, lines) in enumerate(zip(axes[:, joint], levels, strict=True)):
            for (name, (t, q)), style in zip(series.items(), ('-', '--'), strict=True):
                times, values = _derivative(t - begin, q[:, joint], order)
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
        passed = t[STRIDE:] - t[:-STRIDE]
        q = np.where(passed < 0.1, (q[STRIDE:] - q[:-STRIDE]) / np.maximum(passed, 1e-4), np.nan)
        t = 0.5 * (t[STRIDE:] + t[:-STRIDE])
    if order == 0:
        q = np.where(np.diff(t, prepend=t[:1]) < 0.1, q, np.nan)
    return t, q
