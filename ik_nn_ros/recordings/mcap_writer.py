"""
Writing a recording: one MCAP file, as ``ros2 bag record`` writes it.

The messages are gathered in chunks, each followed by its message indexes: by these rosbag2 and
Foxglove play a file in order of time. (Without them rosbag2 warns and keeps to the order in the
file, and Foxglove has to read all of it first.) A chunk is closed at the latest half a second after
the one before and goes to the operating system in one piece, which a killed process cannot take
back. The chunks are not compressed: they are small, and one that is cut still tells what is before
the cut.
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

# MERGED recordings.whole_records: A file that ends on a whole record, whatever happens.


class AtomicFlushFile:
    """
    The file as the MCAP writer sees it: what is written between two flushes gets there whole.

    :param file: unbuffered
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._size = 0
        self._pending = bytearray()

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._file.closed

    def write(self, data: bytes) -> None:
        """Keep whole records for the next flush."""
        self._pending += data

    def tell(self) -> int:
        """Return where the next record will be."""
        return self._size + len(self._pending)

    def flush(self) -> None:
        """Write what is pending, all of it or, where that fails, nothing."""
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
        """Close the file; what is pending is lost."""
        self._file.close()


MCAP_SUFFIX = '.mcap'
FLUSH_PERIOD_S = 0.5
"""How long (s) a message stays in this process at most, as long as others follow it."""


class RecordingWriter:
    """
    Writes one new recording.

    A process killed at any moment loses what was written since the last flush, which is done at
    least every :data:`FLUSH_PERIOD_S` while messages come. Where they may stop coming, call
    :meth:`flush` from a timer.

    :param path: the file, ending in .mcap, in a folder that exists

    :raises RecordingError: the file exists, or cannot be written there
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
            path.unlink()  # empty: it would only be in the way of the next attempt
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

        :param name: its full name, e.g. '/joint_states'
        :param message_type: one of :data:`~ik_nn_ros.recordings.messages.MESSAGE_TYPES`
        """
        description = MESSAGE_TYPES[message_type]
        if message_type not in self._schemas:
            self._schemas[message_type] = self._mcap.register_schema(
                message_type, SchemaEncoding.ROS2, description.definition.encode()
            )
        # rosbag2 would also add offered_qos_profiles, in words that Humble cannot read or in
        # numbers; without it each distribution plays the topic with its default QoS.
        self._channels[name] = self._mcap.register_channel(
            name,
            MessageEncoding.CDR,
            self._schemas[message_type],
            {'topic_type_hash': description.version_hash},
        )

    def write(self, topic: str, cdr: bytes, log_time: int, publish_time: int) -> None:
        """
        Add a message.

        :param topic: one that was added
        :param cdr: the serialised message
        :param log_time: when it was received, ns since the epoch
        :param publish_time: when it was sent, ns since the epoch

        :raises RecordingError: it cannot be written, e.g. the disk is full; from then on nothing
            is, and what was flushed before stays readable
        """
        if self._failure:
            raise self._failure
        self._mcap.add_message(self._channels[topic], log_time, cdr, publish_time)
        if monotonic() - self._last_flush >= FLUSH_PERIOD_S:
            self.flush()

    def flush(self) -> None:
        """
        Hand all messages so far to the operating system: safe unless the machine itself fails.

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
                self.flush()  # first, so that no message is lost where only the index has no room
                self._mcap.finish()  # type: ignore[no-untyped-call]
                self.flush()
        finally:
            self._stream.close()


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
