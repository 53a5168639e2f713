import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from made_recordings import motion
from mcap.exceptions import EndOfFile
from mcap.reader import NonSeekingReader, SeekingReader
from mcap.records import Message, MessageIndex
from mcap.stream_reader import StreamReader
from real_recording import RECORDING

from ik_nn_ros.errors import RecordingError
from ik_nn_ros.recordings import mcap_writer
from ik_nn_ros.recordings.mcap_reader import read_mcap_file, read_recording
from ik_nn_ros.recordings.mcap_writer import FLUSH_PERIOD_S, RecordingWriter
from ik_nn_ros.recordings.messages import JOINT_STATE, POSE_STAMPED

TYPES = {'/joint_states': JOINT_STATE, '/tip_pose': POSE_STAMPED}


class Clock:
    """A clock that stands still unless a test sets it, so that no slow machine causes a flush."""

    time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(mcap_writer, 'monotonic', clock)
    return clock


def opened(path: Path) -> RecordingWriter:
    writer = RecordingWriter(path)
    for topic, kind in TYPES.items():
        writer.add_topic(topic, kind)
    return writer


def write_all(writer: RecordingWriter, repeat: int = 1) -> None:
    for message in motion() * repeat:
        writer.write(message.topic, message.cdr, message.time, message.time - 5)


def read_by_mcap(path: Path) -> list[Message]:
    """Read with the mcap package; of a file without an end, the messages before its error."""
    messages = []
    with path.open('rb') as stream:
        reader = NonSeekingReader(stream, validate_crcs=True)
        try:
            for _, _, message in reader.iter_messages(log_time_order=False):
                messages.append(message)
        except EndOfFile:
            pass
    return messages


def test_the_mcap_package_reads_what_is_written(tmp_path):
    path = tmp_path / 'arm.mcap'
    with opened(path) as writer:
        write_all(writer)
    with path.open('rb') as stream:
        reader = SeekingReader(stream, validate_crcs=True)
        assert reader.get_header().profile == 'ros2'
        read = [
            (channel.topic, schema.name, message.data, message.log_time, message.publish_time)
            for schema, channel, message in reader.iter_messages(log_time_order=False)
        ]
        assert reader.get_summary().statistics.message_count == len(motion())
    assert read == [(*written, written.time - 5) for written in motion()]


def test_messages_are_flushed_once_per_period(tmp_path, clock):
    path = tmp_path / 'arm.mcap'
    writer = opened(path)
    numbers = []
    for number in range(4):
        clock.time = number * 0.4 * FLUSH_PERIOD_S
        writer.write('/joint_states', bytes([number]), number, number)
        numbers.append([message.data[0] for message in read_mcap_file(path).messages])
    assert numbers == [[], [], [], [0, 1, 2, 3]]


def test_it_can_be_read_in_order_of_time_by_its_index(tmp_path):
    """rosbag2 plays in order of time only if chunks have message indexes."""
    path = tmp_path / 'arm.mcap'
    with opened(path) as writer:
        write_all(writer)
        writer.flush()
        write_all(writer)
    with path.open('rb') as stream:
        reader = SeekingReader(stream)
        messages = [message for _, _, message in reader.iter_messages(log_time_order=True)]
        chunks = reader.get_summary().chunk_indexes
        assert len(chunks) == 2
        for chunk in chunks:
            assert set(chunk.message_index_offsets) == {1, 2}
            for channel, offset in chunk.message_index_offsets.items():
                stream.seek(offset)
                index = next(iter(StreamReader(stream, skip_magic=True).records))
                assert isinstance(index, MessageIndex)
                assert index.channel_id == channel
    assert [m.data for m in messages] == [m.cdr for m in motion() for _ in range(2)]


def test_schemas_and_channels_equal_those_of_rosbag2(tmp_path):
    path = tmp_path / 'arm.mcap'
    with opened(path):
        pass
    written = read_mcap_file(path)
    expected = read_mcap_file(RECORDING / 'rrbot_as_built_0.mcap')

    def descriptions(content):
        return {
            channel.topic: (
                channel.message_encoding,
                channel.metadata['topic_type_hash'],
                content.schemas[channel.schema_id].name,
                content.schemas[channel.schema_id].encoding,
                without_comments(content.schemas[channel.schema_id].data.decode()),
            )
            for channel in content.channels.values()
        }

    def without_comments(definition):
        lines = (re.sub('#.*', '', line).strip() for line in definition.splitlines())
        return [line for line in lines if line]

    assert descriptions(written) == descriptions(expected)
    assert set(descriptions(written)) == set(TYPES)


def test_an_existing_file_is_not_overwritten(tmp_path):
    path = tmp_path / 'arm.mcap'
    path.write_bytes(b'precious')
    with pytest.raises(RecordingError, match='got a file that exists'):
        RecordingWriter(path)
    assert path.read_bytes() == b'precious'


@pytest.mark.parametrize(
    ('name', 'got'), [('arm.bag', "got '.bag'"), ('missing/arm.mcap', 'No such file')]
)
def test_an_invalid_path_is_refused(tmp_path, name, got):
    with pytest.raises(RecordingError, match=got):
        RecordingWriter(tmp_path / name)


def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # permissions do not apply to root
    try:
        with pytest.raises(RecordingError, match='got Permission denied'):
            RecordingWriter(tmp_path / 'arm.mcap')
    finally:
        if root:
            os.seteuid(0)
        tmp_path.chmod(0o755)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let writing beyond ``size`` bytes fail as on a full disk, in the middle of a record."""
    previous = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, previous[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, previous)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_loses_only_unflushed_messages(tmp_path):
    path = tmp_path / 'arm.mcap'
    with opened(path) as writer:
        write_all(writer)
        writer.flush()
        full = path.stat().st_size + 5000
        write_all(writer)
        with file_size_limit(full):
            with pytest.raises(RecordingError, match='File too large'):
                writer.flush()
            with pytest.raises(RecordingError, match='File too large'):
                write_all(writer)
    written = [message.cdr for message in motion()]
    content = read_mcap_file(path)
    assert [message.data for message in content.messages] == written
    assert content.trailing_bytes == 0, 'an incomplete record at the end stops rosbag2'
    assert [message.data for message in read_by_mcap(path)] == written


def test_a_disk_without_room_for_the_index_keeps_the_messages(tmp_path):
    path = tmp_path / 'arm.mcap'
    writer = opened(path)
    write_all(writer)
    writer.flush()
    write_all(writer)
    with file_size_limit(2 * path.stat().st_size), pytest.raises(RecordingError):
        writer.close()
    writer.close()
    assert [m.data for m in read_mcap_file(path).messages] == [m.cdr for m in motion() * 2]


def test_a_recording_that_cannot_begin_leaves_no_file(tmp_path):
    path = tmp_path / 'arm.mcap'
    with file_size_limit(10), pytest.raises(RecordingError):
        RecordingWriter(path)
    assert not path.exists()


RECORDER = """
import os, sys, time
from pathlib import Path
from ik_nn_ros.recordings.mcap_writer import RecordingWriter

writer = RecordingWriter(Path(sys.argv[1]))
writer.add_topic('/joint_states', 'sensor_msgs/msg/JointState')
writer.add_topic('/tip_pose', 'geometry_msgs/msg/PoseStamped')
count = 0
while True:
    for topic in '/joint_states', '/tip_pose':
        start = time.monotonic_ns()
        writer.write(topic, count.to_bytes(200, 'little'), count, count)
        os.write(1, b'%d\\n' % start)
        count += 1
    time.sleep(0.02)
"""
"""Writes at 50 Hz; the n-th message holds n, the n-th line the time (ns) before its write."""


def test_a_killed_recorder_loses_at_most_one_flush_period(tmp_path):
    counts = np.random.default_rng(1).integers(1, 250, size=8)
    recorders = []
    for i in range(len(counts)):
        with (tmp_path / f'{i}.log').open('wb') as log:
            command = [sys.executable, '-c', RECORDER, str(tmp_path / f'{i}.mcap')]
            recorders.append(subprocess.Popen(command, stdout=log))
    deadline = time.monotonic() + 60.0
    alive = set(range(len(counts)))
    try:
        while alive:
            assert time.monotonic() < deadline
            for i in list(alive):
                assert recorders[i].poll() is None
                if (tmp_path / f'{i}.log').read_bytes().count(b'\n') >= counts[i]:
                    recorders[i].kill()
                    alive.remove(i)
            time.sleep(0.002)
    finally:
        for recorder in recorders:
            recorder.kill()
            recorder.wait()
    for i in range(len(counts)):
        check_killed(tmp_path / f'{i}.mcap', tmp_path / f'{i}.log')


def check_killed(path: Path, log: Path) -> None:
    times = [int(line) for line in log.read_text().splitlines()]
    numbers = [int.from_bytes(message.data, 'little') for message in read_mcap_file(path).messages]
    assert numbers == list(range(len(numbers))), 'a message is missing in between'
    by_mcap = [int.from_bytes(message.data, 'little') for message in read_by_mcap(path)]
    assert by_mcap == numbers
    lost = times[len(numbers) :]
    assert not lost or (times[-1] - lost[0]) * 1e-9 < FLUSH_PERIOD_S
    if numbers:
        assert set(read_recording(path).messages) == set(TYPES.items())
