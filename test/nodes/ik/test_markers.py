"""What RViz is shown of an arm."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from geometry_msgs.msg import Point
from processes import Client, reserved_domain
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from ik_nn_ros.arm.geometry import Plane
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.paths import TRAIL_DURATION_S, TipTrail
from ik_nn_ros.files import share_directory
from ik_nn_ros.ik.acceptance import SolverConfig, Status
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.nodes.common.conversions import rotate_vector
from ik_nn_ros.nodes.ik import markers
from ik_nn_ros.nodes.ik.interactive_target import SERVER_NAMESPACE
from ik_nn_ros.nodes.ik.marker_shapes import MarkerId
from ik_nn_ros.nodes.ik.markers import (
    ALL_MARKERS,
    AMBER,
    GREEN,
    HALF_PLANE_EXTENT_RATIO,
    MARKERS_QOS,
    OTHER_BRANCH_MARKER,
    PROJECTION_MARKER,
    REASON_MARKER,
    RED,
    REPUBLISH_PERIOD_S,
    TARGET_MARKER,
    TRAIL_MARKER,
    WORKSPACE_BOUNDARY_MARKER,
    WORKSPACE_SURFACE_MARKER,
    ZONE_EDGE_MARKER,
    ZONE_MARGIN_MARKER,
    ZONE_MARKER,
    ArmMarkers,
)
from ik_nn_ros.nodes.ik.parameters import PARAMETERS
from ik_nn_ros.nodes.ik.target_solver import TargetResult
from ik_nn_ros.trajectory.keep_out import KeepOut

VERTICAL = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""The plane's y axis points up, its normal along -y."""
ARM = ArmModel(
    'upright',
    ('a', 'b'),
    (0.3, 0.2),
    lower=(-2.9, -2.6),
    upper=(2.9, 2.6),
    plane=Plane('stand', np.array([0.0, 0.1, 0.5]), VERTICAL),
)
FREE = ArmModel('free', ('a', 'b'), (0.3, 0.2))
REACHED, OUTSIDE = (0.3, 0.2), (0.5, 0.4)
NOW_HERE = (0.0, 0.5)
"""rad"""
NO_ZONES = ((), ())


class Publisher:
    """Stands for the publisher of ~/markers."""

    def __init__(self):
        self.sent, self.watchers = [], 1

    def get_subscription_count(self):
        return self.watchers

    def publish(self, message):
        self.sent.append({MarkerId(m.ns, m.id): m for m in message.markers})
        assert len(self.sent[-1]) == len(message.markers)  # RViz takes twice the same for an error


class Shown:
    """ArmMarkers on a clock of the test."""

    def __init__(self, patch, arm=ARM, zones=NO_ZONES, margin=0.02, **config):
        self.now = 100.0
        patch.setattr(markers, 'time', SimpleNamespace(monotonic=lambda: self.now))
        self.publisher = Publisher()
        node = SimpleNamespace(
            create_timer=lambda *_, **__: None, create_publisher=lambda *_, **__: self.publisher
        )
        self.markers = ArmMarkers(node)
        self.arm = arm
        self.solver = HybridSolver(arm, None, SolverConfig(**config))
        self.markers.configure(self.solver, KeepOut.from_lists(arm, *zones, margin), 'left/')

    def tick(self, passed=0.1):
        """Return what is published, None if nothing."""
        self.now += passed
        count = len(self.publisher.sent)
        self.markers.tick()
        return self.publisher.sent[-1] if len(self.publisher.sent) > count else None

    def ask(self, point):
        solution = self.solver.solve(*point, NOW_HERE)
        names = {Status.ACCEPTED: 'ACCEPTED', Status.PROJECTED: 'PROJECTED'}
        code = names.get(solution.status, solution.reason.name)
        x, y, z = self.arm.plane.to_base(point)
        self.answer(TargetResult(code, '', point, solution), Point(x=x, y=y, z=z))

    def answer(self, answer, position, frame=''):
        self.markers.update_target(Header(frame_id=frame), position, answer)


def rviz_display(kind):
    file = yaml.safe_load((share_directory() / 'rviz' / 'arm.rviz').read_text())
    displays = file['Visualization Manager']['Displays']
    return next(d for d in displays if d['Class'] == f'rviz_default_plugins/{kind}')


@pytest.fixture
def shown(monkeypatch):
    def make(**options):
        return Shown(monkeypatch, **options)

    return make


def in_plane(marker, arm=ARM):
    """Return the points (N, 2) of a marker; they have to lie in the plane."""
    points = np.array([(p.x, p.y, p.z) for p in marker.points]).reshape(-1, 3)
    local = (points - arm.plane.origin) @ arm.plane.rotation
    np.testing.assert_allclose(local[:, 2], 0.0, atol=1e-12)
    return local[:, :2]


def area(corners):
    first, second, third = np.moveaxis(corners.reshape(-1, 3, 2), 1, 0)
    u, v = second - first, third - first
    return float(np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum() / 2.0)


def center(marker, arm=ARM):
    p = marker.pose.position
    return arm.plane.to_plane(p.x, p.y, p.z)


def is_there(marker):
    return marker.action == Marker.ADD


def color(marker):
    return pytest.approx((marker.color.r, marker.color.g, marker.color.b, marker.color.a))


def test_rviz_lists_the_namespaces_there_are():
    listed = rviz_display('MarkerArray')['Namespaces']
    assert set(listed) == {slot.ns for slot in ALL_MARKERS}


def test_rviz_finds_the_target_to_drag_from_any_namespace():
    name = rviz_display('InteractiveMarkers')['Interactive Markers Namespace']
    assert name == SERVER_NAMESPACE.replace('~', 'ik_node')


# Workspace


def test_markers_go_with_the_arms_frame(shown):
    it = shown(zones=([0.2, 0.3, 0.05], []))
    it.ask(REACHED)
    for marker in filter(is_there, it.tick().values()):
        assert marker.header.frame_id == 'left/stand'
        assert marker.frame_locked
        assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (0, 0)


def test_the_workspace_lies_in_the_plane_of_an_upright_arm_and_is_what_it_reaches(shown):
    it = shown()
    corners = in_plane(it.tick()[WORKSPACE_SURFACE_MARKER]).reshape(-1, 3, 2)
    inside = it.solver.solve_batch(corners.mean(axis=1), ARM.home).status == Status.ACCEPTED
    assert inside.mean() > 0.99
    q = np.random.default_rng(1).uniform(ARM.lower, ARM.upper, (20_000, 2))
    cells = np.unique(np.floor(ARM.fk(q) / 0.02).astype(int), axis=0)
    assert area(corners.reshape(-1, 2)) == pytest.approx(len(cells) * 0.02**2, rel=0.1)


def test_the_surface_of_a_free_arm_is_the_ring(shown):
    it = shown(arm=FREE)
    ring = np.pi * (0.5**2 - 0.1**2)
    assert area(in_plane(it.tick()[WORKSPACE_SURFACE_MARKER], FREE)) == pytest.approx(
        ring, rel=1e-3
    )


def test_the_edge_is_only_between_what_is_reached_and_what_is_not(shown):
    it = shown()
    ends = in_plane(it.tick()[WORKSPACE_BOUNDARY_MARKER]).reshape(-1, 2, 2)
    middle, along = ends.mean(axis=1), ends[:, 1] - ends[:, 0]
    aside = 0.1 * np.stack((-along[:, 1], along[:, 0]), axis=-1)
    sides = [
        it.solver.solve_batch(middle + side, ARM.home).status == Status.ACCEPTED
        for side in (aside, -aside)
    ]
    assert (sides[0] != sides[1]).all()
    # All of the outer circle, but where the first joint ends, and drawn once.
    outer = np.hypot(*middle.T) > 0.4999
    length = np.hypot(*along[outer].T).sum()
    assert length == pytest.approx(0.5 * (2.9 * 2), rel=0.01)


def test_the_workspace_is_the_branchs(shown):
    both, one = (
        shown().tick()[WORKSPACE_SURFACE_MARKER],
        shown(branch='positive').tick()[WORKSPACE_SURFACE_MARKER],
    )
    assert area(in_plane(one)) < 0.97 * area(in_plane(both))


def test_a_picture_costs_few_points(shown):
    it = shown(zones=([0.25, 0.3, 0.05], [0.0, 1.0, -0.2]))
    assert sum(len(marker.points) for marker in it.tick().values()) < 2500


# Keep-out zones


def test_half_planes_end_around_the_workspace(shown):
    picture = shown(zones=([], [0.0, 2.0, -0.4])).tick()  # y < -0.2
    size = HALF_PLANE_EXTENT_RATIO * ARM.reach
    corners, margin = in_plane(picture[ZONE_MARKER]), in_plane(picture[ZONE_MARGIN_MARKER])
    assert np.abs(corners).max() == pytest.approx(size)
    assert area(corners) == pytest.approx(2.0 * size * (size - 0.2))
    assert corners[:, 1].max() == pytest.approx(-0.2)
    assert area(margin) == pytest.approx(2.0 * size * 0.02)
    assert (margin[:, 1].min(), margin[:, 1].max()) == pytest.approx((-0.2, -0.18))
    edge = in_plane(picture[ZONE_EDGE_MARKER])
    np.testing.assert_allclose(edge[np.argsort(edge[:, 0])], [(-size, -0.2), (size, -0.2)])


def test_a_slanted_half_plane_is_cut_by_the_square(shown):
    size = HALF_PLANE_EXTENT_RATIO * ARM.reach
    corners = in_plane(shown(zones=([], [1.0, 1.0, -0.5])).tick()[ZONE_MARKER])
    normal = np.array([1.0, 1.0]) / np.sqrt(2.0)
    assert (corners @ normal <= -0.5 / np.sqrt(2.0) + 1e-9).all()
    # The corner of the square beyond the line: its legs end where x = -size, y = size - 0.5.
    assert area(corners) == pytest.approx((2.0 * size - 0.5) ** 2 / 2.0)


def test_a_circle_is_drawn_with_its_margin_around(shown):
    picture = shown(zones=([0.2, 0.3, 0.05], []), margin=0.03).tick()
    away = {
        slot: np.hypot(*(in_plane(picture[slot]) - (0.2, 0.3)).T)
        for slot in (ZONE_MARKER, ZONE_MARGIN_MARKER)
    }
    assert away[ZONE_MARKER].max() == pytest.approx(0.05)
    assert (away[ZONE_MARGIN_MARKER].min(), away[ZONE_MARGIN_MARKER].max()) == pytest.approx(
        (0.05, 0.08)
    )
    assert area(in_plane(picture[ZONE_MARKER])) == pytest.approx(np.pi * 0.05**2, rel=0.01)
    np.testing.assert_allclose(
        np.hypot(*(in_plane(picture[ZONE_EDGE_MARKER]) - (0.2, 0.3)).T), 0.05
    )


@pytest.mark.parametrize(
    ('zones', 'margin', 'gone'),
    [
        (NO_ZONES, 0.02, {ZONE_MARKER, ZONE_EDGE_MARKER, ZONE_MARGIN_MARKER}),
        (([0.2, 0.3, 0.05], []), 0.0, {ZONE_MARGIN_MARKER}),
        (([], [0.0, 1.0, -5.0]), 0.02, {ZONE_MARKER, ZONE_EDGE_MARKER, ZONE_MARGIN_MARKER}),
    ],
    ids=['none', 'no margin', 'far below'],
)
def test_what_there_is_not_is_removed(shown, zones, margin, gone):
    picture = shown(zones=zones, margin=margin).tick()
    assert {
        slot
        for slot in (ZONE_MARKER, ZONE_EDGE_MARKER, ZONE_MARGIN_MARKER)
        if not is_there(picture[slot])
    } == gone


# Target


def test_a_target_that_is_reached_is_green(shown):
    it = shown()
    it.ask(REACHED)
    picture = it.tick()
    assert center(picture[TARGET_MARKER]) == pytest.approx((*REACHED, 0.0), abs=1e-9)
    assert color(picture[TARGET_MARKER]) == GREEN
    assert not is_there(picture[PROJECTION_MARKER])
    assert not is_there(picture[REASON_MARKER])


def test_a_projected_target_is_amber_where_the_arm_goes_with_a_line_from_where_it_was(shown):
    it = shown(on_unreachable='nearest')
    it.ask(OUTSIDE)
    picture = it.tick()
    edge = np.array(OUTSIDE) * 0.5 / np.hypot(*OUTSIDE)
    assert center(picture[TARGET_MARKER])[:2] == pytest.approx(tuple(edge))
    assert color(picture[TARGET_MARKER]) == AMBER
    np.testing.assert_allclose(in_plane(picture[PROJECTION_MARKER]), [OUTSIDE, edge], atol=1e-9)


def test_a_rejected_target_is_red_where_it_was_asked_for_and_says_why(shown):
    it = shown()
    it.ask(OUTSIDE)
    picture = it.tick()
    assert center(picture[TARGET_MARKER]) == pytest.approx((*OUTSIDE, 0.0), abs=1e-9)
    assert color(picture[TARGET_MARKER]) == RED
    assert picture[REASON_MARKER].text == 'UNREACHABLE'
    x, y, off = center(picture[REASON_MARKER])
    assert 0.02 < np.hypot(x - OUTSIDE[0], y - OUTSIDE[1]) < 0.1
    assert off == pytest.approx(0.0, abs=1e-9)


def test_a_target_refused_before_it_was_transformed_is_shown_in_its_own_frame(shown):
    it = shown()
    it.answer(TargetResult('HOLDING'), Point(x=1.0, y=2.0, z=3.0), 'table')
    picture = it.tick()
    for slot in (TARGET_MARKER, REASON_MARKER):
        assert picture[slot].header.frame_id == 'table'
    p = picture[TARGET_MARKER].pose.position
    assert (p.x, p.y, p.z) == (1.0, 2.0, 3.0)
    assert picture[REASON_MARKER].text == 'HOLDING'


def test_a_target_in_the_frame_of_the_plane_needs_no_tf_to_be_shown(shown):
    it = shown()
    it.answer(TargetResult('OUT_OF_PLANE'), Point(x=0.2, y=0.1, z=0.3), 'left/stand_plane')
    picture = it.tick()
    assert picture[TARGET_MARKER].header.frame_id == 'left/stand'
    assert center(picture[TARGET_MARKER]) == pytest.approx((0.2, 0.1, 0.3))


@pytest.mark.parametrize('code', ['NOT_FINITE', 'BAD_FRAME', 'NO_TRANSFORM'])
def test_a_target_at_no_place_has_its_code_shown_at_the_arm(shown, code):
    it = shown()
    it.answer(TargetResult(code), Point(x=float('nan')), '/nowhere')
    picture = it.tick()
    assert not is_there(picture[TARGET_MARKER])
    assert picture[REASON_MARKER].text == code
    assert picture[REASON_MARKER].header.frame_id == 'left/stand'
    assert np.hypot(*center(picture[REASON_MARKER])[:2]) < 0.1


def test_the_next_target_takes_the_place_of_the_one_before(shown):
    it = shown()
    it.ask(OUTSIDE)
    it.tick()
    it.ask(REACHED)
    picture = it.tick()
    assert color(picture[TARGET_MARKER]) == GREEN
    assert not is_there(picture[REASON_MARKER])


def test_the_other_branch_has_its_elbow_on_the_other_side(shown):
    it = shown()
    it.ask(REACHED)
    base, elbow, tip = in_plane(it.tick()[OTHER_BRANCH_MARKER])
    q1 = it.solver.solve(*REACHED, NOW_HERE).q[0]
    mine = 0.3 * np.array([np.cos(q1), np.sin(q1)])
    across = np.array([-REACHED[1], REACHED[0]])
    np.testing.assert_allclose((base, tip), [(0.0, 0.0), REACHED], atol=1e-9)
    assert np.hypot(*elbow) == pytest.approx(0.3)
    assert elbow @ across == pytest.approx(-(mine @ across))


def test_there_is_no_other_branch_where_the_limits_do_not_let_it_be(shown):
    arm = ArmModel('one side', ('a', 'b'), (0.3, 0.2), lower=(-2.9, 0.0), upper=(2.9, 2.6))
    it = shown(arm=arm)
    it.ask(REACHED)
    assert not is_there(it.tick()[OTHER_BRANCH_MARKER])


def test_a_click_on_the_target_is_a_point_in_the_plane(shown):
    """Publish Point takes the surface in front, and what is behind by up to 6 mm."""
    it = shown()
    it.ask(REACHED)
    spot = it.tick()[TARGET_MARKER]
    turn = spot.pose.orientation
    normal = rotate_vector((turn.x, turn.y, turn.z, turn.w), (0.0, 0.0, 1.0))
    assert normal == pytest.approx(tuple(ARM.plane.rotation[:, 2]))
    assert spot.scale.z / 2.0 + 0.006 < PARAMETERS['plane_tolerance'].default


# Trail


def test_the_trail_is_where_the_tip_was_measured(shown):
    it = shown()
    it.tick()
    way = [(0.0, 0.4), (0.1, 0.5), (0.2, 0.6)]
    for q in way:
        it.now += 0.05
        it.markers.update_joints(q)
    np.testing.assert_allclose(in_plane(it.tick()[TRAIL_MARKER]), ARM.fk(way), atol=1e-9)


def test_the_trail_goes_when_the_arm_has_rested_long_enough(shown):
    it = shown()
    it.tick()
    for part in range(4):
        it.now += 0.05
        it.markers.update_joints((0.1 * part, 0.5))
    assert is_there(it.tick()[TRAIL_MARKER])
    assert not is_there(it.tick(TRAIL_DURATION_S)[TRAIL_MARKER])


def test_the_noise_of_a_resting_arm_leaves_no_trail():
    trail, noise = TipTrail(ARM), np.random.default_rng(2).normal(0.0, 2e-4, (1000, 2))
    for count, q in enumerate(noise):
        trail.add(0.01 * count, tuple(q))
        trail.remove_expired(0.01 * count)
    assert trail.change_count <= 2  # it came, it went


def test_the_trail_of_a_fast_arm_with_fast_joint_states_stays_short():
    trail = TipTrail(ARM)
    for count in range(10_000):
        trail.add(1e-3 * count, (3e-3 * count, 0.5))
        trail.remove_expired(1e-3 * count)
    assert len(trail.points) <= TRAIL_DURATION_S / 0.02 + 1


# When


def test_nothing_is_computed_or_sent_while_nobody_looks(shown, monkeypatch):
    def fail(*_):
        raise AssertionError('computed')

    it = shown()
    monkeypatch.setattr(HybridSolver, 'solve_batch', fail)
    monkeypatch.setattr(TipTrail, 'add', fail)
    it.publisher.watchers = 0
    for part in range(50):
        it.markers.update_joints((0.1 * part, 0.5))
        it.answer(TargetResult('HOLDING'), Point())
        assert it.tick() is None


def test_who_joins_late_sees_the_whole_picture(shown):
    it = shown()
    it.publisher.watchers = 0
    it.ask(REACHED)
    it.tick()
    it.publisher.watchers = 1
    picture = it.tick()
    assert set(picture) == set(ALL_MARKERS)
    assert {WORKSPACE_SURFACE_MARKER, WORKSPACE_BOUNDARY_MARKER, TARGET_MARKER} <= {
        slot for slot, marker in picture.items() if is_there(marker)
    }
    it.publisher.watchers = 2
    assert it.tick() == picture


def test_what_was_before_nobody_looked_is_no_trail(shown):
    it = shown()
    it.tick()
    for q in ((0.0, 0.4), (0.4, 0.4)):
        it.now += 0.05
        it.markers.update_joints(q)
    it.publisher.watchers = 0
    it.tick()
    it.publisher.watchers = 1
    assert not is_there(it.tick()[TRAIL_MARKER])


def test_it_is_sent_when_it_changes_and_else_seldom(shown):
    it = shown()
    assert it.tick()
    assert not any(it.tick() for _ in range(int(REPUBLISH_PERIOD_S / 0.1) - 2))
    it.ask(REACHED)
    assert it.tick()
    it.markers.update_joints((0.0, 0.5))
    assert it.tick()
    it.markers.update_joints((0.0, 0.5))
    assert it.tick() is None
    assert it.tick(REPUBLISH_PERIOD_S)


def test_zones_and_branch_follow_a_change(shown):
    it = shown()
    before = it.tick()
    it.ask(REACHED)
    solver = HybridSolver(ARM, None, SolverConfig(branch='positive'))
    it.markers.configure(solver, KeepOut.from_lists(ARM, [0.2, 0.3, 0.05], [], 0.02))
    picture = it.tick()
    assert is_there(picture[ZONE_MARKER])
    assert len(picture[WORKSPACE_SURFACE_MARKER].points) != len(
        before[WORKSPACE_SURFACE_MARKER].points
    )
    assert is_there(picture[TARGET_MARKER])


def test_after_a_clear_all_is_removed(shown):
    it = shown(zones=([0.2, 0.3, 0.05], []))
    it.ask(REACHED)
    it.tick()
    it.markers.clear()
    it.markers.update_joints((0.0, 0.5))
    it.ask(REACHED)
    picture = it.tick()
    assert set(picture) == set(ALL_MARKERS)
    assert not any(map(is_there, picture.values()))


def test_depth_one_is_enough_over_dds():
    """A late reader gets all markers at once, also after the trail has made many pictures."""
    with reserved_domain() as domain, Client(domain) as client:
        it = ArmMarkers(client.node)
        it.configure(HybridSolver(ARM), KeepOut.from_lists(ARM, [0.2, 0.3, 0.05], [], 0.02))
        early = client.collect(MarkerArray, '/test_client/markers', MARKERS_QOS)
        client.wait_until(lambda: early)
        for part in range(3):
            count = len(early)
            it.update_joints((0.3 * part, 0.5))
            client.wait_until(lambda count=count: len(early) > count)
        late = client.collect(MarkerArray, '/test_client/markers', MARKERS_QOS)
        client.wait_until(lambda: late)
        picture = {MarkerId(m.ns, m.id): m for m in late[0].markers}
        assert set(picture) == set(ALL_MARKERS)
        assert all(
            is_there(picture[slot])
            for slot in (
                WORKSPACE_SURFACE_MARKER,
                WORKSPACE_BOUNDARY_MARKER,
                ZONE_MARKER,
                ZONE_MARGIN_MARKER,
                TRAIL_MARKER,
            )
        )
