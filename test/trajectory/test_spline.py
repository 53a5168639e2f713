"""Interpolation and spline trajectories, against scipy."""

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from ik_nn_ros.trajectory.spline import interpolate_cubic_hermite


def test_hermite_interpolation_is_that_of_scipy_at_and_between_nodes():
    rng = np.random.default_rng(1)
    nodes = np.cumsum(rng.uniform(0.1, 1.0, 20))
    values, slopes = rng.normal(size=(2, 20, 2))
    x = np.sort(np.concatenate((nodes, rng.uniform(nodes[0], nodes[-1], 500))))
    expected = CubicHermiteSpline(nodes, values, slopes)(x)
    got = interpolate_cubic_hermite(x, nodes, values, slopes)
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=1e-12)
