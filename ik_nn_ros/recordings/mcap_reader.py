"""
Reading MCAP recordings, including files that are cut short or damaged.

The readers of the mcap package stop at the first invalid record. This one skips a damaged chunk,
and reads a truncated file or chunk up to the point where it ends. A recording is one MCAP file, or
a folder of them as ``ros2 bag record`` writes it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
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

METADATA_FILE_NAME = 'metadata.yaml'
"""The file that ``ros2 bag record`` writes beside the MCAP files when it ends."""
_RECORD_HEADER = struct.Struct('<BQ')
"""Header of every MCAP record: opcode, and length of the body in bytes."""
_PARSE_ERRORS = (
    McapError,
    struct.error,
    ValueError,
    OverflowError,
    RuntimeError,
    zstandard.ZstdError,
)
"""Exceptions that the mcap package and the decompressors raise for invalid bytes."""

MessagesByTopic = Mapping[tuple[str, str], list[Message]]
"""Messages by topic and message type."""


@dataclass(frozen=True)
class Recording:
    """
    The messages of a recording.

    :param path: the file or folder
    :param messages: the messages of each topic and message type, e.g. of ('/joint_states',
        'sensor_msgs/msg/JointState')
    :param warnings: what is wrong with the recording
    """

    path: Path
    messages: MessagesByTopic = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def select(self, name: str, message_type: str) -> list[Message]:
        """
        Return the messages of one topic.

        :param name: the topic's full name, '/left/tip_pose', or its last parts, 'tip_pose'
        :param message_type: the type that the topic must have

        :raises RecordingError: no topic matches, or more than one
        """
        matches = [
            (topic, topic_type)
            for topic, topic_type in self.messages
            if topic_type == message_type and _matches_topic(name, topic)
        ]
        if len(matches) == 1:
            return self.messages[matches[0]]
        raise RecordingError(
            f'recording {self.path}, topic {name}',
            got=_format_topics(matches or self.messages) or 'no topics at all',
            expected='the full name of one of these' if matches else f'one of type {message_type}',
        )


def read_recording(path: Path) -> Recording:
    """
    Read a recording; of a damaged one, everything that is still readable.

    :param path: a .mcap file, or a folder with one or more; its metadata.yaml may be missing

    :raises RecordingError: no file can be read
    """
    expected_counts = _expected_counts(path / METADATA_FILE_NAME) if path.is_dir() else {}
    files = _mcap_files(path)
    warnings = [
        f'{path / name}: missing, with {expected_counts[name]} messages'
        for name in sorted(expected_counts.keys() - {file.name for file in files})
    ]
    messages: dict[tuple[str, str], list[Message]] = {}
    unreadable = []
    for file in files:
        try:
            content = read_mcap_file(file)
        except RecordingError as error:
            unreadable.append(error)
            warnings.append(str(error))
            continue
        if content.expected_count is None:
            content = replace(content, expected_count=expected_counts.get(file.name))
        for topic, topic_messages in content.messages_by_topic().items():
            messages.setdefault(topic, []).extend(topic_messages)
        warnings += [f'{file}: {problem}' for problem in content.problems()]
    if len(unreadable) == len(files):
        raise unreadable[0]
    return Recording(path, messages, tuple(warnings))


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

    :return: counts by file name; empty if the metadata is missing or invalid, as after a recorder
        was killed, because it writes this file last
    """
    try:
        information = yaml.safe_load(metadata.read_bytes())['rosbag2_bagfile_information']
        return {file['path']: int(file['message_count']) for file in information['files']}
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError):
        return {}


def _matches_topic(name: str, topic: str) -> bool:
    return topic == name or (not name.startswith('/') and topic.endswith(f'/{name}'))


def _format_topics(topics: Collection[tuple[str, str]]) -> str:
    return ', '.join(f'{topic} ({topic_type})' for topic, topic_type in topics)


@dataclass(frozen=True)
class McapContent:
    """
    The readable content of one MCAP file.

    :param channels: channels by id
    :param schemas: schemas by id
    :param messages: messages in file order
    :param expected_count: number of messages that the file should hold, if it is known
    :param has_data_end: whether the file reaches the end of its data section
    :param trailing_bytes: bytes after the last complete record of a truncated file
    :param damaged_count: number of records that were skipped
    """

    channels: Mapping[int, Channel]
    schemas: Mapping[int, Schema]
    messages: list[Message]
    expected_count: int | None
    has_data_end: bool
    trailing_bytes: int
    damaged_count: int

    def messages_by_topic(self) -> MessagesByTopic:
        """Return the messages of each topic and message type; topics may be without messages."""
        topics = {number: self._topic(channel) for number, channel in self.channels.items()}
        messages: dict[tuple[str, str], list[Message]] = {topic: [] for topic in topics.values()}
        for message in self.messages:
            if message.channel_id in topics:
                messages[topics[message.channel_id]].append(message)
        return messages

    def _topic(self, channel: Channel) -> tuple[str, str]:
        schema = self.schemas.get(channel.schema_id)
        message_type = schema.name if schema else 'type unknown'
        if channel.message_encoding != MessageEncoding.CDR:
            message_type += f' as {channel.message_encoding}'
        return channel.topic, message_type

    def problems(self) -> list[str]:
        """Return what is wrong with the file: damage, and messages whose topic is unknown."""
        problems = [self.damage] if self.damage else []
        unknown = sum(message.channel_id not in self.channels for message in self.messages)
        if unknown:
            problems.append(f'{unknown} messages of an unknown topic')
        return problems

    @property
    def damage(self) -> str:
        """Description of damaged and missing parts; empty for an intact file."""
        parts = []
        if self.damaged_count:
            parts.append(f'damaged records left out: {self.damaged_count}')
        if not self.has_data_end:
            parts.append('ends without a footer')
        if self.trailing_bytes:
            parts.append(f'the last {self.trailing_bytes} bytes are not a whole record')
        count = len(self.messages)
        is_incomplete = self.expected_count is not None and count < self.expected_count
        if parts or is_incomplete:
            parts.append(f'read {count}{f" of {self.expected_count}" * is_incomplete} messages')
        return '; '.join(parts)


def read_mcap_file(path: Path) -> McapContent:
    """
    Read everything that is readable in an MCAP file.

    :raises RecordingError: the file is not an MCAP file, or cannot be opened
    """
    try:
        with path.open('rb') as stream:
            _require_magic(path, stream.read(len(MCAP0_MAGIC)))
            return _McapParser().parse(stream, os.fstat(stream.fileno()).st_size)
    except OSError as error:
        raise RecordingError(
            f'recording {path}', got=error.strerror, expected='a file that can be read'
        ) from error


def _require_magic(path: Path, first_bytes: bytes) -> None:
    if first_bytes == MCAP0_MAGIC:
        return
    if not first_bytes:
        got = 'an empty file'
    elif first_bytes.startswith(b'SQLite'):
        got = 'an SQLite bag'
    else:
        got = f'a file that begins with {first_bytes!r}'
    raise RecordingError(
        f'recording {path}', got=got, expected='an MCAP file (`ros2 bag convert` makes one)'
    )


class _McapParser:
    """Collects the records of one file."""

    def __init__(self) -> None:
        self._channels: dict[int, Channel] = {}
        self._schemas: dict[int, Schema] = {}
        self._messages: list[Message] = []
        self._expected_count: int | None = None
        self._damaged_count = 0

    def parse(self, stream: BinaryIO, size: int) -> McapContent:
        """
        Read all records.

        :param stream: positioned after the magic bytes
        :param size: position of the end of the file, bytes
        """
        has_data_end, trailing_bytes = False, 0
        for start, opcode, body, is_complete in _iterate_records(stream, size):
            try:
                self._add_file_record(opcode, body, is_complete)
            except _PARSE_ERRORS:
                self._damaged_count += is_complete
            has_data_end |= is_complete and opcode == Opcode.DATA_END
            if not is_complete and not has_data_end:
                trailing_bytes = size - start
        return McapContent(
            self._channels,
            self._schemas,
            self._messages,
            self._expected_count,
            has_data_end,
            trailing_bytes,
            self._damaged_count,
        )

    def _add_file_record(self, opcode: int, body: bytes, is_complete: bool) -> None:
        if opcode == Opcode.CHUNK:
            self._add_chunk(Chunk.read(_data_stream(body)), is_complete)
        elif opcode == Opcode.STATISTICS and is_complete:
            self._expected_count = Statistics.read(_data_stream(body)).message_count
        elif is_complete:
            self._add_record(opcode, body)

    def _add_chunk(self, chunk: Chunk, is_complete: bool) -> None:
        """
        Add the records of a chunk; of a truncated one, those before its end.

        :raises ValueError: the chunk is complete, but its checksum does not match its content
        """
        data = _decompress(chunk)
        if is_complete and chunk.uncompressed_crc not in (0, zlib.crc32(data)):
            raise ValueError('checksum')
        for _, opcode, body, is_record_complete in _iterate_records(BytesIO(data), len(data)):
            if is_record_complete:
                self._add_record(opcode, body)
            elif is_complete:
                self._damaged_count += 1

    def _add_record(self, opcode: int, body: bytes) -> None:
        """Add a record that may appear both in a chunk and outside of chunks."""
        if opcode == Opcode.MESSAGE:
            self._messages.append(Message.read(_data_stream(body), len(body)))
        elif opcode == Opcode.CHANNEL:
            channel = Channel.read(_data_stream(body))
            self._channels.setdefault(channel.id, channel)
        elif opcode == Opcode.SCHEMA:
            schema = Schema.read(_data_stream(body))
            self._schemas.setdefault(schema.id, schema)


def _iterate_records(stream: BinaryIO, size: int) -> Iterator[tuple[int, int, bytes, bool]]:
    """
    Yield each record's position, opcode and body, and whether the record is complete.

    Only the last record can be incomplete. Opcode 0 ends the iteration as well: a file that lost
    its end in a power failure may continue with zeros.

    :param size: position of the end of the stream, bytes
    """
    start = stream.tell()
    while start < size:
        header = stream.read(_RECORD_HEADER.size)
        opcode, length = (
            _RECORD_HEADER.unpack(header) if len(header) == _RECORD_HEADER.size else (0, 0)
        )
        end = start + _RECORD_HEADER.size + length
        is_complete = opcode != 0 and end <= size
        yield start, opcode, stream.read(min(end, size) - stream.tell()), is_complete
        if not is_complete:
            return
        start = end


def _data_stream(body: bytes) -> ReadDataStream:
    return ReadDataStream(BytesIO(body))


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
