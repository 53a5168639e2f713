"""A file that ends on a whole record, whatever happens."""

from __future__ import annotations

import os
from io import FileIO


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
