"""
A calibration: what was fitted to recorded samples of one arm, as a file people can read.

The file is YAML, lengths in m, angles in rad. It names the arm it belongs to by the geometry of the
URDF that it corrects; :meth:`Calibration.apply` refuses any other.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ik_nn_ros.arm.calibrated import CalibratedArm, FourierTerm
from ik_nn_ros.arm.model import ArmModel, JointPair
from ik_nn_ros.arm.plane import Plane
from ik_nn_ros.errors import CalibrationError
from ik_nn_ros.files import write_atomically

FORMAT = 1
GEOMETRY_TOLERANCE = 1e-9
"""Largest difference (m, rad) between two arms that count as one."""
MAX_HARMONIC_ORDER = 8
MAX_RESIDUAL_RATIO = 0.1
"""Of reach: how far a residual may move the tip."""
FILE_HEADER = """\
# Calibration of an arm, by `ik_nn calibrate`; lengths in m, angles in rad. It corrects the arm
# under `arm`, which is what its URDF says. The tip, as x + iy in the arm's plane:
#   base + l1 e^(i o1) e^(ia) + l2 e^(i(o1+o2)) e^(i(a+b)) + sum of (x + iy) e^(i(k1 a + k2 b))
# with l the lengths, o the offsets, a and b the joint angles times the arm's signs.
"""


@dataclass(frozen=True)
class Calibration:
    """
    Fitted geometry and residual of one arm.

    :param arm: the arm it corrects, as its URDF has it; see :func:`describe_arm`
    :param lengths: (L1, L2), m
    :param offsets: link angles at q = 0, rad
    :param base: (x, y) of the first axis in the plane of the URDF's arm, m
    :param residual: terms of the residual, see :mod:`ik_nn_ros.arm.calibrated`
    :param uncertainty: standard deviations of lengths, offsets and base, each a pair
    :param record: what it was fitted to, and how well: recordings, samples, errors
    """

    arm: dict[str, Any]
    lengths: JointPair
    offsets: JointPair
    base: JointPair
    residual: tuple[FourierTerm, ...] = ()
    uncertainty: dict[str, list[float]] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)

    def apply(self, arm: ArmModel) -> CalibratedArm:
        """
        Return the arm as built.

        :param arm: the arm from the URDF
        :raises CalibrationError: it is not the arm of this calibration
        """
        for name, here in describe_arm(arm).items():
            there = self.arm[name]
            if name in ('joints', 'base_frame'):
                same = there == here
            else:
                same = name == 'name' or np.allclose(there, here, rtol=0.0, atol=GEOMETRY_TOLERANCE)
            if not same:
                raise CalibrationError(f'calibration: {name} of its arm', got=there, expected=here)
        if not arm.has_plausible_lengths(self.lengths):
            raise CalibrationError(
                'calibration: lengths', got=list(self.lengths), expected=f'about {arm.lengths}'
            )
        plane = arm.plane
        origin = plane.origin + plane.rotation[:, :2] @ np.array(self.base)
        built = CalibratedArm(
            name=arm.name,
            joint_names=arm.joint_names,
            lengths=self.lengths,
            signs=arm.signs,
            offsets=self.offsets,
            lower=arm.lower,
            upper=arm.upper,
            max_velocity=arm.max_velocity,
            plane=Plane(plane.base_frame, origin, plane.rotation),
            residual=self.residual,
        )
        most = MAX_RESIDUAL_RATIO * arm.reach
        if built.residual_bound > most:
            raise CalibrationError(
                'calibration: residual',
                got=f'up to {1e3 * built.residual_bound:.3g} mm',
                expected=f'at most {1e3 * most:.3g} mm; it is another arm',
            )
        return built

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        content: dict[str, Any] = {'format': FORMAT, **asdict(self)}
        for name in ('lengths', 'offsets', 'base'):
            content[name] = list(content[name])
        content['residual'] = [
            {'k1': k1, 'k2': k2, 'x': c.real, 'y': c.imag} for k1, k2, c in self.residual
        ]
        text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100)
        write_atomically(path, (FILE_HEADER + text).encode())

    @classmethod
    def read(cls, path: str | Path) -> Calibration:
        """
        Read a file.

        :raises CalibrationError: it is missing, damaged or no calibration
        """
        path = Path(path)
        try:
            content = yaml.safe_load(path.read_text(encoding='utf-8'))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            got = getattr(error, 'strerror', None) or ' '.join(str(error).split())
            raise CalibrationError(
                f'calibration {path}', got=got, expected='a file of `ik_nn calibrate`'
            ) from error
        try:
            return _parse_calibration(content)
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(
                f'calibration {path}',
                got=f'no {error}' if isinstance(error, KeyError) else error,
                expected=f'a file of `ik_nn calibrate`, format {FORMAT}',
            ) from error


def describe_arm(arm: ArmModel) -> dict[str, Any]:
    """Return what a calibration knows its arm by."""
    return {
        'name': arm.name,
        'joints': list(arm.joint_names),
        'base_frame': arm.plane.base_frame,
        'lengths': list(arm.lengths),
        'signs': list(arm.signs),
        'offsets': list(arm.offsets),
        'plane_origin': arm.plane.origin.tolist(),
        'plane_axes': arm.plane.rotation.T.tolist(),
    }


def _parse_calibration(content: Any) -> Calibration:
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise ValueError(f'format {content.get("format") if isinstance(content, dict) else None}')
    arm = content['arm']
    for name in ('lengths', 'signs', 'offsets'):
        _parse_pair(arm[name], f'arm: {name}')
    for name, shape in (('plane_origin', (3,)), ('plane_axes', (3, 3))):
        if np.shape(np.asarray(arm[name], dtype=float)) != shape:
            raise ValueError(f'arm: {name} {arm[name]}, not {shape} numbers')
    for name in ('name', 'joints', 'base_frame'):
        arm[name]
    lengths = _parse_pair(content['lengths'], 'lengths')
    if min(lengths) <= 0.0:
        raise ValueError(f'lengths {list(lengths)}, not positive')
    return Calibration(
        arm=arm,
        lengths=lengths,
        offsets=_parse_pair(content['offsets'], 'offsets'),
        base=_parse_pair(content['base'], 'base'),
        residual=tuple(_parse_fourier_term(term) for term in content['residual']),
        uncertainty=dict(content['uncertainty']),
        record=dict(content['record']),
    )


def _parse_fourier_term(term: Any) -> FourierTerm:
    x, y = _parse_pair([term['x'], term['y']], 'residual')
    k1, k2 = term['k1'], term['k2']
    if not all(isinstance(k, int) and abs(k) <= MAX_HARMONIC_ORDER for k in (k1, k2)):
        raise ValueError(f'residual: k1 {k1}, k2 {k2}')
    return FourierTerm(k1, k2, complex(x, y))


def _parse_pair(values: Any, subject: str) -> JointPair:
    try:
        first, second = (float(value) for value in values)
    except (TypeError, ValueError):
        raise ValueError(f'{subject} {values!r}, not two numbers') from None
    if not (math.isfinite(first) and math.isfinite(second)):
        raise ValueError(f'{subject} {values}, not finite')
    return first, second
