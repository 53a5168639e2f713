"""Keep-out checks of single positions, along motions and in stops from them."""

from itertools import pairwise

import numpy as np
import pinocchio
import pytest
from arms import random_arm, random_joints
from built_arms import calibrated_arm
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.collision.zones import Circle, HalfPlane
from ik_nn_ros.errors import ConfigError
from ik_nn_ros.trajectory.keep_out import KeepOut
from ik_nn_ros.trajectory.online_generator import MotionLimits, OnlineTrajectoryGenerator

ARM = ArmModel('arm', ('joint1', 'joint2'), (0.3, 0.2))
LIMITS = MotionLimits((3.0, 3.0), (10.0, 10.0), (100.0, 100.0))
MARGIN = 0.02
PERIOD = 0.01
POST = KeepOut(ARM, [Circle((0.3, 0.0), 0.01)], [], MARGIN)
TABLE = KeepOut(ARM, [], [HalfPlane((0.0, 1.0), -0.1)], MARGIN)

fractions = np.linspace(0.0, 1.0, 401)
unit = st.floats(-1.0, 1.0)


@st.composite
def arms(draw):
    """Draw arms with any signs and offsets of the joints."""
    signs = draw(st.tuples(*[st.sampled_from([1.0, -1.0])] * 2))
    return ArmModel('arm', ('a', 'b'), (0.3, 0.2), signs, draw(st.tuples(unit, unit)))


@st.composite
def scenes(draw, margin=MARGIN, posts=(0.002, 0.01, 0.05)):
    """Draw an arm among posts, next to a wall."""
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


positions = st.tuples(st.floats(-3.0, 3.0), st.floats(-2.8, 2.8))


def clearance(keep_out, q):
    return keep_out.clearance(np.atleast_2d(np.array(q, dtype=float)))


def witness(points, circles, half_planes):
    """Return the smallest distance of (N, 2) points from the zones."""
    distances = [np.hypot(*(points - circle.center).T) - circle.radius for circle in circles]
    distances += [points @ plane.normal - plane.offset for plane in half_planes]
    return np.min(distances)


def along_links(corners):
    """Return many points on the straight lines from corner to corner."""
    return np.concatenate(
        [start + fractions[:, None] * (end - start) for start, end in pairwise(corners)]
    )


@pytest.mark.parametrize('seed', range(12))
def test_the_clearance_is_that_of_the_links_in_pinocchio(seed):
    """For any mounting, axis signs and zero pose; the elbow is at the second joint."""
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
        step = max(arm.model.lengths) / (len(fractions) - 1)
        expected = witness(points, circles, half_planes)
        assert expected - step <= got <= expected + 1e-9


def test_the_calibrated_tip_counts_for_the_clearance():
    arm = calibrated_arm(3)
    q = random_joints(arm, np.random.default_rng(3), 20)
    wall = HalfPlane((1.0, 0.0), -2.0 * arm.reach)
    keep_out = KeepOut(arm, [], [wall], 0.0)
    elbow = arm.lengths[0] * np.cos(arm.signs[0] * q[:, 0] + arm.offsets[0])
    nearest = np.minimum(np.minimum(elbow, arm.fk(q)[:, 0]), 0.0)
    np.testing.assert_allclose(keep_out.clearance(q), nearest + 2.0 * arm.reach, atol=1e-12)


def test_without_zones_nothing_is_obstructed():
    free = KeepOut(ARM, (), (), MARGIN)
    assert not free
    assert POST
    assert clearance(free, [(0.0, 0.0), (1.0, 2.0)]).tolist() == [np.inf, np.inf]
    generator = OnlineTrajectoryGenerator(LIMITS, (0.0, 0.0))
    assert not free.obstruction_at((0.0, 0.0))
    assert not free.obstruction_along(np.zeros((3, 2)))
    assert not free.trajectory_obstruction(generator, generator.plan_to((1.0, 1.0)))
    assert free.can_stop_clear(generator, generator.state, 0.0)


def test_the_obstruction_names_link_zone_and_distance():
    keep_out = KeepOut.from_lists(ARM, [0.0, 0.5, 0.1, 0.4, 0.1, 0.05], [0.0, 2.0, -0.4], MARGIN)
    assert keep_out.obstruction_at((0.0, 0.0)) == ''
    assert keep_out.obstruction_at((0.0, 0.5)) == (
        'link 2 to circle 2 at (0.4, 0.1) m of radius 0.05 m: '
        'got -0.01018 m, expected at least 0.02 m'
    )
    assert keep_out.obstruction_at((-np.pi / 2, 0.0)) == (
        'link 2 to half plane 1 (0, 1) · p < -0.2 m: got -0.3 m, expected at least 0.02 m'
    )


def test_a_distance_of_the_margin_is_allowed():
    wall = [HalfPlane((1.0, 0.0), -0.5 - MARGIN)]
    assert not KeepOut(ARM, [], wall, MARGIN).obstruction_at((np.pi, 0.0))
    assert KeepOut(ARM, [], wall, MARGIN + 1e-6).obstruction_at((np.pi, 0.0))


@settings(max_examples=150, deadline=None)
@given(
    scene=scenes(), start=positions, step=st.tuples(unit, unit), size=st.sampled_from([0.05, 0.2])
)
def test_an_allowed_motion_is_clear_between_its_samples(scene, start, step, size):
    """However thin the post is; and a motion with slightly more clearance is allowed."""
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
def test_a_motion_through_a_post_is_obstructed_and_one_around_it_is_not(scale):
    """Also a motion so slow that its samples are farther apart in time."""
    first, second = LIMITS.velocity
    limits = MotionLimits((scale * first, scale * second), LIMITS.acceleration, LIMITS.jerk)
    generator = OnlineTrajectoryGenerator(limits, (-1.0, 0.3))
    through, around = (1.0, 0.3), (-2.5, 0.3)
    assert not POST.obstruction_at(generator.position)
    assert not POST.obstruction_at(through)
    assert POST.trajectory_obstruction(generator, generator.plan_to(through)).startswith(
        'on the way, link 1'
    )
    assert not POST.trajectory_obstruction(generator, generator.plan_to(around))


class TestStopsFromAMotion:
    """The second joint stops at once, while the first one moves the stretched arm on."""

    LIMITS = MotionLimits((2.0, 3.0), (4.0, 30.0), (40.0, 600.0))

    def motion(self):
        generator = OnlineTrajectoryGenerator(self.LIMITS, (-0.6, 1.2))
        return generator, generator.plan_to((0.4, -2.0))

    def zone(self, center, radius):
        return KeepOut(ARM, [Circle(center, radius)], [], MARGIN)

    def stops(self, generator, motion):
        times = np.arange(0.0, motion.duration, 0.005).tolist()
        return [generator.plan_stop(motion.at(time)).positions(0.005) for time in times]

    def test_a_stop_may_be_obstructed_though_the_motion_is_clear(self):
        generator, motion = self.motion()
        keep_out = self.zone((0.37, 0.12), 0.03)
        assert clearance(keep_out, motion.positions(0.001)).min() > 2.0 * MARGIN
        stops = np.concatenate(self.stops(generator, motion))
        assert clearance(keep_out, stops).min() < 0.0
        assert keep_out.trajectory_obstruction(generator, motion).startswith(
            'braking on the way, link'
        )

    @pytest.mark.parametrize(
        ('fraction', 'planned', 'kept'), [(0.8, 1, 1), (0.6, 0, 1), (0.4, 0, 0)]
    )
    def test_a_stop_may_use_half_of_the_margin_and_a_planned_one_less(
        self, fraction, planned, kept
    ):
        generator, motion = self.motion()
        center = (0.46, 0.2)
        nearest = 1e-3 + min(
            clearance(self.zone(center, 1e-3), rows).min() for rows in self.stops(generator, motion)
        )
        keep_out = self.zone(center, nearest - fraction * MARGIN)
        assert clearance(keep_out, motion.positions(0.001)).min() > 1.1 * MARGIN
        assert (keep_out.trajectory_obstruction(generator, motion) == '') == planned
        times = np.arange(0.0, motion.duration, 0.005).tolist()
        assert kept == all(
            keep_out.can_stop_clear(generator, motion.at(time), keep_out.stopping_margin)
            for time in times
        )


@settings(max_examples=60, deadline=None)
@given(scene=scenes(), start=positions, goal=positions, speed=st.floats(0.5, 4.0))
def test_a_planned_motion_is_clear_and_no_step_interrupts_it(scene, start, goal, speed):
    """The margin holds during the motion, and every state of it can be stopped from."""
    assume(clearance(scene, [start, goal]).min() >= MARGIN)
    generator = OnlineTrajectoryGenerator(
        MotionLimits((speed, 3.0), (10.0, 20.0), (100.0, 300.0)), start
    )
    motion = generator.plan_to(goal)
    assume(not scene.trajectory_obstruction(generator, motion))
    assert clearance(scene, motion.positions(0.002)).min() >= MARGIN - 1e-5
    for time in np.arange(0.0, motion.duration, 0.02).tolist():
        assert scene.can_stop_clear(generator, motion.at(time), scene.stopping_margin)


@settings(max_examples=25, deadline=None)
@given(scene=scenes(), start=positions, goals=st.lists(positions, min_size=3, max_size=5))
def test_checked_steps_alone_keep_the_arm_clear_for_any_goals(scene, start, goals):
    """The goals are not checked, and change while the arm is fast."""
    assume(clearance(scene, start)[0] >= MARGIN)
    generator = OnlineTrajectoryGenerator(LIMITS, start)
    positions = []
    for number, goal in enumerate(goals):
        generator.set_goal(goal)
        for _ in range(40 if number < len(goals) - 1 else 150):
            if not scene.can_stop_clear(
                generator, generator.state_after(PERIOD), scene.stopping_margin
            ):
                generator.brake()
            positions.append(generator.step(PERIOD)[0])
    assert clearance(scene, positions).min() >= 0.4 * MARGIN


@pytest.mark.parametrize('keep_out', [POST, TABLE], ids=['post', 'table'])
def test_the_arm_stops_from_full_speed_in_front_of_a_zone(keep_out):
    generator = OnlineTrajectoryGenerator(LIMITS, (2.0, 0.0))
    generator.set_goal((-1.5, 0.0))
    braked = False
    while not generator.at_rest:
        braked = braked or not keep_out.can_stop_clear(
            generator, generator.state_after(PERIOD), keep_out.stopping_margin
        )
        if braked and generator.velocity[0] <= -2.9:
            generator.brake()
        generator.step(PERIOD)
    assert braked
    # Half of the margin is reserved for the stop, which begins in the last possible period.
    nearest = clearance(keep_out, generator.position)[0]
    assert 0.5 * MARGIN - 1e-6 <= nearest < 0.5 * MARGIN + 3.0 * PERIOD * ARM.reach


class TestAnArmThatIsTooClose:
    """It was pushed there, or the zones have changed: it may leave, but not come closer."""

    START = (-0.6, 0.2)  # the tip is 0.15 m below the table

    def motion(self, goal):
        generator = OnlineTrajectoryGenerator(LIMITS, self.START)
        return generator, generator.plan_to(goal)

    def test_may_leave(self):
        generator, motion = self.motion((0.5, 0.5))
        assert TABLE.trajectory_obstruction(generator, motion) == ''
        for time in np.arange(0.0, motion.duration, PERIOD).tolist():
            assert TABLE.can_stop_clear(generator, motion.at(time), TABLE.stopping_margin)

    def test_may_stay(self):
        generator, motion = self.motion(self.START)
        assert TABLE.trajectory_obstruction(generator, motion) == ''
        assert TABLE.can_stop_clear(generator, generator.state, TABLE.stopping_margin)

    def test_may_not_come_closer(self):
        """Neither with a goal deeper inside nor by a detour."""
        for goal in ((-0.8, 0.2), (-0.3, -2.8)):
            generator, motion = self.motion(goal)
            assert 'half plane 1' in TABLE.trajectory_obstruction(generator, motion)
            generator.follow(motion)
            assert not all(
                TABLE.can_stop_clear(generator, motion.at(time), TABLE.stopping_margin)
                for time in np.arange(0.0, motion.duration, PERIOD).tolist()
            )

    def test_may_not_come_closer_by_a_small_distance(self):
        """Many small motions would lead anywhere."""
        first, second = self.START
        generator, motion = self.motion((first - 0.001, second))
        assert clearance(TABLE, self.START)[0] - clearance(TABLE, motion.at(9.0).position)[0] < 5e-4
        assert TABLE.trajectory_obstruction(generator, motion)
        assert not TABLE.can_stop_clear(
            generator, motion.at(motion.duration / 2), TABLE.stopping_margin
        )

    def test_may_not_leave_through_another_zone(self):
        post = Circle((0.45, 0.1), 0.01)
        both = KeepOut(ARM, [post], [HalfPlane((0.0, 1.0), -0.1)], MARGIN)
        generator, motion = self.motion((0.9, 0.2))
        assert TABLE.trajectory_obstruction(generator, motion) == ''
        assert 'circle 1' in both.trajectory_obstruction(generator, motion)

    def test_may_leave_the_margin_at_full_speed(self):
        """Measured joints may be slightly too close at the start: no reason to stop there."""
        angle = -np.arcsin((0.1 - 0.9 * MARGIN) / ARM.reach)
        generator = OnlineTrajectoryGenerator(LIMITS, (angle, 0.0))
        assert 'link 2' in TABLE.obstruction_at(generator.position)
        assert TABLE.trajectory_obstruction(generator, generator.plan_to((1.5, 0.0))) == ''
        assert TABLE.trajectory_obstruction(generator, generator.plan_to((angle - 0.01, 0.0)))


@pytest.mark.parametrize(
    ('circles', 'half_planes', 'margin', 'text'),
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
def test_invalid_zones_are_rejected(circles, half_planes, margin, text):
    with pytest.raises(ConfigError, match=f'keep-out {text}'):
        KeepOut.from_lists(ARM, circles, half_planes, margin)
