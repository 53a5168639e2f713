"""The region for display is what the solver reaches."""

from math import cos, sin

import numpy as np
import pytest

from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.acceptance import SolverConfig, Status
from ik_nn_ros.ik.reachable_region import ReachableRegion
from ik_nn_ros.ik.solver import HybridSolver

ARM = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))


@pytest.mark.parametrize('branch', ['nearest', 'positive', 'negative'])
def test_the_surface_is_what_the_solver_reaches(branch):
    solver = HybridSolver(ARM, None, SolverConfig(branch))
    triangles = ReachableRegion(ARM, branch).triangles(64, 256)
    middles = triangles.mean(axis=1)
    assert (solver.solve_batch(middles, ARM.home).status == Status.ACCEPTED).mean() > 0.99
    sides = triangles[:, 1:] - triangles[:, :1]
    area = 0.5 * np.abs(np.linalg.det(sides)).sum()
    points = np.random.default_rng(0).uniform(-ARM.reach, ARM.reach, (20000, 2))
    reached = (solver.solve_batch(points, ARM.home).status == Status.ACCEPTED).mean()
    assert area == pytest.approx(reached * (2.0 * ARM.reach) ** 2, rel=0.03)


def test_the_boundary_contains_the_arc_of_the_straight_arm():
    ends = ReachableRegion(ARM, 'nearest').boundary_segments(0.02).reshape(-1, 2)
    straight = ARM.reach * np.array([cos(0.7), sin(0.7)])
    assert np.linalg.norm(ends - straight, axis=1).min() < 0.02 * ARM.reach
