"""
Networks as methods: model files of single targets and of paths.

A file of a path network has one of two forms, with the columns and metadata of a model file, see
:mod:`ik_nn_ros.ik.network`; all values are float32:

- for a whole path at once: input ``target`` (N, T, 4), output ``q`` (N, T, 2);
- step by step: inputs ``target`` (N, 4) and ``state`` (N, S), outputs ``q`` (N, 2) and
  ``next_state`` (N, S); the state starts as zeros.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import partial
from math import atan2, isfinite
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ik_nn_ros.arm.geometry import Array, JointPair
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.acceptance import PROPOSAL_LIMIT_TOLERANCE_RAD
from ik_nn_ros.ik.network import (
    INPUT_COLUMN_COUNT,
    INPUT_NAME,
    OUTPUT_NAME,
    ModelInfo,
    Network,
    open_session,
)
from ik_nn_ros.learning.evaluation import NEXT_STATE_OUTPUT, STATE_INPUT
from ik_nn_ros.studies.accuracy import propose_joints
from ik_nn_ros.studies.compare.evaluation_set import PathBatch, TargetBatch
from ik_nn_ros.studies.compare.methods import MethodSolutions, SingleTargetSolver
from ik_nn_ros.studies.compare.results import MethodKind

OFFLINE_PORTS = ([(INPUT_NAME, 3)], [(OUTPUT_NAME, 3)])
STEPWISE_PORTS = ([(INPUT_NAME, 2), (STATE_INPUT, 2)], [(OUTPUT_NAME, 2), (NEXT_STATE_OUTPUT, 2)])
"""Names and numbers of dimensions of the inputs and of the outputs."""


class PathNetwork:
    """
    A path network loaded from its model file.

    :param file: ONNX file
    :param arm: arm that the network must have been trained for
    :raises ModelError: the file is missing, damaged, of another form or for another arm
    """

    def __init__(self, file: str | Path, arm: ArmModel) -> None:
        self.file = Path(file)
        self._session = open_session(self.file)
        ports = self._session.get_inputs(), self._session.get_outputs()
        form = tuple([(port.name, len(port.shape)) for port in side] for side in ports)
        self._state_size = ports[0][1].shape[1] if form == STEPWISE_PORTS else 0
        if form not in (OFFLINE_PORTS, STEPWISE_PORTS) or not isinstance(self._state_size, int):
            raise ModelError(
                f'model {file}',
                got=f'inputs and outputs {form}',
                expected=f'names and dimensions {OFFLINE_PORTS} or {STEPWISE_PORTS}',
            )
        self.info = ModelInfo.from_metadata(
            self._session.get_modelmeta().custom_metadata_map, self.file
        )
        self.info.require_arm(arm, self.file)

    @property
    def execution_mode(self) -> str:
        """'step by step' or 'offline', see :class:`.results.CompareRow`."""
        return 'step by step' if self._state_size else 'offline'

    def propose(self, xy: Array, branch: NDArray[np.int8]) -> Array:
        """
        Return joint positions along paths.

        :param xy: (P, T, 2) targets, m
        :param branch: (P, T) +1 or -1
        :return: (P, T, 2) rad, on any turn; NaN where the network returns no number
        """
        bearing = np.arctan2(xy[..., 1], xy[..., 0])
        target = np.concatenate((xy, np.stack((branch, bearing), axis=-1)), axis=-1)
        target = target.astype(np.float32)
        if self._state_size:
            q = self._run_recurrent(target)
        else:
            q = self._session.run([OUTPUT_NAME], {INPUT_NAME: target})[0]
        return np.where(np.isfinite(q), q, np.nan).astype(np.float64)

    def single_target_solver(self) -> Callable[[float, float, int], JointPair] | None:
        """
        Return a function that solves a path target by target (x and y in m, branch).

        :return: None: the network needs whole paths
        """
        if not self._state_size:
            return None
        return _RecurrentSession(self._session, self._state_size).propose

    def _run_recurrent(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        state = np.zeros((len(target), self._state_size), dtype=np.float32)
        q = []
        for column in np.ascontiguousarray(target.swapaxes(0, 1)):
            answer, state = self._session.run(
                [OUTPUT_NAME, NEXT_STATE_OUTPUT], {INPUT_NAME: column, STATE_INPUT: state}
            )
            q.append(answer)
        return np.stack(q, axis=1)


class _RecurrentSession:
    """A step by step network on one path; bound memory halves the time of a call."""

    def __init__(self, session: onnxruntime.InferenceSession, state_size: int) -> None:
        self._target, self._q = array('f', [0.0] * INPUT_COLUMN_COUNT), array('f', [0.0] * 2)
        self._state, self._next_state = (
            array('f', [0.0] * state_size),
            array('f', [0.0] * state_size),
        )
        self._binding = binding = session.io_binding()
        for bind, name, memory in (
            (binding.bind_input, INPUT_NAME, self._target),
            (binding.bind_input, STATE_INPUT, self._state),
            (binding.bind_output, OUTPUT_NAME, self._q),
            (binding.bind_output, NEXT_STATE_OUTPUT, self._next_state),
        ):
            bind(name, 'cpu', 0, np.float32, (1, len(memory)), memory.buffer_info()[0])
        self._run_bound = partial(session._sess.run_with_iobinding, binding._iobinding, None)

    def propose(self, x: float, y: float, branch: int) -> JointPair:
        target = self._target
        target[0], target[1], target[2], target[3] = x, y, branch, atan2(y, x)
        self._run_bound()
        self._state[:] = self._next_state
        q1, q2 = self._q
        return q1, q2


class TargetNetworkMethod:
    """
    A network for single targets, as ``ik_node`` runs it.

    :param arm: the arm
    :param network: model file
    """

    kind = MethodKind.NETWORK

    def __init__(self, arm: ArmModel, network: Network) -> None:
        self._arm = arm
        self._network = network

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """See :class:`.methods.IkMethod`."""
        q = propose_joints(self._network, targets.xy, targets.branch)
        return MethodSolutions(
            self._arm.wrap_into_limits_batch(q, targets.start, PROPOSAL_LIMIT_TOLERANCE_RAD)
        )

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """See :class:`.methods.IkMethod`."""
        q = propose_joints(self._network, paths.xy.reshape(-1, 2), paths.branch_by_target.ravel())
        return MethodSolutions(_to_nearest_turns(self._arm, q.reshape(paths.xy.shape), paths.start))

    def single_target_solver(self) -> SingleTargetSolver:
        """See :class:`.methods.IkMethod`."""
        return _network_solver(self._arm, self._network.propose)


class PathNetworkMethod:
    """
    A network for paths of targets.

    :param arm: the arm
    :param network: model file
    """

    kind = MethodKind.PATH_NETWORK

    def __init__(self, arm: ArmModel, network: PathNetwork) -> None:
        self._arm = arm
        self._network = network

    def solve(self, targets: TargetBatch) -> MethodSolutions:
        """Return NaN: a path network has no answer to a single target."""
        return MethodSolutions(np.full_like(targets.xy, np.nan))

    def solve_paths(self, paths: PathBatch) -> MethodSolutions:
        """See :class:`.methods.IkMethod`."""
        q = self._network.propose(paths.xy, paths.branch_by_target)
        return MethodSolutions(_to_nearest_turns(self._arm, q, paths.start))

    def single_target_solver(self) -> SingleTargetSolver | None:
        """See :class:`.methods.IkMethod`."""
        propose = self._network.single_target_solver()
        return None if propose is None else _network_solver(self._arm, propose)


def _network_solver(
    arm: ArmModel, propose: Callable[[float, float, int], JointPair]
) -> SingleTargetSolver:
    def solve(x: float, y: float, branch: int, q_now: JointPair) -> JointPair:
        q1, q2 = propose(x, y, branch)
        if not isfinite(q1 + q2):
            return q_now
        return arm.wrap_into_limits((q1, q2), q_now, PROPOSAL_LIMIT_TOLERANCE_RAD)

    return solve


def _to_nearest_turns(arm: ArmModel, q: Array, start: Array) -> Array:
    """Bring (P, T, 2) angles inside the limits, each on the turn nearest to the one before."""
    reference, turned = start, np.empty_like(q)
    for number, proposed in enumerate(q.swapaxes(0, 1)):
        turned[:, number] = arm.wrap_into_limits_batch(
            proposed, reference, PROPOSAL_LIMIT_TOLERANCE_RAD
        )
        reference = np.where(np.isfinite(turned[:, number]), turned[:, number], reference)
    return turned
