"""Exceptions of the package; a message names its subject, the value and what was expected."""

from functools import partial
from typing import Any


class IkNnError(Exception):
    """
    A mistake in an input: a file, an argument, a parameter.

    :param subject: the file, joint, parameter or argument at fault
    :param got: value that was found
    :param expected: description of a valid value
    """

    def __init__(self, subject: str, *, got: object, expected: object) -> None:
        super().__init__(f'{subject}: got {got}, expected {expected}')
        self.subject = subject
        self.got = got
        self.expected = expected

    def __reduce__(self) -> tuple[Any, ...]:
        # A worker process returns errors by pickle, which would pass the message alone.
        return partial(type(self), got=self.got, expected=self.expected), (self.subject,)


class ArmError(IkNnError):
    """A robot description that is not a usable 2-DOF arm."""


class ModelError(IkNnError):
    """A model file that is missing, broken or made for another arm."""


class ConfigError(IkNnError):
    """A parameter or argument of the wrong kind or out of its range."""


class RecordingError(IkNnError):
    """A recording that cannot be written or read."""


class CalibrationError(IkNnError):
    """Samples that do not determine a calibration, or a file without one for this arm."""
