"""Export of a trained network to an ONNX model file."""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterator

import numpy as np
import onnx
import onnxscript  # noqa: F401, required by torch.onnx
import torch
from torch import Tensor, nn

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.network import INPUT_COLUMN_COUNT, INPUT_NAME, OUTPUT_NAME, ModelInfo
from ik_nn_ros.learning.evaluation import NEXT_STATE_OUTPUT, STATE_INPUT, run_inference
from ik_nn_ros.learning.networks.network import ExecutionMode, RecurrentNetwork, TrainableNetwork
from ik_nn_ros.learning.sampling import TARGETS_PER_PATH

PARITY_TARGET_COUNT = 5000
"""Targets at which an export is compared with its network."""
MAX_PARITY_MEDIAN_RATIO = 2e-6
"""
Largest median distance between the tips of model file and network, as a fraction of reach.

Single precision rounds angles up to π by 1.2e-7 and the sums in the layers by a few times that. A
wrong export changes all joint angles, by 1e-2 and more.
"""
MAX_PARITY_ERROR_RATIO = 5e-3
"""
Largest distance between the tips of model file and network, as a fraction of reach.

Where a network takes a square root, rounding r² by 1e-7 changes the root by 3e-4 at the boundary of
the workspace. In a well trained network this does not move the tip, in a poor one it does. For a
rounding-sensitive network, which may select another solution, the bound applies to the increase of
the tip error, at all but one in a thousand targets.
"""


def to_onnx(network: TrainableNetwork) -> onnx.ModelProto:
    """
    Export a network as a single-precision graph, and check the graph against the network.

    :param network: the network, in double precision
    :raises ModelError: the export fails, or its joint angles differ
    """
    single = copy.deepcopy(network).float().eval()
    module, inputs, outputs, dynamic_sizes = _export_signature(single)
    with _exporter_silenced():
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=tuple(dynamic_sizes for _ in inputs),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise ModelError('export to ONNX', got='nothing', expected='a graph')
    model = program.model_proto
    _strip_exporter_notes(model)
    onnx.checker.check_model(model)
    require_parity(network, model.SerializeToString())
    return model


class _RecurrentStep(nn.Module):
    """A recurrent network's step as a module."""

    def __init__(self, network: RecurrentNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, target: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.step(target, state)


def _export_signature(
    network: TrainableNetwork,
) -> tuple[nn.Module, dict[str, Tensor], list[str], dict[int, torch.export.Dim]]:
    """
    Return how to export a network.

    :return: module to export, example inputs by name, names of the outputs, and dynamic dimensions
    """
    count = torch.export.Dim('N')
    if isinstance(network, RecurrentNetwork):
        inputs = {
            INPUT_NAME: torch.ones(2, INPUT_COLUMN_COUNT),
            STATE_INPUT: torch.zeros(2, network.state_size),
        }
        return _RecurrentStep(network), inputs, [OUTPUT_NAME, NEXT_STATE_OUTPUT], {0: count}
    if network.execution_mode == ExecutionMode.OFFLINE:
        length = torch.export.Dim('T', min=2)
        return (
            network,
            {INPUT_NAME: torch.ones(2, 5, INPUT_COLUMN_COUNT)},
            [OUTPUT_NAME],
            {0: count, 1: length},
        )
    return network, {INPUT_NAME: torch.ones(2, INPUT_COLUMN_COUNT)}, [OUTPUT_NAME], {0: count}


def require_parity(network: TrainableNetwork, model: bytes) -> None:
    """
    Check that a model computes the joint angles of its network.

    :param network: the network, in double precision
    :param model: content of the model file
    :raises ModelError: the joint angles differ
    """
    is_path_network = network.execution_mode != ExecutionMode.SINGLE_TARGET
    count = PARITY_TARGET_COUNT // TARGETS_PER_PATH if is_path_network else PARITY_TARGET_COUNT
    targets = network.sample(network.arm, np.random.default_rng(0), count).target
    with torch.no_grad():
        network_q = network(torch.from_numpy(targets)).numpy()
    model_q = run_inference(model, targets)
    distance = _tip_distance_ratio(network, model_q, network.arm.fk(network_q))
    median, worst = float(np.median(distance)), float(distance.max())
    if network.rounding_sensitive:
        model_error, network_error = (
            _tip_distance_ratio(network, q, targets[..., :2]) for q in (model_q, network_q)
        )
        worst = float(np.quantile(model_error - network_error, 0.999))
    if not (median <= MAX_PARITY_MEDIAN_RATIO and worst <= MAX_PARITY_ERROR_RATIO):
        raise ModelError(
            'exported model',
            got=f"tips {median:.1e} of reach (median), {worst:.1e} (worst) from the network's",
            expected=f'at most {MAX_PARITY_MEDIAN_RATIO:.0e}, {MAX_PARITY_ERROR_RATIO:.0e}',
        )


def _tip_distance_ratio(network: TrainableNetwork, q: Array, xy: Array) -> Array:
    """Return the distance (...) of the tip at q (..., 2) from xy (..., 2), over reach."""
    offset = network.arm.fk(q) - xy
    distance: Array = np.hypot(offset[..., 0], offset[..., 1]) / network.arm.reach
    return distance


def add_metadata(model: onnx.ModelProto, info: ModelInfo) -> bytes:
    """Return the content of a model file with its metadata."""
    onnx.helper.set_model_props(model, info.to_metadata())
    content: bytes = model.SerializeToString()
    return content


@contextlib.contextmanager
def _exporter_silenced() -> Iterator[None]:
    """Suppress the exporter's messages about optional libraries."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)


def _strip_exporter_notes(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes, which contain source lines and paths of this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField('doc_string')
    del graph.value_info[:]
