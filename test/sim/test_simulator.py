"""The simulated arm: commands, limits, masses and deviations from the URDF."""

import numpy as np
import pinocchio
import pytest
from arms import random_arm, random_joints, rpy

from ik_nn_ros.arm.urdf import read_description
from ik_nn_ros.errors import ArmError, ConfigError
from ik_nn_ros.files import share_directory
from ik_nn_ros.sim.deviations import ArmDeviations
from ik_nn_ros.sim.simulator import TIME_STEP_S, ServoConfig, ServoProfile, Simulator

DEFAULT = share_directory() / 'urdf' / 'arm.urdf.xacro'
GRAVITY = 9.81

RRBOT = """<robot name="rrbot">
  <link name="base_link"/><link name="link1"/><link name="link2"/><link name="tool_link"/>
  <joint name="joint1" type="continuous"><parent link="base_link"/><child link="link1"/>
    <origin xyz="0 0.1 1.95"/><axis xyz="0 1 0"/><limit effort="100" velocity="1.0"/></joint>
  <joint name="joint2" type="continuous"><parent link="link1"/><child link="link2"/>
    <origin xyz="0 0.1 0.9"/><axis xyz="0 1 0"/><limit effort="100" velocity="1.0"/></joint>
  <joint name="tool_joint" type="fixed"><parent link="link2"/><child link="tool_link"/>
    <origin xyz="0 0 1"/></joint>
</robot>"""


def default_urdf(**arguments):
    return read_description(DEFAULT, {name: str(value) for name, value in arguments.items()})


def level(arm):
    """Return the URDF of a random arm, mounted with its plane horizontal."""
    mount = ' '.join(map(repr, rpy(arm.model.plane.rotation.T).tolist()))
    floor = (
        '<link name="floor"/><joint name="mount" type="fixed"><parent link="floor"/>'
        f'<child link="base_link"/><origin xyz="0.1 0.2 0.3" rpy="{mount}"/></joint></robot>'
    )
    return arm.urdf.replace('</robot>', floor)


def record(simulator, seconds, period=0.005):
    """Return (N, 2) positions and velocities, one row per period."""
    rows = []
    for _ in range(round(seconds / period)):
        simulator.step(period)
        rows.append((simulator.q, simulator.velocity))
    q, velocity = np.array(rows).swapaxes(0, 1)
    return q, velocity


@pytest.mark.parametrize('goal', [(1.0, -0.7), (-2.9, 2.6), (0.0, 0.001)])
def test_it_reaches_the_commanded_position(goal):
    simulator = Simulator(default_urdf(), q=(0.3, 0.3))
    simulator.set_command(goal)
    simulator.step(4.0)
    np.testing.assert_allclose(simulator.q, goal, atol=1e-6)
    np.testing.assert_allclose(simulator.velocity, 0.0, atol=1e-6)


@pytest.mark.parametrize('seed', range(8))
def test_random_level_arms_follow_large_steps_and_stop_at_the_last_one(seed):
    arm = random_arm(seed)
    rng = np.random.default_rng(seed)
    simulator = Simulator(level(arm))
    max_speed_ratio = 0.0
    for goal in random_joints(arm.model, rng, 20):
        simulator.set_command(goal)
        speed_ratio = np.abs(record(simulator, 0.3)[1] / arm.model.max_velocity).max()
        max_speed_ratio = max(max_speed_ratio, speed_ratio)
    assert max_speed_ratio < 1.5
    # 20 N m accelerate these heavy arms at about 0.5 rad/s².
    simulator.step(40.0)
    np.testing.assert_allclose(simulator.q, goal, atol=1e-4)


@pytest.mark.parametrize('bandwidth', [0.5, 10.0, 50.0])
def test_no_overshoot(bandwidth):
    simulator = Simulator(default_urdf(velocity=10), config=ServoConfig(bandwidth))
    simulator.set_command((1.0, 1.0))
    q, _ = record(simulator, 10.0 / min(bandwidth, 5.0))
    np.testing.assert_allclose(q[-1], 1.0, atol=1e-3)
    assert q[:, 0].max() < 1.005  # the links are coupled


def test_bandwidth_sets_the_lag():
    lag = {}
    for bandwidth in (5.0, 20.0):
        simulator = Simulator(default_urdf(velocity=0.5), config=ServoConfig(bandwidth))
        simulator.set_command((2.0, 0.0))
        simulator.step(2.0)
        lag[bandwidth] = 0.5 * 2.0 - simulator.q[0]
    # 2 v / ω behind the reference, which had to accelerate first.
    assert lag[5.0] == pytest.approx(0.5 * 2 / (2 * np.pi * 5), rel=0.25)
    assert lag[5.0] > 2.5 * lag[20.0] > 0.0


def test_the_servo_accounts_for_joint_damping():
    lag = []
    for damping in ('0.05', '0.7'):
        simulator = Simulator(default_urdf().replace('damping="0.05"', f'damping="{damping}"'))
        simulator.set_command((2.0, 0.0))
        simulator.step(0.5)
        lag.append(simulator.q[0])
    assert lag[0] == pytest.approx(lag[1], abs=1e-3)


def test_commands_beyond_the_limits_end_at_the_limits():
    simulator = Simulator(default_urdf(velocity=20, effort=1000))
    low, up = np.array(simulator.arm.lower), np.array(simulator.arm.upper)
    for goal in ((9.0, 9.0), (-9.0, 9.0), (9.0, -9.0), (-9.0, -9.0)) * 3:
        simulator.set_command(goal)
        q, _ = record(simulator, 0.4)
        assert (q - up).max() < 1e-3
        assert (low - q).max() < 1e-3
    simulator.step(1.0)
    np.testing.assert_allclose(simulator.q, low, atol=1e-3)


def test_arm_that_falls_is_stopped_at_its_limit():
    simulator = Simulator(default_urdf(mount_rpy='1.5708 0 0', effort=0.2, q1_limit=0.8))
    q, _ = record(simulator, 5.0)
    assert q[-1, 0] == pytest.approx(-0.8, abs=2e-3)
    assert q[:, 0].min() > -0.81


@pytest.mark.parametrize(
    ('urdf', 'tip'), [(default_urdf(), 'tip'), (RRBOT, 'tool_link')], ids=['default', 'rrbot']
)
def test_velocity_limit(urdf, tip):
    simulator = Simulator(urdf, tip_link=tip)
    simulator.set_command((2.5, -2.5))
    _, velocity = record(simulator, 2.0)
    speed_ratio = np.abs(velocity).max(axis=0) / simulator.arm.max_velocity
    assert (speed_ratio > 0.98).all()  # the limit is used
    assert (speed_ratio < 1.04).all()  # the reference keeps it, the coupled links nearly


@pytest.mark.parametrize(('roll', 'torque'), [(0.0, 0.0), (np.pi / 2, 1.0), (-np.pi / 2, -1.0)])
def test_gravity_follows_the_mounting(roll, torque):
    simulator = Simulator(default_urdf(mount_rpy=f'{roll} 0 0'))
    simulator.step(2.0)
    # Masses and lengths of urdf/arm.urdf.xacro, stretched out along the horizontal x axis.
    expected = torque * GRAVITY * np.array([0.4 * 0.15 + 0.25 * 0.4, 0.25 * 0.1])
    np.testing.assert_allclose(simulator.effort, expected, rtol=1e-3, atol=1e-9)
    sag = -torque * np.sign(simulator.q)
    if torque:
        assert (sag == 1.0).all()
        assert (np.abs(simulator.q) < 0.02).all()
    else:
        np.testing.assert_allclose(simulator.q, 0.0, atol=1e-9)


def test_an_arm_heavier_than_its_effort_limit_sinks():
    # Holding the arm takes 1.57 N m.
    simulator = Simulator(default_urdf(mount_rpy='1.5708 0 0', effort=1.0))
    efforts = []
    for _ in range(100):
        simulator.step(0.01)
        efforts.append(np.abs(simulator.effort))
    assert np.max(efforts) == pytest.approx(1.0)
    assert simulator.q[0] < -0.3


@pytest.mark.parametrize('limit', ['', 'effort="0"', 'effort="inf"'])
def test_no_effort_limit(limit):
    urdf = RRBOT.replace('effort="100"', limit)
    simulator = Simulator(urdf, tip_link='tool_link', q=(np.pi / 2, 0.0))
    simulator.step(2.0)
    np.testing.assert_allclose(simulator.q, (np.pi / 2, 0.0), atol=0.01)


@pytest.mark.parametrize('seed', range(8))
def test_the_tip_pose_agrees_with_fk_and_pinocchio(seed):
    arm = random_arm(seed)
    urdf = level(arm)  # the base link is not the root
    simulator = Simulator(urdf)
    witness = pinocchio.buildModelFromXML(urdf)
    frames = [witness.getFrameId(name) for name in ('base_link', 'tip')]
    for goal in random_joints(arm.model, np.random.default_rng(seed), 3):
        simulator.set_command(goal)
        simulator.step(0.5)
        np.testing.assert_allclose(
            simulator.tip, arm.model.plane.to_base(arm.model.fk(simulator.q)), atol=1e-9
        )
        x, y, z, w = simulator.tip_quaternion
        expected = _witness_pose(witness, frames, simulator.q)
        np.testing.assert_allclose(simulator.tip, expected.translation, atol=1e-9)
        np.testing.assert_allclose(
            pinocchio.Quaternion(w, x, y, z).matrix(), expected.rotation, atol=1e-9
        )


def _witness_pose(model, frames, q):
    # Pinocchio keeps a continuous joint as (cos, sin).
    values = []
    for joint, angle in zip(list(model.joints)[1:], q, strict=True):
        values += [np.cos(angle), np.sin(angle)] if joint.nq == 2 else [angle]
    data = model.createData()
    pinocchio.framesForwardKinematics(model, data, np.array(values))
    base, tip = (data.oMf[frame] for frame in frames)
    return base.actInv(tip)


def test_links_without_masses_are_rods():
    simulator = Simulator(RRBOT, tip_link='tool_link')
    simulator.set_command((np.pi / 2, 0.0))
    simulator.step(4.0)
    np.testing.assert_allclose(simulator.q, (np.pi / 2, 0.0), atol=5e-3)
    # Held horizontally: two rods of 1.3 kg/m, the first of which also extends 0.1 m sideways.
    rod1, rod2 = 1.3 * np.hypot(0.9, 0.1), 1.3
    expected = -GRAVITY * np.array([rod1 * 0.45 + rod2 * 1.4, rod2 * 0.5])
    np.testing.assert_allclose(simulator.effort, expected, rtol=1e-3)


def test_point_mass_without_inertia():
    mass = '<link name="link2"><inertial><mass value="2"/></inertial></link>'
    simulator = Simulator(RRBOT.replace('<link name="link2"/>', mass), tip_link='tool_link')
    simulator.set_command((0.5, -0.5))
    simulator.step(3.0)
    np.testing.assert_allclose(simulator.q, (0.5, -0.5), atol=0.02)


def test_the_motion_does_not_depend_on_how_time_is_divided():
    def run(period, count):
        simulator = Simulator(default_urdf(mount_rpy='1 0.5 0'))
        simulator.set_command((1.0, -1.0))
        for _ in range(count):
            simulator.step(period)
        return simulator.q

    np.testing.assert_array_equal(run(0.01, 60), run(0.01, 60))
    # Also for periods below the time step of the physics.
    np.testing.assert_array_equal(run(0.6, 1), run(0.01, 60))
    np.testing.assert_array_equal(run(0.6, 1), run(0.0004, 1500))


def test_joints_beside_the_arm_stay_fixed():
    extra = """
      <material name="red"/><gazebo reference="tip"><selfCollide>1</selfCollide></gazebo>
      <ros2_control name="x" type="system"><joint name="joint1"/></ros2_control>
      <transmission name="t"><joint name="joint2"/></transmission>
      <link name="finger"><visual><geometry><mesh filename="package://gone/finger.stl"/></geometry>
        </visual><collision><geometry><box size="9 9 9"/></geometry></collision></link>
      <joint name="grip" type="prismatic"><parent link="tip"/><child link="finger"/>
        <axis xyz="1 0 0"/><limit lower="0" upper="0.1" effort="1" velocity="1"/></joint>
      <link name="finger2"/>
      <joint name="grip2" type="prismatic"><parent link="tip"/><child link="finger2"/>
        <mimic joint="grip"/><limit lower="0" upper="0.1" effort="1" velocity="1"/></joint>
    </robot>"""
    plain, equipped = (
        Simulator(urdf) for urdf in (default_urdf(), default_urdf().replace('</robot>', extra))
    )
    for simulator in (plain, equipped):
        simulator.set_command((1.0, -1.0))
        simulator.step(0.4)
    assert equipped.joint_names == ('joint1', 'joint2')
    np.testing.assert_allclose(equipped.q, plain.q, atol=1e-6)


def test_the_profile_stops_at_the_command_without_overshoot():
    profile = ServoProfile(0.0, max_velocity=2.0, max_acceleration=5.0)
    positions = [profile.advance(1.0, TIME_STEP_S) for _ in range(2000)]
    velocity = np.diff(positions) / TIME_STEP_S
    assert max(positions) <= 1.0 + 1e-9
    assert positions[-1] == pytest.approx(1.0, abs=1e-9)
    assert velocity.max() <= 2.0 + 1e-9
    assert np.abs(np.diff(velocity)).max() / TIME_STEP_S <= 5.0 + 1e-6
    # Time-optimal within these limits: 1 rad takes v/a + x/v = 0.9 s.
    assert positions[round(0.93 / TIME_STEP_S)] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize('q', [(3.0, 0.0), (0.0, -2.7)])
def test_start_outside_the_limits_is_refused(q):
    with pytest.raises(ArmError, match=r'start position.*joint1 in \[-2\.9, 2\.9\]'):
        Simulator(default_urdf(), q=q)


@pytest.mark.parametrize('q', [(np.nan, 0.0), (0.0, np.inf), (0.0,), (0.0, 0.0, 0.0)])
def test_a_command_that_is_not_a_position_is_refused(q):
    simulator = Simulator(default_urdf())
    with pytest.raises(ConfigError, match='two finite joint positions'):
        simulator.set_command(q)


@pytest.mark.parametrize(
    ('old', 'new', 'match'),
    [
        ('<link name="link2"/>', '<link name="link2"/><link name="link2"/>', 'MuJoCo'),
        ('effort="100"', 'effort="much"', "effort limit of joint joint1: got 'much'"),
        ('effort="100"', 'effort="-1"', "effort limit of joint joint1: got '-1'"),
        (
            '<link name="link2"/>',
            '<link name="link2"><inertial><mass value="-1"/></inertial></link>',
            'mass of link link2: got -1',
        ),
    ],
)
def test_impossible_body_is_an_arm_error(old, new, match):
    with pytest.raises(ArmError, match=match):
        Simulator(RRBOT.replace(old, new), tip_link='tool_link')


@pytest.mark.parametrize('bandwidth', [0.0, -1.0, float('nan'), 1e3])
def test_bandwidth_out_of_range(bandwidth):
    with pytest.raises(ConfigError, match='servo bandwidth'):
        ServoConfig(bandwidth)


# Deviations from the URDF.


def random_deviations(rng):
    """Return deviations over most of their ranges."""
    return ArmDeviations(
        rng.uniform(-0.2, 0.2, 2), rng.uniform(-0.5, 0.5, 2), rng.uniform(-0.2, 0.2, 2)
    )


def true_tip(arm, deviations, encoders):
    """Return the tip at encoder positions, from the written-out law of the deviations."""
    (s1, s2), (zero1, zero2) = arm.signs, arm.offsets
    load = np.cos(s1 * encoders[0] + zero1 + s2 * encoders[1] + zero2)
    joint1, joint2 = encoders + np.array(deviations.joint_offsets) + np.array(deviations.sag) * load
    theta1 = s1 * joint1 + zero1
    forearm = theta1 + s2 * joint2 + zero2
    length1, length2 = np.array(arm.lengths) * (1.0 + np.array(deviations.length_errors))
    x = length1 * np.cos(theta1) + length2 * np.cos(forearm)
    y = length1 * np.sin(theta1) + length2 * np.sin(forearm)
    return arm.plane.origin + x * arm.plane.rotation[:, 0] + y * arm.plane.rotation[:, 1]


@pytest.mark.parametrize('seed', range(8))
def test_the_tip_of_an_arm_with_deviations(seed):
    """Random axis signs, zero poses and offsets along the axes; every second arm is inclined."""
    arm, rng = random_arm(seed), np.random.default_rng(seed)
    deviations = random_deviations(rng)
    simulator = Simulator(level(arm) if seed % 2 else arm.urdf, deviations=deviations)
    for goal in random_joints(arm.model, rng, 3):
        simulator.set_command(goal)
        simulator.step(0.5)
        np.testing.assert_allclose(
            simulator.tip, true_tip(arm.model, deviations, simulator.q), atol=1e-9
        )


def test_the_encoders_reach_the_command_and_the_tip_misses_by_the_deviations():
    """They amount to about 12 mm at this pose."""
    deviations = ArmDeviations((0.01, 0.01), (0.02, 0.02), (0.0, -0.01))
    simulator = Simulator(default_urdf(), q=(0.3, 0.3), deviations=deviations)
    np.testing.assert_allclose(simulator.q, 0.3, atol=1e-12)
    simulator.set_command((1.0, -0.7))
    simulator.step(4.0)
    np.testing.assert_allclose(simulator.q, (1.0, -0.7), atol=1e-6)
    np.testing.assert_allclose(simulator.velocity, 0.0, atol=1e-6)
    first, forearm = 1.02, 0.3 + 0.04 - 0.01 * np.cos(0.3)
    expected = (
        0.303 * np.cos(first) + 0.202 * np.cos(forearm),
        0.303 * np.sin(first) + 0.202 * np.sin(forearm),
        0.0,
    )
    np.testing.assert_allclose(simulator.tip, expected, atol=1e-6)
    nominal = simulator.arm.plane.to_base(simulator.arm.fk(simulator.q))
    assert np.linalg.norm(simulator.tip - nominal) == pytest.approx(12e-3, abs=2e-3)


@pytest.mark.parametrize(
    'deviations',
    [
        ArmDeviations(joint_offsets=(0.5, -0.5), sag=(0.2, 0.2)),
        ArmDeviations(joint_offsets=(-0.5, 0.5), sag=(-0.2, 0.1)),
    ],
)
def test_all_encoder_limits_are_reachable(deviations):
    simulator = Simulator(default_urdf(velocity=10, effort=100), deviations=deviations)
    low, up = simulator.arm.lower, simulator.arm.upper
    for goal in ((low[0], low[1]), (up[0], low[1]), (up[0], up[1]), (low[0], up[1])):
        simulator.set_command(goal)
        simulator.step(3.0)
        np.testing.assert_allclose(simulator.q, goal, atol=1e-4)


def test_velocities_are_those_of_the_encoders():
    deviations = ArmDeviations(joint_offsets=(0.3, -0.2), sag=(0.2, -0.15))
    simulator = Simulator(default_urdf(), q=(-2.0, -2.0), deviations=deviations)
    simulator.set_command((2.0, 0.5))
    q, velocity = record(simulator, 1.5, period=TIME_STEP_S)
    assert np.abs(velocity).max() > 2.5
    np.testing.assert_allclose(np.diff(q, axis=0) / TIME_STEP_S, velocity[1:], atol=0.01)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('length_errors', (0.0, 0.21)),
        ('joint_offsets', (-0.51, 0.0)),
        ('sag', (np.nan, 0.0)),
        ('encoder_noise', -1e-6),
        ('tip_noise', np.inf),
    ],
)
def test_a_deviation_out_of_range_is_refused(name, value):
    with pytest.raises(ConfigError, match=rf'as built: {name}: got .*, expected .* to '):
        ArmDeviations(**{name: value})
