"""
The messages of an MCAP file, also of one that is cut short or damaged.

The readers of the mcap package give up at the first record that is not right. Here a damaged chunk
is left out, and of a file or chunk that is cut short everything before the cut is read.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import lz4.frame  # type: ignore[import-untyped]
import yaml
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError, UnsupportedCompressionError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Message, Schema, Statistics
from mcap.well_known import MessageEncoding
from mcap.writer import MCAP0_MAGIC

from ik_nn_ros.errors import RecordingError
from ik_nn_ros.recordings.mcap_writer import MCAP_SUFFIX

_RECORD_HEADER = struct.Struct('<BQ')
"""How each record begins: its opcode and the length of what follows."""
_PARSE_ERRORS = (
    McapError,
    struct.error,
    ValueError,
    OverflowError,
    RuntimeError,
    zstandard.ZstdError,
)
"""What the mcap package and the decompressors raise where bytes are not what they should be."""


@dataclass
class McapContent:
    """
    What an MCAP file holds.

    :param channels: by their id
    :param schemas: by their id
    :param messages: in the order of the file
    :param expected_count: how many messages there should be; None if nothing says so
    :param has_data_end: whether the file goes on to the end of its messages
    :param trailing_bytes: bytes at the end of a file that does not, which are not a whole record
    :param damaged_count: how many records were left out
    """

    channels: dict[int, Channel] = field(default_factory=dict)
    schemas: dict[int, Schema] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    expected_count: int | None = None
    has_data_end: bool = False
    trailing_bytes: int = 0
    damaged_count: int = 0

    @property
    def problem(self) -> str:
        """What is wrong with the file, and how much is missing as far as that is known."""
        problems = []
        if self.damaged_count:
            problems.append(f'damaged records left out: {self.damaged_count}')
        if not self.has_data_end:
            problems.append('ends without a footer')
        if self.trailing_bytes:
            problems.append(f'the last {self.trailing_bytes} bytes are not a whole record')
        count = len(self.messages)
        missing = self.expected_count is not None and count < self.expected_count
        if problems or missing:
            problems.append(f'read {count}{f" of {self.expected_count}" * missing} messages')
        return '; '.join(problems)


def read_mcap_file(path: Path) -> McapContent:
    """
    Read what can be read of an MCAP file.

    :raises RecordingError: it is none, or cannot be opened
    """
    try:
        with path.open('rb') as stream:
            _require_magic(path, stream.read(len(MCAP0_MAGIC)))
            return _read_records(stream, os.fstat(stream.fileno()).st_size)
    except OSError as error:
        raise RecordingError(
            f'recording {path}', got=error.strerror, expected='a file that can be read'
        ) from error


def _require_magic(path: Path, start: bytes) -> None:
    if start == MCAP0_MAGIC:
        return
    if not start:
        got = 'an empty file'
    elif start.startswith(b'SQLite'):
        got = 'an SQLite bag'
    else:
        got = f'a file that begins with {start!r}'
    raise RecordingError(
        f'recording {path}', got=got, expected='an MCAP file (`ros2 bag convert` makes one)'
    )


def _read_records(stream: BinaryIO, size: int) -> McapContent:
    content = McapContent()
    for start, opcode, body, whole in _iterate_records(stream, size):
        try:
            if opcode == Opcode.DATA_END and whole:
                content.has_data_end = True
            elif opcode == Opcode.CHUNK:
                _add_chunk(content, Chunk.read(_data_stream(body)), whole)
            elif opcode == Opcode.STATISTICS and whole:
                content.expected_count = Statistics.read(_data_stream(body)).message_count
            elif whole:
                _add_record(content, opcode, body)
        except _PARSE_ERRORS:
            content.damaged_count += whole
        if not whole and not content.has_data_end:
            content.trailing_bytes = size - start
    return content


def _iterate_records(stream: BinaryIO, size: int) -> Iterator[tuple[int, int, bytes, bool]]:
    """
    Yield each record's position, opcode, body, and whether all of it is there.

    The one that is not is the last. An opcode of 0 is no record: a file that lost its end in a
    power failure may go on with zeros.

    :param size: where the stream ends, bytes
    """
    start = stream.tell()
    while start < size:
        head = stream.read(_RECORD_HEADER.size)
        opcode, length = _RECORD_HEADER.unpack(head) if len(head) == _RECORD_HEADER.size else (0, 0)
        end = start + _RECORD_HEADER.size + length
        whole = opcode != 0 and end <= size
        yield start, opcode, stream.read(min(end, size) - stream.tell()), whole
        if not whole:
            return
        start = end


def _data_stream(body: bytes) -> ReadDataStream:
    return ReadDataStream(BytesIO(body))


def _add_record(content: McapContent, opcode: int, body: bytes) -> None:
    """Add a record that is one by itself or in a chunk."""
    if opcode == Opcode.MESSAGE:
        content.messages.append(Message.read(_data_stream(body), len(body)))
    elif opcode == Opcode.CHANNEL:
        channel = Channel.read(_data_stream(body))
        content.channels.setdefault(channel.id, channel)
    elif opcode == Opcode.SCHEMA:
        schema = Schema.read(_data_stream(body))
        content.schemas.setdefault(schema.id, schema)


def _add_chunk(content: McapContent, chunk: Chunk, whole: bool) -> None:
    """
    Add the records of a chunk, of one that is not whole those that are there.

    :raises ValueError: it is whole, but its checksum is not that of its content
    """
    data = _decompress(chunk)
    if whole and chunk.uncompressed_crc not in (0, zlib.crc32(data)):
        raise ValueError('checksum')
    for _, opcode, body, complete in _iterate_records(BytesIO(data), len(data)):
        if complete:
            _add_record(content, opcode, body)
        elif whole:
            content.damaged_count += 1


def _decompress(chunk: Chunk) -> bytes:
    """Return the content of a chunk, or the beginning of it if its end is missing."""
    if chunk.compression == 'zstd':
        return zstandard.ZstdDecompressor().decompressobj().decompress(chunk.data)
    if chunk.compression == 'lz4':
        data: bytes = lz4.frame.LZ4FrameDecompressor().decompress(chunk.data)
        return data
    if chunk.compression:
        raise UnsupportedCompressionError(chunk.compression)
    return chunk.data


# MERGED recordings.bag: A recording on the disk: one MCAP file, or a folder of them as ``ros2 bag record`` makes it.

METADATA_FILE_NAME = 'metadata.yaml'


@dataclass(frozen=True)
class Recording:
    """
    The messages of a recording.

    :param path: the file or folder
    :param messages: those of each topic and message type, e.g. of ('/joint_states',
        'sensor_msgs/msg/JointState')
    :param warnings: what is wrong with it
    """

    path: Path
    messages: dict[tuple[str, str], list[Message]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def select(self, name: str, message_type: str) -> list[Message]:
        """
        Return the messages of one topic.

        :param name: its full name, '/left/tip_pose', or the last part or parts of it, 'tip_pose'
        :param message_type: that it must have

        :raises RecordingError: there is no such topic, or more than one
        """
        found = [
            (topic, kind)
            for topic, kind in self.messages
            if kind == message_type and _matches_topic(name, topic)
        ]
        if len(found) == 1:
            return self.messages[found[0]]
        raise RecordingError(
            f'recording {self.path}, topic {name}',
            got=_format_topics(found or self.messages) or 'no topics at all',
            expected='the full name of one of these' if found else f'one of type {message_type}',
        )


def read_recording(path: Path) -> Recording:
    """
    Read a recording, of a damaged one what can be read.

    :param path: a .mcap file, or a folder with one or more; its metadata.yaml may be missing

    :raises RecordingError: there is nothing to read
    """
    recording = Recording(path)
    announced = _expected_counts(path / METADATA_FILE_NAME) if path.is_dir() else {}
    files = _mcap_files(path)
    for name in announced.keys() - {file.name for file in files}:
        recording.warnings.append(f'{path / name}: missing, with {announced[name]} messages')
    unreadable = []
    for file in files:
        try:
            content = read_mcap_file(file)
        except RecordingError as error:
            unreadable.append(error)
            recording.warnings.append(str(error))
            continue
        if content.expected_count is None:
            content.expected_count = announced.get(file.name)
        _add_file(recording, file, content)
    if len(unreadable) == len(files):
        raise unreadable[0]
    return recording


def _mcap_files(path: Path) -> list[Path]:
    """Return the MCAP files of a recording."""
    if not path.is_dir():
        return [path]
    names = sorted(file.name for file in path.iterdir() if not file.name.startswith('.'))
    files = [path / name for name in names if name.endswith(MCAP_SUFFIX)]
    if not files:
        raise RecordingError(
            f'recording {path}',
            got=f'a folder with {", ".join(names) or "nothing in it"}',
            expected='a folder with .mcap files (`ros2 bag convert` makes one)',
        )
    return files


def _expected_counts(metadata: Path) -> dict[str, int]:
    """
    Return how many messages each file should hold.

    None for a recorder that was killed: it writes this file last, so it is missing or empty.
    """
    try:
        information = yaml.safe_load(metadata.read_bytes())['rosbag2_bagfile_information']
        return {file['path']: int(file['message_count']) for file in information['files']}
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError):
        return {}


def _add_file(recording: Recording, file: Path, content: McapContent) -> None:
    """Add what a file holds."""
    keys = {}
    for channel in content.channels.values():
        schema = content.schemas.get(channel.schema_id)
        kind = schema.name if schema else 'type unknown'
        if channel.message_encoding != MessageEncoding.CDR:
            kind += f' as {channel.message_encoding}'
        keys[channel.id] = channel.topic, kind
        recording.messages.setdefault(keys[channel.id], [])
    strays = 0
    for message in content.messages:
        if message.channel_id in keys:
            recording.messages[keys[message.channel_id]].append(message)
        else:
            strays += 1
    if content.problem:
        recording.warnings.append(f'{file}: {content.problem}')
    if strays:
        recording.warnings.append(f'{file}: {strays} messages of an unknown topic')


def _matches_topic(name: str, topic: str) -> bool:
    return topic == name or (not name.startswith('/') and topic.endswith(f'/{name}'))


def _format_topics(topics: Collection[tuple[str, str]]) -> str:
    return ', '.join(f'{topic} ({kind})' for topic, kind in topics)
