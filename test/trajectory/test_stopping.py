"""Many brakings at once are the brakings that OnlineTrajectoryGenerator plans one by one."""

import numpy as np
import pytest

from ik_nn_ros.trajectory.online_generator import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
)
from ik_nn_ros.trajectory.stopping import stopping_distances, stopping_positions

LIMITS = MotionLimits((3.0, 1.5), (20.0, 6.0), (400.0, 60.0))
COUNT = 16


def random_states(count, seed=0):
    rng = np.random.default_rng(seed)
    # Also at rest, at a constant velocity, and where an acceleration is at its limit.
    share = rng.uniform(-1.0, 1.0, (count, 3, 2)) * rng.choice([0.0, 1.0, 1.0], (count, 3, 2))
    share[:, 2] = np.where(rng.random((count, 2)) < 0.2, np.sign(share[:, 2]), share[:, 2])
    return share * np.array([(3.0, 3.0), LIMITS.velocity, LIMITS.acceleration])


@pytest.fixture(scope='module')
def states():
    return random_states(300)


@pytest.fixture(scope='module')
def positions(states):
    return stopping_positions(states, LIMITS, COUNT)


def test_goes_where_ruckig_goes(states, positions):
    motion = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    for rows, state in zip(positions, states.tolist(), strict=True):
        braking = motion.plan_stop(KinematicState(*map(tuple, state)))
        witness = [braking.at(braking.duration * part / COUNT)[0] for part in range(COUNT + 1)]
        np.testing.assert_allclose(rows, witness, atol=1e-7)


def test_the_ranges_hold_the_positions_and_are_not_much_more(states, positions):
    moved = np.abs(positions - positions[:, :1]).max(axis=1)
    ranges = stopping_distances(states, LIMITS)
    assert (moved <= ranges + 1e-12).all()
    fast = (states[:, 1] * states[:, 2] >= 0.0) & (np.abs(states[:, 1]) > 0.5)
    assert (ranges[fast] <= 1.5 * moved[fast]).all()
