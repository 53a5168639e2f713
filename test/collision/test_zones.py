"""Keep-out zones: their distances from the links, and what lies between the samples of a motion."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.collision.zones import Circle, HalfPlane, Zones, neighbor_maximum, sweep_links

ARM = ArmModel('arm', ('a', 'b'), (0.3, 0.2))
fractions = np.linspace(0.0, 1.0, 401)
unit = st.floats(-1.0, 1.0)
positions = st.tuples(st.floats(-3.0, 3.0), st.floats(-2.8, 2.8))


@st.composite
def arms(draw):
    """Draw arms with any signs and offsets of the joints."""
    signs = draw(st.tuples(*[st.sampled_from([1.0, -1.0])] * 2))
    return ArmModel('arm', ('a', 'b'), (0.3, 0.2), signs, draw(st.tuples(unit, unit)))


@settings(deadline=None)
@given(arm=arms(), start=positions, steps=st.lists(st.tuples(unit, unit), min_size=1, max_size=3))
def test_between_samples_elbow_and_tip_stay_within_the_bound_from_their_chord(arm, start, steps):
    q = np.array(start) + 0.2 * np.cumsum([(0.0, 0.0), *steps], axis=0)
    links = sweep_links(arm, q)
    for before, after in pairwise(range(len(q))):
        motion = sweep_links(arm, q[before] + fractions[:, None] * (q[after] - q[before])).points
        first, last = motion[:, :1], motion[:, -1:]
        distance = np.abs(motion - first - fractions * (last - first)).max(axis=1)
        for sample in (before, after):
            assert (distance <= links.chord_deviation[:, sample] + 1e-12).all()
            assert (np.abs(last - first)[:, 0] <= links.travel[:, sample] + 1e-12).all()


def test_the_bounds_of_swept_links_are_not_much_larger_than_the_motion():
    """Of a link that turns evenly: the sagitta L Δ²/8, and the straight distance."""
    q = np.array([(0.0, 0.0), (0.2, 0.0), (0.4, 0.0)])
    links = sweep_links(ARM, q)
    np.testing.assert_allclose(links.chord_deviation[0], 0.0)
    np.testing.assert_allclose(links.chord_deviation[1], 0.3 * 0.2**2 / 8.0)
    np.testing.assert_allclose(links.chord_deviation[2], 0.5 * 0.2**2 / 8.0)
    np.testing.assert_allclose(links.travel[1:, 0], 2.0 * np.sin(0.1) * np.array([0.3, 0.5]))
    np.testing.assert_allclose(links.points[:, 1], [0.0, 0.3 * np.exp(0.2j), 0.5 * np.exp(0.2j)])


def test_uneven_turns_add_their_difference_to_the_bound():
    q = np.array([(0.0, 0.0), (0.1, 0.0), (0.3, 0.0)])
    deviation = sweep_links(ARM, q).chord_deviation[1]
    expected = 0.3 / 8.0 * (np.array([0.01, 0.04, 0.04]) + 0.1)
    np.testing.assert_allclose(deviation, expected)


def test_the_neighbor_maximum_is_the_larger_of_both_sides():
    gaps = np.array([[1.0, 3.0, 2.0], [0.0, 0.0, 5.0]])
    expected = [[1.0, 3.0, 3.0, 2.0], [0.0, 0.0, 5.0, 5.0]]
    np.testing.assert_array_equal(neighbor_maximum(gaps), expected)


def distances(zones, q):
    return zones.distances(sweep_links(ARM, np.array(q, dtype=float)))


def test_distances_are_those_of_each_link_from_each_zone():
    """The arm is stretched along x; the post is beside the second link, the table below."""
    zones = Zones([Circle((0.4, 0.1), 0.02)], [HalfPlane((0.0, 2.0), -0.4)])
    at, between = distances(zones, [(0.0, 0.0)])
    expected = [[np.hypot(0.1, 0.1) - 0.02, 0.2], [0.1 - 0.02, 0.2]]
    np.testing.assert_allclose(at[:, 0], expected)
    np.testing.assert_allclose(between, at)
    np.testing.assert_allclose(zones.distances_from_base(), [np.hypot(0.4, 0.1) - 0.02, 0.2])
    assert zones.names == (
        'circle 1 at (0.4, 0.1) m of radius 0.02 m',
        'half plane 1 (0, 1) · p < -0.2 m',
    )


@pytest.mark.parametrize(('center', 'nearest'), [((-0.1, 0.0), 0.1), ((0.6, 0.0), 0.1)])
def test_beyond_the_ends_of_a_link_its_end_is_nearest(center, nearest):
    at, _ = distances(Zones([Circle(center, 0.01)], []), [(0.0, 0.0)])
    assert at.min() == pytest.approx(nearest - 0.01)


def test_between_samples_the_distance_is_bounded_by_half_the_travel():
    """sqrt(r² - s²/4) for the straight move s, less the deviation of the arc."""
    center = np.array((0.7, 0.0))
    q = [(-0.1, 0.0), (0.1, 0.0)]
    links = sweep_links(ARM, np.array(q))
    at, between = distances(Zones([Circle(tuple(center), 0.05)], []), q)
    r, s, deviation = at[1, 0, 0] + 0.05, links.travel[2, 0], links.chord_deviation[2, 0]
    assert between[1, 0, 0] == pytest.approx(np.sqrt(r**2 - s**2 / 4.0) - deviation - 0.05)
    assert between[1, 0, 0] <= 0.2 - 0.05  # the tip passes the center at 0.2 m
    _, from_plane = distances(Zones([], [HalfPlane((-1.0, 0.0), -0.6)]), q)
    heights = 0.6 - 0.5 * np.cos(0.1) - deviation
    assert from_plane[1, 0, 0] == pytest.approx(heights)


def test_a_distance_between_samples_is_never_below_that_of_a_touching_link():
    """The link may pass over the center of the post, which is close to a sample."""
    center = 0.4 * np.cos(0.08), 0.4 * np.sin(0.08)
    _, between = distances(Zones([Circle(center, 0.03)], []), [(-0.1, 0.0), (0.1, 0.0)])
    assert between.min() == pytest.approx(-0.03)


def test_a_half_plane_is_stored_with_a_unit_normal():
    plane = HalfPlane((3.0, 4.0), 10.0)
    assert plane == HalfPlane((0.6, 0.8), 2.0)


def test_a_link_is_as_close_to_a_half_plane_as_the_closer_of_its_ends():
    """The elbow is the lowest point of both links."""
    at, _ = distances(Zones([], [HalfPlane((0.0, 1.0), -0.5)]), [(-0.5, 1.0)])
    np.testing.assert_allclose(at[:, 0, 0], 0.5 - 0.3 * np.sin(0.5))


def test_several_motions_are_swept_as_each_alone():
    q = np.random.default_rng(0).uniform(-0.2, 0.2, (3, 4, 2))
    together = sweep_links(ARM, q)
    for number, motion in enumerate(q):
        for got, expected in zip(together, sweep_links(ARM, motion), strict=True):
            np.testing.assert_allclose(got[:, number], expected)
