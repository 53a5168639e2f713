from pathlib import Path

import numpy as np
import pytest
from made_recordings import (
    JOINTS,
    SECOND,
    START,
    Written,
    joint_state,
    motion,
    q_at,
    time_of,
    tip_at,
    tip_pose,
    velocity_at,
    write_mcap,
)
from real_recording import RECORDING

from ik_nn_ros.errors import RecordingError
from ik_nn_ros.recordings.mcap_writer import RecordingWriter
from ik_nn_ros.recordings.messages import JOINT_STATE, POSE_STAMPED
from ik_nn_ros.recordings.samples import STANDSTILL_SAMPLE_COUNT, Samples, TopicNames, read_samples

NOT_NEAR = 'tip_pose with no joint_states near in time'


def samples_of(folder: Path, *recordings: list[Written] | tuple[Written, ...]) -> Samples:
    paths = [write_mcap(folder / f'{i}.mcap', messages) for i, messages in enumerate(recordings)]
    return read_samples(paths, JOINTS, 'base_link')


def test_joints_are_interpolated_to_the_time_of_the_tip(tmp_path):
    samples = samples_of(tmp_path, motion(delay=0.007))
    t = samples.stamp - START / SECOND
    assert len(samples) == 40
    assert samples.dropped == {}
    assert samples.warnings == ()
    np.testing.assert_allclose(t, 0.007 + 0.05 * np.arange(40), atol=1e-6)
    np.testing.assert_allclose(samples.tip, [tip_at(time) for time in t], atol=1e-6)
    # At the ends velocities are one-sided differences, which are of first order.
    inside = slice(1, -1)
    np.testing.assert_allclose(samples.q[inside], q_at(t)[inside], atol=1e-5)
    np.testing.assert_allclose(samples.q, q_at(t), atol=2e-4)
    nearest = np.round(t / 0.02) * 0.02
    np.testing.assert_allclose(samples.q_nearest, q_at(nearest), atol=1e-9)
    np.testing.assert_allclose(samples.velocity[inside], velocity_at(nearest)[inside], atol=2e-3)


def test_the_order_of_the_messages_does_not_matter(tmp_path):
    shuffled = list(motion())
    np.random.default_rng(2).shuffle(shuffled)
    expected, got = samples_of(tmp_path / 'a', motion()), samples_of(tmp_path / 'b', shuffled)
    for name in ('stamp', 'q', 'q_nearest', 'velocity', 'tip'):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


def test_joints_are_found_by_name(tmp_path):
    def reordered(t):
        q1, q2 = q_at(t)
        return joint_state(time_of(t), (q2, 9.0, q1), names=('elbow', 'gripper', 'shoulder'))

    tips = [message for message in motion() if message.topic == '/tip_pose']
    joints = [reordered(t) for t in np.arange(0.0, 2.0, 0.02)]
    expected, got = samples_of(tmp_path / 'a', motion()), samples_of(tmp_path / 'b', joints + tips)
    np.testing.assert_array_equal(got.q, expected.q)


def test_a_recording_without_stamps_uses_the_log_times(tmp_path):
    """Also where only one of the topics has none, since both must be on the same clock."""
    joints = [joint_state(time_of(t), q_at(t), stamp=0) for t in np.arange(0.0, 2.0, 0.02)]
    tips = [
        tip_pose(time_of(t), tip_at(t), stamp=round(t * SECOND) + 1)
        for t in np.arange(0.003, 2.0, 0.05)
    ]
    expected, got = samples_of(tmp_path / 'a', motion()), samples_of(tmp_path / 'b', joints + tips)
    np.testing.assert_array_equal(got.q, expected.q)
    np.testing.assert_array_equal(got.stamp, expected.stamp)


def test_stamps_are_used_and_not_log_times(tmp_path):
    rng = np.random.default_rng(6)
    late = [message._replace(time=message.time + int(rng.integers(SECOND))) for message in motion()]
    expected, got = samples_of(tmp_path / 'a', motion()), samples_of(tmp_path / 'b', late)
    np.testing.assert_array_equal(got.q, expected.q)


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_values_that_are_not_finite_are_dropped(tmp_path, bad):
    x, y, _ = tip_at(0.5)
    wrong = [tip_pose(time_of(0.5), (x, y, bad)), joint_state(time_of(0.5), (bad, 0.0))]
    samples = samples_of(tmp_path, [*motion(), *wrong])
    assert samples.dropped == {'tip_pose not finite': 1, 'joint_states not finite': 1}
    assert len(samples) == 40


@pytest.mark.parametrize('names', [('shoulder', 'gripper'), ('shoulder',), ()])
def test_joint_states_of_other_joints_are_dropped(tmp_path, names):
    """More than one node may publish joint_states."""
    other = joint_state(time_of(0.5), [0.0] * len(names), names=names)
    samples = samples_of(tmp_path, [*motion(), other])
    assert samples.dropped == {'joint_states without both joints': 1}


def test_joint_states_without_positions_are_dropped(tmp_path):
    other = joint_state(time_of(0.5), ())
    assert samples_of(tmp_path, [*motion(), other]).dropped == {
        'joint_states without both joints': 1
    }


def test_a_pose_in_another_frame_is_dropped(tmp_path):
    """A pose without a frame is assumed to be in the right one."""
    poses = [
        tip_pose(time_of(t), tip_at(t), frame=frame)
        for t, frame in ((0.51, 'world'), (0.52, 'world'), (0.53, ''), (0.54, '/base_link'))
    ]
    samples = samples_of(tmp_path, [*motion(), *poses])
    assert samples.dropped == {'tip_pose in frame world, not base_link': 2}
    assert len(samples) == 42


def test_the_same_sample_twice_is_dropped_once(tmp_path):
    samples = samples_of(tmp_path, motion() + motion()[:30])
    assert len(samples) == 40
    assert samples.dropped == {'duplicate': sum(m.topic == '/tip_pose' for m in motion()[:30])}


def test_the_same_sample_in_two_recordings_is_dropped_once(tmp_path):
    """Otherwise a held-out sample might also be among the fitted ones."""
    samples = samples_of(tmp_path, motion(), motion()[:70])
    assert len(samples) == 40
    assert set(samples.recording_index) == {0}


def test_the_same_position_at_another_time_is_not_a_duplicate(tmp_path):
    samples = samples_of(
        tmp_path,
        [
            message
            for t in range(4)
            for message in (
                joint_state(time_of(t), (t % 2, 0.0)),
                tip_pose(time_of(t), (t % 2, 0.0, 0.0)),
            )
        ],
    )
    assert samples.dropped == {}
    assert len(samples) == 4


def test_a_tip_without_joints_near_in_time_is_dropped(tmp_path):
    """Joint states at 50 Hz with a gap of 0.2 s: 12 ms from its edges are near enough."""
    messages = [
        message
        for message in motion(tip_rate=100.0)
        if message.topic == '/tip_pose' or not 0.99 < (message.time - START) / SECOND < 1.19
    ]
    samples = samples_of(tmp_path, messages)
    t = samples.stamp - START / SECOND
    assert not np.any((t > 0.98 + 0.0121) & (t < 1.2 - 0.0121))
    assert samples.dropped == {NOT_NEAR: 21}, '20 in the gap, one after the last joint state'


def test_the_match_tolerance_has_a_lower_bound_of_milliseconds(tmp_path):
    """The clocks of two publishers differ by more than the period of fast joint states."""
    messages = [
        *motion(seconds=0.2, rate=1000.0, tip_rate=50.0),
        tip_pose(time_of(0.199 + 0.004), tip_at(0.203)),
        tip_pose(time_of(0.199 + 0.006), tip_at(0.205)),
    ]
    samples = samples_of(tmp_path, messages)
    assert len(samples) == 11
    assert samples.dropped == {NOT_NEAR: 1}


def test_velocities_are_exact_for_uneven_steps(tmp_path):
    """The arm accelerates constantly, and the stamps jitter."""
    times = np.cumsum(np.random.default_rng(8).uniform(0.005, 0.1, size=40))
    messages = [
        message
        for t in times
        for message in (joint_state(time_of(t), (t**2, -t)), tip_pose(time_of(t), tip_at(t)))
    ]
    samples = samples_of(tmp_path, messages)
    expected = np.stack((2.0 * times, -np.ones_like(times)), axis=-1)
    np.testing.assert_allclose(samples.velocity[1:-1], expected[1:-1], atol=1e-5)


def test_topics_that_do_not_overlap_in_time_give_no_samples(tmp_path):
    joints = [message for message in motion() if message.topic == '/joint_states']
    tips = [tip_pose(time_of(100.0 + t), tip_at(t)) for t in (0.0, 1.0)]
    samples = samples_of(tmp_path, joints + tips)
    assert len(samples) == 0
    assert samples.dropped == {NOT_NEAR: 2}


def test_a_topic_without_messages_gives_no_samples(tmp_path):
    with RecordingWriter(tmp_path / 'arm.mcap') as writer:
        writer.add_topic('/joint_states', JOINT_STATE)
        writer.add_topic('/tip_pose', POSE_STAMPED)
    assert len(read_samples([tmp_path / 'arm.mcap'], JOINTS, 'base_link')) == 0


def test_joint_states_far_apart_do_not_determine_a_velocity(tmp_path):
    """An arm that is driven from sample to sample moves and stops between two of them."""
    times = np.arange(0.0, 20.0, 1.5)
    messages = []
    for i, t in enumerate(times):
        velocity = (0.01, -0.02) if i % 2 else (np.nan, np.nan)
        messages.append(joint_state(time_of(t), q_at(t), velocity=velocity))
        messages.append(tip_pose(time_of(t + 0.001), tip_at(t)))
    messages.append(tip_pose(time_of(0.75), tip_at(0.75)))
    samples = samples_of(tmp_path, messages)
    assert samples.dropped == {NOT_NEAR: 1}
    expected = np.where(np.arange(len(times))[:, None] % 2, (0.01, -0.02), 0.0)
    np.testing.assert_allclose(samples.velocity, expected)
    np.testing.assert_allclose(samples.q, q_at(times) + 0.001 * expected, atol=1e-8)


def test_an_angle_that_wraps_around_is_not_a_fast_motion(tmp_path):
    times = np.arange(0.0, 1.0, 0.02)
    angle = np.pi - 0.5 + times
    wrapped = np.where(angle > np.pi, angle - 2.0 * np.pi, angle)
    joints = [
        joint_state(time_of(t), (q, 0.0), velocity=(1.0, 0.0))
        for t, q in zip(times, wrapped, strict=True)
    ]
    tips = [tip_pose(time_of(t), tip_at(t)) for t in np.arange(0.005, 0.97, 0.01)]
    samples = samples_of(tmp_path, joints + tips)
    t = samples.stamp - START / SECOND
    np.testing.assert_allclose(samples.velocity, [[1.0, 0.0]] * len(samples), atol=1e-3)
    turn = (samples.q[:, 0] - (np.pi - 0.5 + t)) / (2.0 * np.pi)
    np.testing.assert_allclose(turn, np.round(turn), atol=1e-5)


def test_few_samples_of_a_standstill_are_kept(tmp_path):
    rng = np.random.default_rng(7)

    def still(start, q, count):
        noise = rng.uniform(-1e-3, 1e-3, (count, 2))
        times = start + 0.1 * np.arange(count)
        return [
            message
            for t, error in zip(times, noise, strict=True)
            for message in (
                joint_state(time_of(t), q + error),
                tip_pose(time_of(t), rng.normal(size=3)),
            )
        ]

    messages = [
        *still(0.0, np.array([0.3, 0.4]), 100),
        *still(10.0, np.array([0.3, 0.41]), 3),
        *still(11.0, np.array([0.3, 0.4]), 100),
    ]
    samples = samples_of(tmp_path, messages)
    assert len(samples) == 2 * STANDSTILL_SAMPLE_COUNT + 3
    assert samples.dropped == {'standing still': 203 - len(samples)}


def test_a_short_standstill_is_kept(tmp_path):
    """At a high rate an arm that reverses seems to stand still for many samples."""
    samples = samples_of(tmp_path, motion(rate=100.0, tip_rate=100.0))
    assert np.abs(samples.velocity).max(axis=1).min() < 0.05
    assert samples.dropped == {}


def test_standstills_of_two_recordings_are_separate(tmp_path):
    def still(start):
        rng = np.random.default_rng(9)
        return [
            message
            for t in start + 0.1 * np.arange(20)
            for message in (
                joint_state(time_of(t), (0.3, 0.4)),
                tip_pose(time_of(t), rng.normal(size=3)),
            )
        ]

    samples = samples_of(tmp_path, still(0.0), still(2.0))
    assert (
        samples.recording_index.tolist()
        == [0] * STANDSTILL_SAMPLE_COUNT + [1] * STANDSTILL_SAMPLE_COUNT
    )


def test_each_recording_is_interpolated_on_its_own(tmp_path):
    """The second contains a time of the first with the arm at another position."""
    elsewhere = [joint_state(time_of(1.01), (2.0, 2.0)), tip_pose(time_of(1.01), tip_at(1.01))]
    samples = samples_of(tmp_path, motion(), elsewhere)
    assert samples.recording_index.tolist() == [0] * 40 + [1]
    np.testing.assert_array_equal(samples.q[-1], [2.0, 2.0])
    assert np.abs(samples.q[:40]).max() < 1.1


def test_other_topics_can_be_named(tmp_path):
    tips = [
        tip_pose(time_of(t), tip_at(t), topic=topic)
        for topic in ('/left/pose', '/right/pose')
        for t in (0.5, 1.0)
    ]
    path = write_mcap(tmp_path / 'arm.mcap', [*motion(), *tips])
    samples = read_samples([path], JOINTS, 'base_link', TopicNames(tip_pose='left/pose'))
    assert len(samples) == 2
    with pytest.raises(RecordingError, match=r'/left/pose.*, /right/pose'):
        read_samples([path], JOINTS, 'base_link', TopicNames(tip_pose='pose'))


def test_messages_that_cannot_be_decoded_are_counted(tmp_path):
    wrong = [message._replace(cdr=message.cdr[:30]) for message in motion()[:2]]
    samples = samples_of(tmp_path, [*motion(), *wrong])
    assert samples.dropped == {f'{JOINT_STATE} that cannot be decoded': 1} | {
        f'{POSE_STAMPED} that cannot be decoded': 1
    }


def test_a_message_at_an_absurd_time_is_dropped(tmp_path):
    """The times of a damaged message may be any number."""
    wrong = tip_pose(time_of(0.5), tip_at(0.5), stamp=0)._replace(time=2**64 - 1)
    samples = samples_of(tmp_path, [*motion(), wrong])
    assert samples.dropped == {NOT_NEAR: 1}
    assert len(samples) == 40


def test_missing_parts_are_reported(tmp_path):
    path = write_mcap(tmp_path / 'arm.mcap', motion())
    path.write_bytes(path.read_bytes()[:8000])
    samples = read_samples([path], JOINTS, 'base_link')
    assert len(samples) > 3
    assert 'ends without a footer' in samples.warnings[0]


def test_an_empty_list_of_recordings_is_refused():
    with pytest.raises(RecordingError, match='got none'):
        read_samples([], JOINTS, 'base_link')


def test_a_real_recording_gives_its_samples():
    """
    RRBot with NaN velocities, jittering stamps and a large outlier, which is kept.

    Nominal geometry: lengths 0.9 and 1 m, both axes +Y, the first at a height of 1.95 m; the real
    one differs by a few mm.
    """
    samples = read_samples([RECORDING], ('joint1', 'joint2'), 'base_link')
    assert samples.warnings == ()
    assert samples.dropped == {'standing still': 2}
    assert len(samples) == 394
    q1, angle2 = samples.q[:, 0], samples.q.sum(axis=1)
    nominal = np.stack(
        (
            0.9 * np.sin(q1) + np.sin(angle2),
            np.full(len(samples), 0.2),
            1.95 + 0.9 * np.cos(q1) + np.cos(angle2),
        ),
        axis=-1,
    )
    error = np.linalg.norm(samples.tip - nominal, axis=1)
    assert np.median(error) < 0.015
    assert np.count_nonzero(error > 0.1) == 1
    assert 0.1 < np.median(np.abs(samples.velocity)) < 1.0


def test_joint_states_at_nearly_the_same_time_do_not_break_the_interpolation(tmp_path):
    """Relative to a stamp of 0, a float cannot separate stamps that are 100 ns apart."""
    joints = [joint_state(time_of(0.5), q_at(0.5), stamp=stamp) for stamp in (0, START + 100)]
    samples = samples_of(tmp_path, [*motion(), *joints])
    assert len(samples) == 40
    assert np.isfinite(samples.q).all()
    assert np.isfinite(samples.velocity).all()
