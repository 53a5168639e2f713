"""
Arms as built: a fitted geometry with a residual that geometry cannot explain, and their file.

Written as complex numbers x + iy, the tip of a rigid two-link arm is two terms of a Fourier series
in the joint positions, with a = s1 q1 and b = s2 q2::

    x + iy = L1 e^(i o1) e^(ia) + L2 e^(i (o1 + o2)) e^(i (a + b)) + Σ c_k e^(i (k1 a + k2 b))

The sum is the residual. A joint whose link follows its encoder with an error that is itself a
harmonic of the joint positions (sag, an eccentric gear) adds to the two terms their neighbours; a
tilted base adds their mirror images. The series is periodic and bounded by Σ |c_k|, also where
nothing was recorded.

A :class:`Calibration` is what was fitted to recorded samples of one arm, as a YAML file that people
can read (lengths in m, angles in rad). It names the arm it belongs to by the geometry of the URDF
that it corrects; :meth:`Calibration.apply` refuses any other.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from ik_nn_ros.arm.geometry import Array, JointPair, Plane, Point2
from ik_nn_ros.arm.kinematics import RESIDUAL_KEY, Linearization, LinearizationBatch
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ArmError, CalibrationError
from ik_nn_ros.files import write_atomically

CoefficientRows = tuple[tuple[complex, ...], ...]

RESIDUAL_GRID_COUNT = 64
"""Positions of each joint at which the size of the residual is taken."""
RESIDUAL_MARGIN_RATIO = 1.1
"""Factor on that size, for the positions between them."""
FIXED_POINT_ITERATIONS = 3
"""Iterations of :meth:`CalibratedArm.closed_form`; each leaves a few percent of the error."""

FORMAT = 1
"""Version of the calibration file."""
GEOMETRY_TOLERANCE = 1e-9
"""Largest difference (m, rad) between the geometries of equal arms."""
MAX_HARMONIC_ORDER = 8
"""Largest |k1| and |k2| of a term in the file."""
MAX_RESIDUAL_RATIO = 0.1
"""Largest distance a residual may move the tip, as a fraction of reach."""
FILE_HEADER = """\
# Calibration of an arm, by `ik_nn calibrate`; lengths in m, angles in rad. It corrects the arm
# under `arm`, which is what its URDF says. The tip, as x + iy in the arm's plane:
#   base + l1 e^(i o1) e^(ia) + l2 e^(i(o1+o2)) e^(i(a+b)) + sum of (x + iy) e^(i(k1 a + k2 b))
# with l the lengths, o the offsets, a and b the joint angles times the arm's signs.
"""


class FourierTerm(NamedTuple):
    """A term of the residual: ``coefficient`` (x + iy, m) times e^(i (k1 a + k2 b))."""

    k1: int
    k2: int
    coefficient: complex


class _FourierSeries:
    """The sum Σ c_k e^(i (k1 a + k2 b)) by Horner's rule; a and b are numbers or arrays."""

    def __init__(self, terms: Iterable[FourierTerm]) -> None:
        table = {(k1, k2): c for k1, k2, c in terms}
        self._min_order1, self._min_order2 = (min(k[i] for k in table) for i in (0, 1))
        high1, high2 = (max(k[i] for k in table) for i in (0, 1))
        self._coefficients: CoefficientRows = tuple(
            tuple(table.get((k1, k2), 0j) for k2 in range(high2, self._min_order2 - 1, -1))
            for k1 in range(high1, self._min_order1 - 1, -1)
        )

    def __call__(self, phasor1: Any, phasor2: Any) -> Any:
        """
        Return the sum at joint positions.

        :param phasor1: e^(ia)
        :param phasor2: e^(ib)
        """
        total = 0j
        for row in self._coefficients:
            inner = 0j
            for coefficient in row:
                inner = inner * phasor2 + coefficient
            total = total * phasor1 + inner
        return total * phasor1**self._min_order1 * phasor2**self._min_order2


class GeometrySigma(NamedTuple):
    """
    Standard deviations of a fitted geometry.

    :param lengths: of (L1, L2), m
    :param offsets: of the link angles at q = 0, rad
    :param base: of x and y of the first axis, m
    """

    lengths: JointPair
    offsets: JointPair
    base: JointPair


@dataclass(frozen=True)
class CalibratedArm(ArmModel):
    """
    An arm with a fitted geometry, and a forward kinematics that includes the residual.

    :param residual: terms of the residual; may be empty
    :param sigma: how well the geometry is known; None where the calibration does not say
    """

    residual: tuple[FourierTerm, ...] = ()
    sigma: GeometrySigma | None = None

    closed_form_is_exact = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(cmath.isfinite(c) for _, _, c in self.residual):
            raise ArmError(f'{self.name}: residual', got='a term not finite', expected='numbers')

    @cached_property
    def rigid(self) -> ArmModel:
        """The fitted geometry without residual."""
        return ArmModel(**{f.name: getattr(self, f.name) for f in fields(ArmModel)})

    @cached_property
    def residual_bound(self) -> float:
        """Bound on how far (m) the residual moves the tip within the joint limits."""
        if not self.residual:
            return 0.0
        axes = [
            np.linspace(low, up, RESIDUAL_GRID_COUNT)
            for low, up in zip(*self.finite_limits, strict=True)
        ]
        q = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
        offset = self.tip_residual(q)
        return RESIDUAL_MARGIN_RATIO * float(np.hypot(offset[:, 0], offset[:, 1]).max())

    def tip_residual(self, q: ArrayLike) -> Array:
        """Return by how much (..., 2), m, the residual moves the tip at (..., 2) angles, rad."""
        residual: Array = self.fk(q) - self.rigid.fk(q)
        return residual

    def tip_sigma(self, q: ArrayLike) -> Array:
        """
        Return the standard uncertainty of the tip, from those of lengths, offsets and base.

        The parameters count as independent, as the file has no covariances, and the residual as
        exact. Errors of the tip that the fit leaves over are not in it; the file's record has
        them.

        :param q: (..., 2) joint positions, rad
        :return: (...) root mean square distance, m; NaN where the calibration has no uncertainties
        """
        tip = self.rigid.fk(q)
        if self.sigma is None:
            return np.full(tip.shape[:-1], np.nan)
        lengths, (offset1, offset2), base = self.sigma
        fixed = sum(s * s for s in (*lengths, *base)) + (self.lengths[1] * offset2) ** 2
        variance: Array = fixed + offset1**2 * (tip * tip).sum(axis=-1)
        return np.sqrt(variance)

    def identity(self) -> dict[str, list[float | None]]:
        """Return that of :class:`ArmModel`, and the residual as k1, k2, x, y, ..."""
        terms = [float(v) for k1, k2, c in self.residual for v in (k1, k2, c.real, c.imag)]
        return {**super().identity(), RESIDUAL_KEY: [*terms]}

    def describe(self) -> str:
        """Return the source of the kinematics, the joints' names and the lengths, for the log."""
        return f'calibrated: {self._describe_geometry()}'

    @cached_property
    def _tip_series(self) -> tuple[_FourierSeries, _FourierSeries, _FourierSeries]:
        """The tip and its derivatives by q1 and q2."""
        (l1, l2), (o1, o2), (s1, s2) = self.lengths, self.offsets, self.signs
        terms = [
            FourierTerm(1, 0, cmath.rect(l1, o1)),
            FourierTerm(1, 1, cmath.rect(l2, o1 + o2)),
        ]
        summed: dict[tuple[int, int], complex] = {}
        for k1, k2, c in (*terms, *self.residual):
            summed[k1, k2] = summed.get((k1, k2), 0j) + c
        terms = [FourierTerm(k1, k2, c) for (k1, k2), c in summed.items()]
        return (
            _FourierSeries(terms),
            _FourierSeries(FourierTerm(k1, k2, 1j * s1 * k1 * c) for k1, k2, c in terms),
            _FourierSeries(FourierTerm(k1, k2, 1j * s2 * k2 * c) for k1, k2, c in terms),
        )

    def fk_point(self, q1: float, q2: float) -> Point2:
        """Return the tip (x, y), m, at joint positions q1, q2, rad."""
        phasor1, phasor2 = cmath.exp(1j * self.signs[0] * q1), cmath.exp(1j * self.signs[1] * q2)
        tip: complex = self._tip_series[0](phasor1, phasor2)
        return tip.real, tip.imag

    def linearize_point(self, q1: float, q2: float) -> Linearization:
        """Return the tip and its derivatives: x, y, dx/dq1, dx/dq2, dy/dq1, dy/dq2 (m, m/rad)."""
        phasor1, phasor2 = cmath.exp(1j * self.signs[0] * q1), cmath.exp(1j * self.signs[1] * q2)
        tip, by1, by2 = (series(phasor1, phasor2) for series in self._tip_series)
        return tip.real, tip.imag, by1.real, by2.real, by1.imag, by2.imag

    def fk(self, q: ArrayLike) -> Array:
        """
        Return the tip, residual included.

        :param q: (..., 2) joint positions, rad
        :return: (..., 2) tip in the plane, m
        """
        tip = self._tip_series[0](*self._phasors(q))
        return np.stack((tip.real, tip.imag), axis=-1)

    def linearize(self, q: ArrayLike) -> LinearizationBatch:
        """
        Return the tip and its derivatives: x, y, dx/dq1, dx/dq2, dy/dq1, dy/dq2.

        :param q: (..., 2) joint positions, rad
        :return: six arrays (...), m and m/rad
        """
        phasors = self._phasors(q)
        tip, by1, by2 = (series(*phasors) for series in self._tip_series)
        return tip.real, tip.imag, by1.real, by2.real, by1.imag, by2.imag

    def _phasors(self, q: ArrayLike) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        q = np.asarray(q, dtype=float)
        s1, s2 = self.signs
        return np.exp(1j * s1 * q[..., 0]), np.exp(1j * s2 * q[..., 1])

    def elbow_sine(self, q: JointPair) -> float:
        """Return the determinant of the Jacobian, scaled to be the sine of the rigid elbow."""
        _, _, dx1, dx2, dy1, dy2 = self.linearize_point(*q)
        return self.signs[0] * (dx1 * dy2 - dx2 * dy1) / (self.lengths[0] * self.lengths[1])

    def elbow_sine_batch(self, q: Array) -> Array:
        """Return :meth:`elbow_sine` (N,) at (N, 2) joint positions, rad."""
        _, _, dx1, dx2, dy1, dy2 = self.linearize(q)
        determinant: Array = self.signs[0] * (dx1 * dy2 - dx2 * dy1)
        return determinant / (self.lengths[0] * self.lengths[1])

    def closed_form(self, x: float, y: float, branch: int, q_now: JointPair) -> JointPair:
        """
        Return the rigid arm's closed form for the target less the residual there.

        It is near enough for Newton steps to converge, also for an arm that is almost stretched.

        :param x: target in the plane, m
        :param y: target in the plane, m
        :param branch: +1 or -1
        :param q_now: (q1, q2) where the joints are now, rad
        :return: (q1, q2), rad, within the limits
        """
        rigid = self.rigid
        q = rigid.closed_form(x, y, branch, q_now)
        for _ in range(FIXED_POINT_ITERATIONS):
            tip_x, tip_y = self.fk_point(*q)
            rigid_x, rigid_y = rigid.fk_point(*q)
            q = rigid.closed_form(x - tip_x + rigid_x, y - tip_y + rigid_y, branch, q_now)
        return q

    def closed_form_batch(self, xy: Array, branch: NDArray[np.int8], q_now: Array) -> Array:
        """
        Return :meth:`closed_form` of many targets.

        :param xy: (N, 2) targets in the plane, m
        :param branch: (N,) +1 or -1
        :param q_now: (N, 2) or (2,) where the joints are now, rad
        :return: (N, 2) joint positions, rad, within the limits
        """
        q = self.rigid.closed_form_batch(xy, branch, q_now)
        for _ in range(FIXED_POINT_ITERATIONS):
            q = self.rigid.closed_form_batch(xy - self.tip_residual(q), branch, q_now)
        return q


@dataclass(frozen=True)
class Calibration:
    """
    Fitted geometry and residual of one arm, the content of a calibration file.

    :param arm: the arm it corrects, as its URDF has it; see :func:`describe_arm`
    :param lengths: (L1, L2), m
    :param offsets: link angles at q = 0, rad
    :param base: (x, y) of the first axis in the plane of the arm of the URDF, m
    :param residual: terms of the residual
    :param uncertainty: standard deviations of lengths, offsets and base, each a pair; may be empty
    :param record: recordings and samples it was fitted to, and the errors left
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
        :raises CalibrationError: the calibration belongs to another arm
        """
        for name, expected in describe_arm(arm).items():
            got = self.arm[name]
            if name in ('joints', 'base_frame'):
                same = got == expected
            else:
                same = name == 'name' or np.allclose(
                    got, expected, rtol=0.0, atol=GEOMETRY_TOLERANCE
                )
            if not same:
                raise CalibrationError(
                    f'calibration: {name} of its arm', got=got, expected=expected
                )
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
            sigma=_parse_sigma(self.uncertainty),
        )
        max_residual = MAX_RESIDUAL_RATIO * arm.reach
        if built.residual_bound > max_residual:
            raise CalibrationError(
                'calibration: residual',
                got=f'up to {1e3 * built.residual_bound:.3g} mm',
                expected=f'at most {1e3 * max_residual:.3g} mm; it is another arm',
            )
        return built

    def write(self, path: Path) -> None:
        """Write the file atomically."""
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
        Read a calibration file.

        :raises CalibrationError: the file is missing, damaged or no calibration
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
    """Return the names and the geometry by which a calibration identifies its arm."""
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
    uncertainty = dict(content['uncertainty'])
    _parse_sigma(uncertainty)
    return Calibration(
        arm=arm,
        lengths=lengths,
        offsets=_parse_pair(content['offsets'], 'offsets'),
        base=_parse_pair(content['base'], 'base'),
        residual=tuple(_parse_fourier_term(term) for term in content['residual']),
        uncertainty=uncertainty,
        record=dict(content['record']),
    )


def _parse_sigma(uncertainty: Mapping[str, Any]) -> GeometrySigma | None:
    """Return the standard deviations of a calibration; None where it has none."""
    if not uncertainty:
        return None
    lengths, offsets, base = (
        _parse_pair(uncertainty[name], f'uncertainty: {name}')
        for name in ('lengths', 'offsets', 'base')
    )
    return GeometrySigma(lengths, offsets, base)


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
