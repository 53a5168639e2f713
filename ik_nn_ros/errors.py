"""The package's exceptions: a message names its subject, what was got and what was expected."""

from functools import partial
from typing import Any


class IkNnError(Exception):
    """
    A mistake in an input: a file, an argument, a parameter.

    :param subject: what is wrong, e.g. a file, a joint or a parameter
    :param got: what was found
    :param expected: what would have been right
    """

    def __init__(self, subject: str, *, got: object, expected: object) -> None:
        super().__init__(f'{subject}: got {got}, expected {expected}')
        self.subject = subject
        self.got = got
        self.expected = expected

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception comes out of a worker process by a call with its message alone.
        return partial(type(self), got=self.got, expected=self.expected), (self.subject,)


class ArmError(IkNnError):
    """A robot description that is not a usable 2-DOF arm."""


class ModelError(IkNnError):
    """A model file that is missing, broken or made for another arm."""


class ConfigError(IkNnError):
    """A parameter or argument of the wrong kind or out of its range."""


class RecordingError(IkNnError):
    """A recording that cannot be written, or cannot be read as one."""


class CalibrationError(IkNnError):
    """Samples that do not determine a calibration, or a file that is none for this arm."""
