"""The links keep out of zones: where the arm stands, along its motions, and wherever it brakes."""

from itertools import pairwise

import numpy as np
import pinocchio
import pytest
from arms import random_arm, random_joints
from built_arms import calibrated_arm
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.collision.zones import Circle, HalfPlane, sweep_links
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.trajectory.keep_out import KeepOut
from ik_nn_ros.trajectory.online_generator import MotionLimits, OnlineTrajectoryGenerator

ARM = ArmModel('arm', ('joint1', 'joint2'), (0.3, 0.2))
LIMITS = MotionLimits((3.0, 3.0), (10.0, 10.0), (100.0, 100.0))
MARGIN = 0.02
TICK = 0.01
POST = KeepOut(ARM, [Circle((0.3, 0.0), 0.01)], [], MARGIN)
TABLE = KeepOut(ARM, [], [HalfPlane((0.0, 1.0), -0.1)], MARGIN)

shares = np.linspace(0.0, 1.0, 401)
unit = st.floats(-1.0, 1.0)


@st.composite
def arms(draw):
    """Arms whose joints turn either way, from anywhere."""
    signs = draw(st.tuples(*[st.sampled_from([1.0, -1.0])] * 2))
    return ArmModel('arm', ('a', 'b'), (0.3, 0.2), signs, draw(st.tuples(unit, unit)))


@st.composite
def scenes(draw, margin=MARGIN, posts=(0.002, 0.01, 0.05)):
    """An arm among posts, next to a wall."""
    angles = st.floats(-np.pi, np.pi)
    circles = [
        Circle((distance * np.cos(angle), distance * np.sin(angle)), radius)
        for distance, angle, radius in draw(
            st.lists(st.tuples(st.floats(0.15, 0.55), angles, st.sampled_from(posts)), max_size=3)
        )
    ]
    angle, offset = draw(angles), draw(st.floats(-0.5, -0.1))
    walls = [HalfPlane((np.cos(angle), np.sin(angle)), offset)]
    return KeepOut(draw(arms()), circles, walls, margin)


places = st.tuples(st.floats(-3.0, 3.0), st.floats(-2.8, 2.8))


def clearance(keep_out, q):
    return keep_out.clearance(np.atleast_2d(np.array(q, dtype=float)))


def witness(points, circles, half_planes):
    """The least distance of (N, 2) points from the zones."""
    distances = [np.hypot(*(points - circle.center).T) - circle.radius for circle in circles]
    distances += [points @ plane.normal - plane.offset for plane in half_planes]
    return np.min(distances)


def along_links(corners):
    """Many points of the straight lines from corner to corner."""
    return np.concatenate(
        [start + shares[:, None] * (end - start) for start, end in pairwise(corners)]
    )


@pytest.mark.parametrize('seed', range(12))
def test_clearance_is_that_of_the_links_as_pinocchio_has_them(seed):
    """Any mounting, axis signs, zero pose: the elbow is where the second joint is."""
    arm, rng = random_arm(seed), np.random.default_rng(seed)
    model = pinocchio.buildModelFromXML(arm.urdf)
    data = model.createData()
    reach = arm.model.reach
    circles = [Circle(tuple(rng.normal(0.0, reach / 2, 2)), 0.05 * reach) for _ in range(3)]
    half_planes = [HalfPlane(tuple(rng.normal(size=2)), -0.5 * reach)]
    circles = [circle for circle in circles if np.hypot(*circle.center) > 0.1 * reach]
    keep_out = KeepOut(arm.model, circles, half_planes, 0.0)
    joints = random_joints(arm.model, rng, 20)
    for q, got in zip(joints, keep_out.clearance(joints), strict=True):
        configuration = np.concatenate(
            [
                [np.cos(angle), np.sin(angle)] if joint.nq == 2 else [angle]
                for angle, joint in zip(q, list(model.joints)[1:], strict=True)
            ]
        )
        pinocchio.framesForwardKinematics(model, data, configuration)
        base = data.oMf[model.getFrameId('base_link')]
        elbow, tip = (
            arm.model.plane.to_plane(*base.actInv(data.oMf[model.getFrameId(name)]).translation)[:2]
            for name in ('lower', 'tip')
        )
        points = along_links(np.array([(0.0, 0.0), elbow, tip]))
        step = max(arm.model.lengths) / (len(shares) - 1)
        expected = witness(points, circles, half_planes)
        assert expected - step <= got <= expected + 1e-9


def test_the_tip_of_a_calibrated_arm_is_where_it_was_found_to_be():
    arm = calibrated_arm(3)
    q = random_joints(arm, np.random.default_rng(3), 20)
    wall = HalfPlane((1.0, 0.0), -2.0 * arm.reach)
    keep_out = KeepOut(arm, [], [wall], 0.0)
    elbow = arm.lengths[0] * np.cos(arm.signs[0] * q[:, 0] + arm.offsets[0])
    nearest = np.minimum(np.minimum(elbow, arm.fk(q)[:, 0]), 0.0)
    np.testing.assert_allclose(keep_out.clearance(q), nearest + 2.0 * arm.reach, atol=1e-12)


def test_without_zones_nothing_is_in_the_way():
    free = KeepOut(ARM, (), (), MARGIN)
    assert not free
    assert POST
    assert clearance(free, [(0.0, 0.0), (1.0, 2.0)]).tolist() == [np.inf, np.inf]
    motion = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    assert not free.obstruction_at((0.0, 0.0))
    assert not free.obstruction_along(np.zeros((3, 2)))
    assert not free.trajectory_obstruction(motion, motion.plan_to((1.0, 1.0)))
    assert free.can_stop_clear(motion, motion.state, 0.0)


def test_says_which_link_is_too_near_to_what():
    keep_out = KeepOut.from_lists(ARM, [0.0, 0.5, 0.1, 0.4, 0.1, 0.05], [0.0, 2.0, -0.4], MARGIN)
    assert keep_out.obstruction_at((0.0, 0.0)) == ''
    assert keep_out.obstruction_at((0.0, 0.5)) == (
        'link 2 to circle 2 at (0.4, 0.1) m of radius 0.05 m: '
        'got -0.01018 m, expected at least 0.02 m'
    )
    assert keep_out.obstruction_at((-np.pi / 2, 0.0)) == (
        'link 2 to half plane 1 (0, 1) · p < -0.2 m: got -0.3 m, expected at least 0.02 m'
    )


def test_the_margin_itself_is_far_enough():
    wall = [HalfPlane((1.0, 0.0), -0.5 - MARGIN)]
    assert not KeepOut(ARM, [], wall, MARGIN).obstruction_at((np.pi, 0.0))
    assert KeepOut(ARM, [], wall, MARGIN + 1e-6).obstruction_at((np.pi, 0.0))


@settings(max_examples=150, deadline=None)
@given(scene=scenes(), start=places, step=st.tuples(unit, unit), size=st.sampled_from([0.05, 0.2]))
def test_a_motion_is_clear_between_its_samples_too(scene, start, step, size):
    """However thin the post. And a motion that is clear by somewhat more is not blocked."""
    positions = np.array(start) + np.arange(6)[:, None] * size * np.array(step)
    between = start + np.linspace(0.0, 5.0, 400)[:, None] * size * np.array(step)
    nearest = clearance(scene, between).min()
    if not scene.obstruction_along(positions):
        assert nearest >= min(MARGIN, clearance(scene, start)[0]) - 1e-3
        assert clearance(scene, start)[0] < 1.05 * MARGIN or nearest >= MARGIN - 1e-6
    elif size < 0.1:
        assert nearest < 1.5 * MARGIN


def test_a_thin_post_between_two_samples_is_not_missed():
    thin = KeepOut(ARM, [Circle((0.45, 0.0), 0.001)], [], 0.001)
    positions = np.array([(-0.02, 0.0), (0.02, 0.0)])
    assert (clearance(thin, positions) > 0.005).all()
    assert 'circle 1' in thin.obstruction_along(positions)


@pytest.mark.parametrize('scale', [1.0, 0.02])
def test_a_way_through_a_post_is_blocked_and_one_around_it_is_not(scale):
    """Also a way that is so slow and long that its samples are farther apart in time."""
    first, second = LIMITS.velocity
    limits = MotionLimits((scale * first, scale * second), LIMITS.acceleration, LIMITS.jerk)
    motion = OnlineTrajectoryGenerator(limits, (-1.0, 0.3))
    through, around = (1.0, 0.3), (-2.5, 0.3)
    assert not POST.obstruction_at(motion.position)
    assert not POST.obstruction_at(through)
    assert POST.trajectory_obstruction(motion, motion.plan_to(through)).startswith(
        'on the way, link 1'
    )
    assert not POST.trajectory_obstruction(motion, motion.plan_to(around))


@given(arm=arms(), start=places, steps=st.lists(st.tuples(unit, unit), min_size=1, max_size=3))
def test_between_samples_elbow_and_tip_are_not_farther_off_their_chord(arm, start, steps):
    q = np.array(start) + 0.2 * np.cumsum([(0.0, 0.0), *steps], axis=0)
    links = sweep_links(arm, q)
    for before, after in pairwise(range(len(q))):
        way = sweep_links(arm, q[before] + shares[:, None] * (q[after] - q[before])).points
        first, last = way[:, :1], way[:, -1:]
        off = np.abs(way - first - shares * (last - first)).max(axis=1)
        for sample in (before, after):
            assert (off <= links.chord_deviation[:, sample] + 1e-12).all()
            assert (np.abs(last - first)[:, 0] <= links.travel[:, sample] + 1e-12).all()


class TestBrakingOnAWay:
    """The second joint brakes at once; the first, slowly, carries the stretched arm on."""

    LIMITS = MotionLimits((2.0, 3.0), (4.0, 30.0), (40.0, 600.0))

    def way(self):
        motion = OnlineTrajectoryGenerator(self.LIMITS, (-0.6, 1.2))
        return motion, motion.plan_to((0.4, -2.0))

    def zone(self, center, radius):
        return KeepOut(ARM, [Circle(center, radius)], [], MARGIN)

    def brakings(self, motion, way):
        times = np.arange(0.0, way.duration, 0.005).tolist()
        return [motion.plan_stop(way.at(time)).positions(0.005) for time in times]

    def test_blocks_it_though_the_way_is_clear(self):
        motion, way = self.way()
        keep_out = self.zone((0.37, 0.12), 0.03)
        assert clearance(keep_out, way.positions(0.001)).min() > 2.0 * MARGIN
        brakings = np.concatenate(self.brakings(motion, way))
        assert clearance(keep_out, brakings).min() < 0.0
        assert keep_out.trajectory_obstruction(motion, way).startswith('braking on the way, link')

    @pytest.mark.parametrize(('share', 'planned', 'kept'), [(0.8, 1, 1), (0.6, 0, 1), (0.4, 0, 0)])
    def test_may_use_up_half_of_the_margin_and_by_plan_less(self, share, planned, kept):
        motion, way = self.way()
        center = (0.46, 0.2)
        nearest = 1e-3 + min(
            clearance(self.zone(center, 1e-3), rows).min() for rows in self.brakings(motion, way)
        )
        keep_out = self.zone(center, nearest - share * MARGIN)
        assert clearance(keep_out, way.positions(0.001)).min() > 1.1 * MARGIN
        assert (keep_out.trajectory_obstruction(motion, way) == '') == planned
        times = np.arange(0.0, way.duration, 0.005).tolist()
        assert kept == all(
            keep_out.can_stop_clear(motion, way.at(time), keep_out.stopping_margin)
            for time in times
        )


@settings(max_examples=60, deadline=None)
@given(scene=scenes(), start=places, goal=places, speed=st.floats(0.5, 4.0))
def test_what_was_planned_is_clear_and_no_step_ends_it(scene, start, goal, speed):
    """The margin holds on the way, and every state on it is one that may be braked from."""
    assume(clearance(scene, [start, goal]).min() >= MARGIN)
    motion = OnlineTrajectoryGenerator(
        MotionLimits((speed, 3.0), (10.0, 20.0), (100.0, 300.0)), start
    )
    way = motion.plan_to(goal)
    assume(not scene.trajectory_obstruction(motion, way))
    assert clearance(scene, way.positions(0.002)).min() >= MARGIN - 1e-5
    for time in np.arange(0.0, way.duration, 0.02).tolist():
        assert scene.can_stop_clear(motion, way.at(time), scene.stopping_margin)


@settings(max_examples=25, deadline=None)
@given(scene=scenes(), start=places, goals=st.lists(places, min_size=3, max_size=5))
def test_whatever_the_goals_an_arm_that_brakes_in_time_never_touches(scene, start, goals):
    """Goals that nobody has judged, anew while it is fast: the steps alone keep it clear."""
    assume(clearance(scene, start)[0] >= MARGIN)
    motion = OnlineTrajectoryGenerator(LIMITS, start)
    positions = []
    for number, goal in enumerate(goals):
        motion.set_goal(goal)
        for _ in range(40 if number < len(goals) - 1 else 150):
            if not scene.can_stop_clear(motion, motion.state_after(TICK), scene.stopping_margin):
                motion.brake()
            positions.append(motion.step(TICK)[0])
    assert clearance(scene, positions).min() >= 0.4 * MARGIN


@pytest.mark.parametrize('keep_out', [POST, TABLE], ids=['post', 'table'])
def test_at_full_speed_it_comes_to_rest_in_front_of_the_zone(keep_out):
    motion = OnlineTrajectoryGenerator(LIMITS, (2.0, 0.0))
    motion.set_goal((-1.5, 0.0))
    braked = False
    while not motion.at_rest:
        braked = braked or not keep_out.can_stop_clear(
            motion, motion.state_after(TICK), keep_out.stopping_margin
        )
        if braked and motion.velocity[0] <= -2.9:
            motion.brake()
        motion.step(TICK)
    assert braked
    # Of the margin half is left to the braking; a tick earlier it would have been enough.
    least = clearance(keep_out, motion.position)[0]
    assert 0.5 * MARGIN - 1e-6 <= least < 0.5 * MARGIN + 3.0 * TICK * ARM.reach


class TestAnArmThatIsTooNear:
    """It was pushed there, or the zones were changed: it may leave, and come no nearer."""

    START = (-0.6, 0.2)  # the tip is 0.15 m below the table

    def ways(self, goal):
        motion = OnlineTrajectoryGenerator(LIMITS, self.START)
        return motion, motion.plan_to(goal)

    def test_may_leave(self):
        motion, way = self.ways((0.5, 0.5))
        assert TABLE.trajectory_obstruction(motion, way) == ''
        for time in np.arange(0.0, way.duration, TICK).tolist():
            assert TABLE.can_stop_clear(motion, way.at(time), TABLE.stopping_margin)

    def test_may_stay(self):
        motion, way = self.ways(self.START)
        assert TABLE.trajectory_obstruction(motion, way) == ''
        assert TABLE.can_stop_clear(motion, motion.state, TABLE.stopping_margin)

    def test_may_not_come_nearer_on_its_way_out(self):
        """Neither by any goal deeper inside, nor by a detour."""
        for goal in ((-0.8, 0.2), (-0.3, -2.8)):
            motion, way = self.ways(goal)
            assert 'half plane 1' in TABLE.trajectory_obstruction(motion, way)
            motion.follow(way)
            assert not all(
                TABLE.can_stop_clear(motion, way.at(time), TABLE.stopping_margin)
                for time in np.arange(0.0, way.duration, TICK).tolist()
            )

    def test_may_not_come_nearer_by_the_least(self):
        """Many small ways would lead anywhere."""
        first, second = self.START
        motion, way = self.ways((first - 0.001, second))
        assert clearance(TABLE, self.START)[0] - clearance(TABLE, way.at(9.0).position)[0] < 5e-4
        assert TABLE.trajectory_obstruction(motion, way)
        assert not TABLE.can_stop_clear(motion, way.at(way.duration / 2), TABLE.stopping_margin)

    def test_may_not_leave_through_another_zone(self):
        post = Circle((0.45, 0.1), 0.01)
        both = KeepOut(ARM, [post], [HalfPlane((0.0, 1.0), -0.1)], MARGIN)
        motion, way = self.ways((0.9, 0.2))
        assert TABLE.trajectory_obstruction(motion, way) == ''
        assert 'circle 1' in both.trajectory_obstruction(motion, way)

    def test_gets_out_of_the_margin_at_full_speed(self):
        """Slightly too near at the start, as measured joints are: no reason to stop there."""
        angle = -np.arcsin((0.1 - 0.9 * MARGIN) / ARM.reach)
        motion = OnlineTrajectoryGenerator(LIMITS, (angle, 0.0))
        assert 'link 2' in TABLE.obstruction_at(motion.position)
        assert TABLE.trajectory_obstruction(motion, motion.plan_to((1.5, 0.0))) == ''
        assert TABLE.trajectory_obstruction(motion, motion.plan_to((angle - 0.01, 0.0)))


@pytest.mark.parametrize(
    ('circles', 'half_planes', 'margin', 'words'),
    [
        ([0.3, 0.2], [], 0.0, 'circles: got 2 numbers, expected three for each'),
        ([], [0.0, 1.0, -0.1, 0.0], 0.0, 'half planes: got 4 numbers, expected three for each'),
        ([0.3, 0.2, 0.0], [], 0.0, 'circle: got .* radius 0.0 m, expected .* positive'),
        ([0.3, 0.2, np.inf], [], 0.0, 'circle: got .* radius inf m'),
        ([0.3, np.nan, 0.1], [], 0.0, r'circle: got center \(0.3, nan\) m'),
        ([], [0.0, 0.0, -0.1], 0.0, 'half plane: got normal .* expected .* not zero'),
        ([], [0.0, 1.0, np.nan], 0.0, 'half plane: got .* offset nan m'),
        ([], [], -0.01, 'margin: got -0.01 m, expected 0 or more'),
        ([], [], np.nan, 'margin: got nan m'),
        ([0.05, 0.0, 0.04], [], 0.02, 'circle 1 .* got 0.01 m from the axis of joint1, expected'),
        ([], [0.0, 1.0, -0.01], 0.02, 'half plane 1 .* got 0.01 m from the axis of joint1'),
    ],
)
def test_zones_that_are_none_are_refused(circles, half_planes, margin, words):
    with pytest.raises(ConfigError, match=f'keep-out {words}'):
        KeepOut.from_lists(ARM, circles, half_planes, margin)
