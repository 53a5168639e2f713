import shutil
from pathlib import Path

import pytest
import yaml
from made_recordings import Written, joint_state, motion, tip_pose, write_mcap
from mcap.writer import CompressionType, Writer
from real_recording import RECORDING

from ik_nn_ros.errors import RecordingError
from ik_nn_ros.recordings.mcap_reader import Recording, read_recording
from ik_nn_ros.recordings.messages import JOINT_STATE, POSE_STAMPED

HALF = len(motion()) // 2


def split_bag(folder: Path) -> Path:
    """Write a recording of two files, the second compressed."""
    write_mcap(folder / 'bag_0.mcap', motion()[:HALF])
    write_mcap(folder / 'bag_1.mcap', motion()[HALF:], compression=CompressionType.ZSTD)
    return folder


def write_metadata(folder: Path) -> None:
    counts = {'bag_0.mcap': HALF, 'bag_1.mcap': len(motion()) - HALF}
    files = [{'path': name, 'message_count': count} for name, count in counts.items()]
    text = yaml.safe_dump({'rosbag2_bagfile_information': {'version': 9, 'files': files}})
    (folder / 'metadata.yaml').write_text(text)


def count(recording: Recording) -> int:
    return sum(len(messages) for messages in recording.messages.values())


@pytest.mark.parametrize('metadata', ['written', 'missing', 'empty', 'garbage'])
def test_the_files_of_a_bag_are_read_as_one(tmp_path, metadata):
    """A recorder that was killed leaves no metadata.yaml, or an empty one."""
    folder = split_bag(tmp_path / 'bag')
    if metadata == 'written':
        write_metadata(folder)
    elif metadata != 'missing':
        (folder / 'metadata.yaml').write_text({'empty': '', 'garbage': '{: ['}[metadata])
    recording = read_recording(folder)
    assert count(recording) == len(motion())
    assert recording.warnings == ()


def test_hidden_files_do_not_belong_to_a_bag(tmp_path):
    """MacOS leaves such files beside those that it copies."""
    folder = split_bag(tmp_path / 'bag')
    (folder / '._bag_0.mcap').write_bytes(b'Mac OS X')
    assert read_recording(folder).warnings == ()


def test_the_number_of_missing_messages_comes_from_the_metadata(tmp_path):
    folder = split_bag(tmp_path / 'bag')
    write_metadata(folder)
    cut = folder / 'bag_0.mcap'
    cut.write_bytes(cut.read_bytes()[:6000])
    (warning,) = read_recording(folder).warnings
    assert warning.startswith(f'{cut}: ends without a footer; the last ')
    assert warning.endswith(f' of {HALF} messages')


def test_a_missing_file_is_reported_with_its_message_count(tmp_path):
    folder = split_bag(tmp_path / 'bag')
    write_metadata(folder)
    (folder / 'bag_0.mcap').unlink()
    recording = read_recording(folder)
    assert recording.warnings == (f'{folder / "bag_0.mcap"}: missing, with {HALF} messages',)
    assert count(recording) == len(motion()) - HALF


def test_an_empty_last_file_of_a_killed_recorder_is_only_a_warning(tmp_path):
    folder = split_bag(tmp_path / 'bag')
    (folder / 'bag_2.mcap').touch()
    recording = read_recording(folder)
    assert count(recording) == len(motion())
    assert 'bag_2.mcap: got an empty file' in recording.warnings[0]


def test_a_bag_of_only_empty_files_is_refused(tmp_path):
    (tmp_path / 'bag_0.mcap').touch()
    with pytest.raises(RecordingError, match=r'bag_0.mcap: got an empty file'):
        read_recording(tmp_path)


@pytest.mark.parametrize(
    ('files', 'got'),
    [
        ((), 'a folder with nothing in it'),
        (('bag_0.db3', 'metadata.yaml'), r'a folder with bag_0.db3, metadata.yaml'),
        (('bag_0.mcap.zstd',), r'a folder with bag_0.mcap.zstd'),
    ],
)
def test_a_folder_without_mcap_files_is_refused(tmp_path, files, got):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(RecordingError, match=f'got {got}, expected a folder with .mcap files'):
        read_recording(tmp_path)


def test_a_recording_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(RecordingError, match='arm: got No such file'):
        read_recording(tmp_path / 'arm')


def topics(*names: str) -> Recording:
    """Return a recording of joint states on some topics; each message is its topic's name."""
    return Recording(Path('arm.mcap'), {(name, JOINT_STATE): [name] for name in names})


@pytest.mark.parametrize(
    ('name', 'recorded'),
    [
        ('joint_states', '/joint_states'),
        ('/joint_states', '/joint_states'),
        ('joint_states', '/left/joint_states'),
        ('joint_states', '/cell/left/joint_states'),
        ('left/joint_states', '/cell/left/joint_states'),
        ('/left/joint_states', '/left/joint_states'),
        ('joint_states', 'joint_states'),
    ],
)
def test_a_topic_is_found_by_its_full_name_or_its_last_parts(name, recorded):
    recording = topics('/other', recorded, '/right/joint_states_raw')
    assert recording.select(name, JOINT_STATE) == [recorded]


@pytest.mark.parametrize('name', ['/joint_states', 'states', 'right/joint_states', 'left'])
def test_a_name_does_not_match_another_topic(name):
    recording = topics('/left/joint_states', '/other')
    message = r'got /left/joint_states \(sensor_msgs/msg/JointState\), /other \(.*one of type'
    with pytest.raises(RecordingError, match=message):
        recording.select(name, JOINT_STATE)


def test_an_ambiguous_name_is_refused():
    recording = topics('/left/joint_states', '/joint_states', '/other')
    message = r'got /left/joint_states \([^)]*\), /joint_states \([^)]*\), expected the full name'
    with pytest.raises(RecordingError, match=message):
        recording.select('joint_states', JOINT_STATE)
    assert recording.select('/joint_states', JOINT_STATE) == ['/joint_states']


def test_a_topic_of_another_type_does_not_match(tmp_path):
    point = Written('/tip_pose', 'geometry_msgs/msg/PointStamped', b'\0\1\0\0', 5)
    other = tip_pose(5, (0.0, 0.0, 0.0), topic='/arm/tip_pose')
    recording = read_recording(write_mcap(tmp_path / 'arm.mcap', [point, other]))
    assert [message.data for message in recording.select('tip_pose', POSE_STAMPED)] == [other.cdr]
    with pytest.raises(RecordingError, match=r'/tip_pose \(geometry_msgs/msg/PointStamped\)'):
        recording.select('/tip_pose', POSE_STAMPED)


def test_messages_that_are_not_cdr_do_not_match(tmp_path):
    path = tmp_path / 'arm.mcap'
    with path.open('wb') as stream:
        writer = Writer(stream)
        writer.start()
        channel = writer.register_channel(
            '/joint_states', 'json', writer.register_schema(JOINT_STATE, 'jsonschema', b'{}')
        )
        writer.add_message(channel, 0, b'{}', 0)
        writer.finish()
    with pytest.raises(RecordingError, match=r'JointState as json'):
        read_recording(path).select('joint_states', JOINT_STATE)


def test_messages_of_an_unknown_topic_are_counted(tmp_path):
    """The first chunk, which announces the topics, is damaged, and the file's end is missing."""
    path = write_mcap(tmp_path / 'arm.mcap', [joint_state(i, (0.0, 0.0)) for i in range(50)])
    content = bytearray(path.read_bytes()[:6000])
    content[600] ^= 1
    path.write_bytes(content)
    recording = read_recording(path)
    assert recording.messages == {}
    assert 'damaged records left out: 1; ends without a footer' in recording.warnings[0]
    assert recording.warnings[1].endswith(' messages of an unknown topic')


def test_a_bag_of_ros2_bag_record_is_read(tmp_path):
    recording = read_recording(RECORDING)
    counts = {topic: len(messages) for (topic, _), messages in recording.messages.items()}
    assert counts == {'/joint_states': 403, '/tip_pose': 396}
    assert recording.warnings == ()
    copy = tmp_path / 'bag'
    shutil.copytree(RECORDING, copy)
    cut = copy / 'rrbot_as_built_0.mcap'
    cut.write_bytes(cut.read_bytes()[:60_000])
    (warning,) = read_recording(copy).warnings
    assert warning.endswith(' of 799 messages')
