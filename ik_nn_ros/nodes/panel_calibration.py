"""The calibration that an ik_node moves its arm by, as far as it can be read from here."""

from __future__ import annotations

from ik_nn_ros.arm.calibration import Calibration
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import IkNnError


class NamedCalibration:
    """The calibration in a file that somebody else names."""

    def __init__(self) -> None:
        self.fault = ''
        """Why the arm is not as they have it; empty: it is."""
        self._file: str | None = None
        self._calibration: Calibration | None = None

    def take(self, file: str | None) -> bool:
        """
        Read the file, if it is another one or its reader has started anew.

        :param file: empty: there is no calibration; None: not known, what was known stands
        :return: whether the arm is another one by it
        """
        if file is None or file == self._file:
            self._file = file
            return False
        before, did_not_fit = self._calibration, self._calibration is not None and self.fault
        self._file, self.fault = file, ''
        try:
            self._calibration = Calibration.read(file) if file else None
        except IkNnError as error:
            self._calibration, self.fault = None, str(error)
        return self._calibration != before or bool(did_not_fit)

    def apply(self, arm: ArmModel) -> ArmModel:
        """Return the arm as built, or as it is drawn where it cannot be told."""
        if self._calibration is None:
            return arm
        self.fault = ''
        try:
            return self._calibration.apply(arm)
        except IkNnError as error:
            self.fault = str(error)
            return arm
