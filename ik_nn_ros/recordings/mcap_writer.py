"""
Writing a recording: one MCAP file that rosbag2 and Foxglove play as one of their own.

Messages are collected in chunks, each followed by its message indexes, so that players can read the
file in order of time. (Without the indexes rosbag2 warns and keeps to the order in the file, and
Foxglove has to read the whole file first.) A chunk is closed at the latest half a second after the
previous one and reaches the operating system in one piece, where it survives the death of this
process. Chunks are not compressed: they are small, and a truncated chunk stays readable up to its
end.
"""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, cast

from mcap.well_known import MessageEncoding, Profile, SchemaEncoding
from mcap.writer import CompressionType, Writer

from ik_nn_ros.errors import RecordingError
from ik_nn_ros.recordings.messages import MESSAGE_TYPES

MCAP_SUFFIX = '.mcap'
"""File name extension of a recording."""
FLUSH_PERIOD_S = 0.5
"""Longest time, s, that a message stays in this process while further messages follow."""


class RecordingWriter:
    """
    Writer of one new recording.

    A process that is killed loses what was written since the last flush. :meth:`write` flushes at
    least every :data:`FLUSH_PERIOD_S`; where messages may cease, call :meth:`flush` from a timer.

    :param path: the new file, ending in .mcap, in an existing folder

    :raises RecordingError: the file exists, or cannot be created
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = AtomicFlushFile(_create_file(path))
        self._mcap = Writer(cast(IO[bytes], self._stream), compression=CompressionType.NONE)
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._last_flush = monotonic()
        self._failure: RecordingError | None = None
        self._mcap.start(profile=Profile.ROS2)
        try:
            self.flush()
        except RecordingError:
            self.close()
            path.unlink()  # the file is empty and would only block the next attempt
            raise

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def add_topic(self, name: str, message_type: str) -> None:
        """
        Announce a topic, before its first message.

        :param name: full name of the topic, e.g. '/joint_states'
        :param message_type: one of :data:`~ik_nn_ros.recordings.messages.MESSAGE_TYPES`
        """
        description = MESSAGE_TYPES[message_type]
        if message_type not in self._schemas:
            self._schemas[message_type] = self._mcap.register_schema(
                message_type, SchemaEncoding.ROS2, description.definition.encode()
            )
        # rosbag2 also writes offered_qos_profiles, in a form that differs between distributions and
        # that Humble cannot read. Without it every distribution plays the topic with default QoS.
        self._channels[name] = self._mcap.register_channel(
            name,
            MessageEncoding.CDR,
            self._schemas[message_type],
            {'topic_type_hash': description.version_hash},
        )

    def write(self, topic: str, cdr: bytes, log_time: int, publish_time: int) -> None:
        """
        Add a message.

        :param topic: a topic added by :meth:`add_topic`
        :param cdr: the serialised message
        :param log_time: time at which the message was received, ns since the epoch
        :param publish_time: time at which the message was sent, ns since the epoch

        :raises RecordingError: writing failed, e.g. because the disk is full; from then on every
            call fails, and what was flushed before stays readable
        """
        if self._failure:
            raise self._failure
        self._mcap.add_message(self._channels[topic], log_time, cdr, publish_time)
        if monotonic() - self._last_flush >= FLUSH_PERIOD_S:
            self.flush()

    def flush(self) -> None:
        """
        Hand all messages to the operating system, which keeps them if this process dies.

        :raises RecordingError: as :meth:`write`
        """
        if self._failure:
            raise self._failure
        self._last_flush = monotonic()
        try:
            self._mcap.flush()  # type: ignore[no-untyped-call]
        except OSError as error:
            self._failure = _write_error(self.path, error)
            raise self._failure from error

    def close(self) -> None:
        """
        Complete the file with its index; after a failure only close it.

        :raises RecordingError: as :meth:`write`
        """
        if self._stream.closed:
            return
        try:
            if not self._failure:
                self.flush()  # first, so that a disk without room for the index costs no message
                self._mcap.finish()  # type: ignore[no-untyped-call]
                self.flush()
        finally:
            self._stream.close()


class AtomicFlushFile:
    """
    File for the MCAP writer that ends on a complete record, even after a failed write.

    Everything written between two flushes reaches the disk together or not at all.

    :param file: an unbuffered file
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._size = 0
        self._pending = bytearray()

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._file.closed

    def write(self, data: bytes) -> None:
        """Keep complete records for the next flush."""
        self._pending += data

    def tell(self) -> int:
        """Return the position of the next record, bytes."""
        return self._size + len(self._pending)

    def flush(self) -> None:
        """
        Write all pending records.

        :raises OSError: writing failed; the file has the size it had before
        """
        try:
            written = 0
            while written < len(self._pending):
                written += self._file.write(memoryview(self._pending)[written:])
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)
            raise
        self._size += written
        self._pending.clear()

    def close(self) -> None:
        """Close the file and discard pending records."""
        self._file.close()


def _create_file(path: Path) -> FileIO:
    if path.suffix != MCAP_SUFFIX:
        raise RecordingError(
            f'recording {path}', got=repr(path.suffix), expected=f'a {MCAP_SUFFIX} file'
        )
    try:
        return FileIO(path, 'x')
    except FileExistsError as error:
        raise RecordingError(
            f'recording {path}',
            got='a file that exists',
            expected='a new one; a recording is never overwritten',
        ) from error
    except OSError as error:
        raise _write_error(path, error) from error


def _write_error(path: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f'recording {path}',
        got=error.strerror,
        expected='a folder to write in, with room on the disk',
    )
