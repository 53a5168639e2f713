"""Record of a demo run: counts and errors of its targets, their summary, and a picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.acceptance import Status
from ik_nn_ros.ik.solver import HybridSolver

ACCEPTED_CODES = ('ACCEPTED', 'PROJECTED')
JOINT_COLORS = ('tab:blue', 'tab:orange')
MOTION_GAP_S = 0.1
"""Time between two commands, s, beyond which they belong to two motions."""


@dataclass
class DemoRecord:
    """
    The measurements of one run.

    :param arm: the arm
    """

    arm: ArmModel
    target_count: int = 0
    result_codes: Counter[str] = field(default_factory=Counter)
    """Answers by reason code."""
    stages: Counter[str] = field(default_factory=Counter)
    """Commands by the stage that solved them."""
    solver_errors: list[float] = field(default_factory=list)
    """Distance of each command's tip, by the model, from its target, m."""
    tip_errors: list[float] = field(default_factory=list)
    """Distance of the tip from each accepted target when the next one was due, m."""
    round_trips_s: list[float] = field(default_factory=list)
    """Time from publishing a target to receiving its command, s."""
    limit_violations: int = 0
    """Number of commands outside the joint limits."""
    commands: list[tuple[float, float, float]] = field(default_factory=list)
    """Time, s, and both joint positions, rad, of each command."""
    accepted_targets: list[tuple[float, float]] = field(default_factory=list)
    """Accepted targets in the arm's plane, m."""
    rejected_targets: list[tuple[str, tuple[float, float]]] = field(default_factory=list)
    """Reason code of each rejected target, and the target in the arm's plane, m."""
    tip_path: list[tuple[float, float]] = field(default_factory=list)
    """Positions of the tip in the arm's plane, m."""

    def summary(self) -> dict[str, Any]:
        """Return the run in numbers: lengths in m, times in µs, None without a measurement."""
        rejected = {code: n for code, n in self.result_codes.items() if code not in ACCEPTED_CODES}
        return {
            'targets': self.target_count,
            'accepted': sum(self.result_codes[code] for code in ACCEPTED_CODES),
            'rejected': rejected,
            'unanswered': self.target_count - self.result_codes.total(),
            'stages': dict(self.stages),
            'solver_error_max_m': max(self.solver_errors, default=None),
            'tip_error_p50_m': _percentile(self.tip_errors, 50),
            'tip_error_p95_m': _percentile(self.tip_errors, 95),
            'limit_violations': self.limit_violations,
            'round_trip_p50_us': _percentile(self.round_trips_s, 50, 1e6),
            'round_trip_p99_us': _percentile(self.round_trips_s, 99, 1e6),
        }

    def plot(self, file: Path) -> None:
        """
        Draw the targets, the path of the tip and the commanded joints.

        :param file: PNG file to write
        """
        from matplotlib.figure import Figure

        figure = Figure(figsize=(13, 7), layout='constrained')
        grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1.0))
        self._draw_path(figure.add_subplot(grid[:, 0], aspect='equal'))
        if len(self.commands) > 1:
            self._draw_joints(figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1]))
        figure.savefig(file, dpi=110)

    def _draw_path(self, axes: Any) -> None:
        self._draw_workspace(axes)
        if self.accepted_targets:
            axes.plot(
                *np.array(self.accepted_targets).T, '.', ms=7, color='tab:orange', label='target'
            )
        if self.tip_path:
            axes.plot(*np.array(self.tip_path).T, lw=1.2, color='tab:blue', label='tip')
            axes.plot(*self.tip_path[0], 'o', ms=6, color='tab:blue', label='start')
        for number, (code, point) in enumerate(dict(self.rejected_targets).items()):
            label = 'rejected' if number == 0 else None
            axes.plot(*point, 'x', ms=9, mew=2, color='tab:red', label=label)
            axes.annotate(code, point, (0, 9), textcoords='offset points', ha='center', fontsize=8)
        axes.set(xlabel="x in the arm's plane, m", ylabel="y in the arm's plane, m")
        axes.set_title(f'{self.arm.name}: targets and path of the tip')
        axes.set(xlim=1.5 * self.arm.reach * np.array([-1, 1]))
        axes.set(ylim=1.5 * self.arm.reach * np.array([-1, 1]))
        axes.grid(alpha=0.3)
        axes.legend(loc='upper right')

    def _draw_joints(self, positions: Any, velocities: Any) -> None:
        """Draw the commanded positions and velocities and their limits."""
        time, q = np.split(np.array(self.commands), [1], axis=1)
        time = time[:, 0] - time[0, 0]
        interval = np.diff(time)[:, None]
        speed = np.diff(q, axis=0) / np.maximum(interval, 1e-6)
        # No line between two motions.
        gaps = 1 + np.flatnonzero(interval[:, 0] > MOTION_GAP_S)
        q, speed = q.copy(), np.where(interval > MOTION_GAP_S, np.nan, speed)
        q_with_gaps = np.insert(q, gaps, np.nan, axis=0)
        for joint, (name, color) in enumerate(zip(self.arm.joint_names, JOINT_COLORS, strict=True)):
            line = {'lw': 1.2, 'color': color}
            positions.plot(np.insert(time, gaps, np.nan), q_with_gaps[:, joint], label=name, **line)
            velocities.plot(time[1:], speed[:, joint], label=name, **line)
            for axes, limits in (
                (positions, (self.arm.lower[joint], self.arm.upper[joint])),
                (velocities, (-self.arm.max_velocity[joint], self.arm.max_velocity[joint])),
            ):
                for limit in filter(np.isfinite, limits):
                    axes.axhline(limit, ls='--', lw=0.9, color=color, alpha=0.6)
        positions.set(ylabel='commanded position, rad', title='joints; their limits dashed')
        velocities.set(ylabel='commanded velocity, rad/s', xlabel='time, s')
        for axes in (positions, velocities):
            axes.grid(alpha=0.3)
        positions.legend(loc='lower right')

    def _draw_workspace(self, axes: Any) -> None:
        side = np.linspace(-self.arm.reach, self.arm.reach, 401)
        xy = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        reached = HybridSolver(self.arm).solve_batch(xy, self.arm.home).status == Status.ACCEPTED
        axes.contourf(side, side, reached.reshape(401, 401), levels=(0.5, 1.5), colors=['0.92'])
        axes.plot([], [], 's', ms=9, color='0.92', label='within the joint limits')


def _percentile(values: list[float], percent: float, scale: float = 1.0) -> float | None:
    return float(np.percentile(values, percent)) * scale if values else None
