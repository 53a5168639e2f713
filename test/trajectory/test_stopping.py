"""Stops of many states are those that the generator plans; tolerances of the joint limits."""

import numpy as np
import pytest

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.trajectory.online_generator import (
    KinematicState,
    MotionLimits,
    OnlineTrajectoryGenerator,
)
from ik_nn_ros.trajectory.stopping import (
    can_stop_within_limits,
    is_outside_limits,
    snap_to_limits,
    stoppable_velocity,
    stopping_distances,
    stopping_positions,
)

LIMITS = MotionLimits((3.0, 1.5), (20.0, 6.0), (400.0, 60.0))
COUNT = 16
ARM = ArmModel(
    'arm', ('a', 'b'), (0.3, 0.2), lower=(-2.0, -1.0), upper=(1.0, 2.5), max_velocity=(3.0, 1.5)
)


def random_states(count, seed=0):
    rng = np.random.default_rng(seed)
    # Also at standstill, at constant velocity, and with the acceleration at its limit.
    fraction = rng.uniform(-1.0, 1.0, (count, 3, 2)) * rng.choice([0.0, 1.0, 1.0], (count, 3, 2))
    fraction[:, 2] = np.where(rng.random((count, 2)) < 0.2, np.sign(fraction[:, 2]), fraction[:, 2])
    return fraction * np.array([(3.0, 3.0), LIMITS.velocity, LIMITS.acceleration])


@pytest.fixture(scope='module')
def states():
    return random_states(300)


@pytest.fixture(scope='module')
def positions(states):
    return stopping_positions(states, LIMITS, COUNT)


def test_stops_follow_those_of_ruckig(states, positions):
    generator = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    for rows, state in zip(positions, states.tolist(), strict=True):
        stop = generator.plan_stop(KinematicState(*map(tuple, state)))
        witness = [stop.at(stop.duration * part / COUNT)[0] for part in range(COUNT + 1)]
        np.testing.assert_allclose(rows, witness, atol=1e-7)


def test_stopping_distances_are_close_upper_bounds(states, positions):
    moved = np.abs(positions - positions[:, :1]).max(axis=1)
    bounds = stopping_distances(states, LIMITS)
    assert (moved <= bounds + 1e-12).all()
    fast = (states[:, 1] * states[:, 2] >= 0.0) & (np.abs(states[:, 1]) > 0.5)
    assert (bounds[fast] <= 1.5 * moved[fast]).all()


# Joint limits


@pytest.mark.parametrize(
    ('joint', 'limit', 'outward'), [(0, -2.0, -1), (0, 1.0, 1), (1, -1.0, -1), (1, 2.5, 1)]
)
def test_a_joint_is_outside_beyond_a_hundredth_of_a_radian(joint, limit, outward):
    for excess, outside in ((-0.1, False), (0.0, False), (0.0099, False), (0.0101, True)):
        q = [0.0, 0.0]
        q[joint] = limit + outward * excess
        assert is_outside_limits(ARM, tuple(q)) is outside


@pytest.mark.parametrize(
    ('joint', 'limit', 'outward'), [(0, -2.0, -1), (0, 1.0, 1), (1, -1.0, -1), (1, 2.5, 1)]
)
def test_only_rounding_past_a_limit_is_snapped_to_it(joint, limit, outward):
    for excess, snapped in ((1.9e-7, True), (2.1e-7, False)):
        q = [0.3, 0.4]
        q[joint] = limit + outward * excess
        expected = list(q)
        expected[joint] = limit if snapped else q[joint]
        assert snap_to_limits(ARM, tuple(q)) == tuple(expected)
    assert snap_to_limits(ARM, (0.3, 0.4)) == (0.3, 0.4)


def moving(q, velocity):
    return KinematicState(tuple(q), tuple(velocity), (0.0, 0.0))


@pytest.mark.parametrize(
    ('joint', 'limit', 'outward'), [(0, -2.0, -1), (0, 1.0, 1), (1, -1.0, -1), (1, 2.5, 1)]
)
def test_a_stop_may_end_at_a_limit_but_not_beyond(joint, limit, outward):
    generator = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    q, velocity = [0.0, 0.0], [0.0, 0.0]
    velocity[joint] = outward * 0.5 * LIMITS.velocity[joint]
    state = moving(q, velocity)
    distance = float(np.abs(generator.stopping_range(state)[joint]).max())
    for gap, inside in ((1e-5, True), (-5e-8, True), (-1.5e-7, False), (-1e-5, False)):
        q[joint] = limit - outward * (distance + gap)
        state = moving(q, velocity)
        assert can_stop_within_limits(ARM, generator, state, state.position) is inside


@pytest.mark.parametrize(('joint', 'limit', 'outward'), [(0, -2.0, -1), (1, 2.5, 1)])
def test_from_outside_a_stop_may_end_no_farther_outside(joint, limit, outward):
    generator = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    q, inward = [0.0, 0.0], [0.0, 0.0]
    q[joint] = limit + outward * 0.3
    inward[joint] = -outward * 0.5
    assert can_stop_within_limits(ARM, generator, moving(q, (0.0, 0.0)), tuple(q))
    assert can_stop_within_limits(ARM, generator, moving(q, inward), tuple(q))
    outward_velocity = [-value for value in inward]
    assert not can_stop_within_limits(ARM, generator, moving(q, outward_velocity), tuple(q))


def test_a_measured_velocity_is_reduced_in_quarters_until_the_joints_can_stop():
    generator = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))

    def stop_from(ratio):
        return generator.stopping_range(moving((0.0, 0.0), (2.0 * ratio, 0.0)))[0][1]

    for ratio, slower in ((1.0, 0.75), (0.75, 0.5), (0.5, 0.25), (0.25, 0.0)):
        position = 1.0 - stop_from(ratio) - 1e-6, 0.0
        assert stoppable_velocity(ARM, LIMITS, position, (2.0, -0.1)) == pytest.approx(
            (2.0 * ratio, -0.1 * ratio)
        )
        position = 1.0 - stop_from(ratio) + 1e-5, 0.0
        assert stoppable_velocity(ARM, LIMITS, position, (2.0, -0.1)) == pytest.approx(
            (2.0 * slower, -0.1 * slower)
        )


def test_a_measured_velocity_is_clipped_to_the_limits():
    assert stoppable_velocity(ARM, LIMITS, (-1.0, 0.5), (99.0, -99.0)) == (3.0, -1.5)
    assert stoppable_velocity(ARM, LIMITS, (-1.0, 0.5), (0.3, -0.2)) == (0.3, -0.2)
