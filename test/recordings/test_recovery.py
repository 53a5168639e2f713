import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made_recordings import motion, write_mcap
from mcap.opcode import Opcode
from mcap.writer import CompressionType
from real_recording import RECORDING

from ik_nn_ros.errors import RecordingError
from ik_nn_ros.recordings.mcap_reader import McapContent, read_mcap_file

FORMS = {
    'many chunks': {},
    'one chunk': {'chunk_size': 1 << 20, 'enable_crcs': False},
    'no chunks': {'use_chunking': False},
    'zstd': {'compression': CompressionType.ZSTD},
    'lz4': {'compression': CompressionType.LZ4},
}
WRITTEN = [message.cdr for message in motion()]


@pytest.fixture(scope='module', params=FORMS)
def recorded(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('recorded') / 'arm.mcap'
    return write_mcap(path, motion(), **FORMS[request.param])


def data(content: McapContent) -> list[bytes]:
    return [message.data for message in content.messages]


def records(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield start, opcode and end of each record of an intact file."""
    start = 8
    while start < len(content) - 8:
        opcode, length = struct.unpack_from('<BQ', content, start)
        yield start, opcode, start + 9 + length
        start += 9 + length


def chunks(content: bytes) -> list[tuple[int, int]]:
    return [(start, end) for start, opcode, end in records(content) if opcode == Opcode.CHUNK]


def test_an_intact_file_is_read_without_warning(recorded):
    content = read_mcap_file(recorded)
    assert data(content) == WRITTEN
    assert content.damage == ''


def test_a_file_truncated_anywhere_is_read_up_to_its_end(recorded, tmp_path):
    """Every complete message is read; before a truncated compressed chunk, all chunks."""
    whole = recorded.read_bytes()
    found = np.array([whole.find(message) + len(message) for message in WRITTEN])
    ends = np.array([end for _, end in chunks(whole)])
    compressed = any(message not in whole for message in WRITTEN)
    path = tmp_path / 'cut.mcap'
    for cut in np.random.default_rng(3).integers(8, len(whole), size=80):
        path.write_bytes(whole[:cut])
        content = read_mcap_file(path)
        read = data(content)
        assert read == WRITTEN[: len(read)]
        if compressed:
            assert len(read) >= messages_in(whole, np.count_nonzero(ends <= cut))
        else:
            assert len(read) == np.count_nonzero(found <= cut)
        if len(read) < len(WRITTEN):
            assert 'ends without a footer' in content.damage
            assert content.damage.endswith(f'read {len(read)} messages')


def messages_in(whole: bytes, count: int) -> int:
    """Return how many messages the first chunks of a file hold, by their message indexes."""
    total = seen = 0
    for start, opcode, end in records(whole):
        seen += opcode == Opcode.CHUNK
        if opcode == Opcode.MESSAGE_INDEX and seen <= count:
            total += (end - start - 9 - 6) // 16
    return total


def test_the_bytes_of_an_incomplete_record_are_counted(tmp_path):
    path = write_mcap(tmp_path / 'arm.mcap', motion())
    start, end = chunks(path.read_bytes())[-1]
    path.write_bytes(path.read_bytes()[: end - 7])
    tail = end - 7 - start
    assert f'the last {tail} bytes are not a whole record' in read_mcap_file(path).damage


def test_random_damage_never_raises(recorded, tmp_path):
    whole = recorded.read_bytes()
    rng = np.random.default_rng(4)
    for _ in range(80):
        positions = rng.integers(8, len(whole), size=rng.integers(1, 4))
        content = read_damaged(tmp_path, whole, positions, rng)
        assert content.has_data_end or 'ends without a footer' in content.damage


@pytest.mark.parametrize('form', ['many chunks', 'zstd', 'lz4'])
def test_with_checksums_no_false_message_is_read(form, tmp_path):
    whole = write_mcap(tmp_path / 'arm.mcap', motion(), **FORMS[form]).read_bytes()
    rng = np.random.default_rng(5)
    inside = np.concatenate([np.arange(start + 9, end) for start, end in chunks(whole)])
    for _ in range(80):
        content = read_damaged(tmp_path, whole, rng.choice(inside, size=2), rng)
        assert set(data(content)) <= set(WRITTEN)
        assert len(content.messages) > len(WRITTEN) / 2
        assert content.damage or data(content) == WRITTEN


def read_damaged(
    folder: Path, whole: bytes, positions: np.ndarray, rng: np.random.Generator
) -> McapContent:
    damaged = bytearray(whole)
    for position in positions:
        damaged[position] = rng.integers(256)
    path = folder / 'damaged.mcap'
    path.write_bytes(damaged)
    return read_mcap_file(path)


def test_a_chunk_with_a_wrong_checksum_is_skipped_and_counted(tmp_path):
    path = write_mcap(tmp_path / 'arm.mcap', motion())
    damaged = bytearray(path.read_bytes())
    start, end = chunks(damaged)[2]
    damaged[end - 10] ^= 1
    path.write_bytes(damaged)
    content = read_mcap_file(path)
    lost = [message for message in WRITTEN if message not in data(content)]
    first = WRITTEN.index(lost[0])
    assert WRITTEN[first : first + len(lost)] == lost, 'the missing messages are not consecutive'
    assert 1 <= len(lost) <= (end - start) / len(lost[0])
    assert content.damage == (
        f'damaged records left out: 1; read {len(WRITTEN) - len(lost)} of {len(WRITTEN)} messages'
    )


@pytest.mark.parametrize('compression', [CompressionType.ZSTD, CompressionType.LZ4])
def test_a_chunk_that_cannot_be_decompressed_is_skipped(tmp_path, compression):
    path = write_mcap(tmp_path / 'arm.mcap', motion(), compression=compression, enable_crcs=False)
    damaged = bytearray(path.read_bytes())
    _, end = chunks(damaged)[2]
    damaged[end - 60 : end] = bytes(60)
    path.write_bytes(damaged)
    content = read_mcap_file(path)
    assert 'damaged records left out: 1' in content.damage
    assert data(content) == [message for message in WRITTEN if message in data(content)]
    assert data(content)[-1] == WRITTEN[-1]


def test_the_topics_survive_the_loss_of_the_first_chunk(tmp_path):
    """Topics are announced there, and again in the summary at the end of the file."""
    path = write_mcap(tmp_path / 'arm.mcap', motion())
    damaged = bytearray(path.read_bytes())
    start, end = chunks(damaged)[0]
    damaged[start + 60 : end] = bytes(end - start - 60)
    path.write_bytes(damaged)
    content = read_mcap_file(path)
    assert content.messages
    assert {message.channel_id for message in content.messages} <= content.channels.keys()
    assert len(content.schemas) == 2


def test_the_topics_survive_damage_to_the_index(tmp_path):
    path = write_mcap(tmp_path / 'arm.mcap', motion())
    before, name, after = path.read_bytes().rpartition(b'/tip_pose')
    path.write_bytes(before + name.swapcase() + after)
    assert {channel.topic for channel in read_mcap_file(path).channels.values()} == {
        '/joint_states',
        '/tip_pose',
    }


def test_a_damaged_chunk_without_checksum_is_read_up_to_the_damage(tmp_path):
    path = write_mcap(tmp_path / 'arm.mcap', motion(), **FORMS['one chunk'])
    damaged = bytearray(path.read_bytes())
    length = damaged.find(WRITTEN[50]) - 30  # of the 51st message: before its 22 bytes of header
    assert damaged[length : length + 8] == struct.pack('<Q', 22 + len(WRITTEN[50]))
    damaged[length + 5] = 1
    path.write_bytes(damaged)
    content = read_mcap_file(path)
    assert data(content) == WRITTEN[:50]
    assert content.damage == (f'damaged records left out: 1; read 50 of {len(WRITTEN)} messages')


def test_zeros_at_the_end_are_not_records(tmp_path):
    """After a power failure a file may have its full length without its last blocks."""
    path = write_mcap(tmp_path / 'arm.mcap', motion())
    whole = path.read_bytes()
    end = chunks(whole)[-2][1]
    path.write_bytes(whole[:end] + bytes(5000))
    content = read_mcap_file(path)
    assert data(content) == WRITTEN[: len(content.messages)]
    assert 'the last 5000 bytes are not a whole record' in content.damage


def test_bytes_after_the_end_are_ignored(tmp_path):
    path = write_mcap(tmp_path / 'arm.mcap', motion())
    path.write_bytes(path.read_bytes() + b'garbage' * 100)
    assert data(read_mcap_file(path)) == WRITTEN


def test_a_real_bag_truncated_in_its_only_chunk_is_read_up_to_its_end(tmp_path):
    """A chunk of the recorder's default size holds minutes of joint states."""
    whole = (RECORDING / 'rrbot_as_built_0.mcap').read_bytes()
    path = tmp_path / 'arm.mcap'
    path.write_bytes(whole[: len(whole) // 2])
    complete = read_mcap_file(RECORDING / 'rrbot_as_built_0.mcap')
    assert complete.damage == ''
    read = data(read_mcap_file(path))
    assert read == data(complete)[: len(read)]
    assert len(read) > 0.4 * len(complete.messages)


@pytest.mark.parametrize(
    ('content', 'got'),
    [
        (b'', 'got an empty file'),
        (b'SQLite format 3\0', 'got an SQLite bag, expected an MCAP file'),
        (b'#ROSBAG V2.0\n', 'got a file that begins with b.#ROSBAG'),
        (b'\x89MC', 'got a file that begins with'),
    ],
)
def test_a_file_that_is_not_mcap_is_refused(tmp_path, content, got):
    path = tmp_path / 'arm.mcap'
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=got):
        read_mcap_file(path)


def test_a_file_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(RecordingError, match='No such file'):
        read_mcap_file(tmp_path / 'arm.mcap')
