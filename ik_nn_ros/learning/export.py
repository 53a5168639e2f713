"""From a trained network to a model file."""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterator

import numpy as np
import onnx
import onnxscript  # noqa: F401, torch exports with it
import torch
from torch import Tensor, nn

from ik_nn_ros.arm.geometry import Array
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.network import INPUT_COLUMN_COUNT, INPUT_NAME, OUTPUT_NAME, ModelInfo
from ik_nn_ros.learning.evaluation import NEXT_STATE_OUTPUT, STATE_INPUT, run_inference
from ik_nn_ros.learning.networks.network import ExecutionMode, RecurrentNetwork, TrainableNetwork
from ik_nn_ros.learning.sampling import TARGETS_PER_PATH

PARITY_TARGET_COUNT = 5000
MAX_PARITY_MEDIAN_RATIO = 2e-6
"""
Bound on the median distance (fraction of reach) between the tip by the file and by the network.

Single precision rounds angles up to π by 1.2e-7 and the sums in the layers a few times that; an
export that is wrong in substance moves every answer, by 1e-2 and more.
"""
MAX_PARITY_ERROR_RATIO = 5e-3
"""
Bound on the largest such distance.

Where a network takes a square root, r² rounded by 1e-7 becomes 3e-4 at the edge of the workspace.
A well trained network answers that with angles whose tip does not move; a poor one does not. Of a
network that chooses it is the bound on how much further off its target the file puts a tip, all but
one in a thousand.
"""


def to_onnx(network: TrainableNetwork) -> onnx.ModelProto:
    """
    Turn a network into a single-precision graph and check that it still gives the same answers.

    :param network: double precision
    :raises ModelError: the answers differ
    """
    single = copy.deepcopy(network).float().eval()
    module, given, answers, sizes = _export_signature(single)
    with _exporter_silenced():
        program = torch.onnx.export(
            module,
            tuple(given.values()),
            input_names=list(given),
            output_names=answers,
            dynamic_shapes=tuple(sizes for _ in given),
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
    """One step of a network that goes along a path step by step."""

    def __init__(self, network: RecurrentNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, target: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.step(target, state)


def _export_signature(
    network: TrainableNetwork,
) -> tuple[nn.Module, dict[str, Tensor], list[str], dict[int, torch.export.Dim]]:
    """Return what to export, its inputs by name, its outputs, and which dimensions vary."""
    count = torch.export.Dim('N')
    if isinstance(network, RecurrentNetwork):
        given = {
            INPUT_NAME: torch.ones(2, INPUT_COLUMN_COUNT),
            STATE_INPUT: torch.zeros(2, network.state_size),
        }
        return _RecurrentStep(network), given, [OUTPUT_NAME, NEXT_STATE_OUTPUT], {0: count}
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
    Check that a model gives the answers of the network it came from.

    :param network: double precision
    :param model: content of a model file
    :raises ModelError: it does not
    """
    paths = network.execution_mode != ExecutionMode.SINGLE_TARGET
    count = PARITY_TARGET_COUNT // TARGETS_PER_PATH if paths else PARITY_TARGET_COUNT
    targets = network.sample(network.arm, np.random.default_rng(0), count).target
    with torch.no_grad():
        wanted = network(torch.from_numpy(targets)).numpy()
    answered = run_inference(model, targets)
    apart = _tip_distance_ratio(network, answered, network.arm.fk(wanted))
    median, worst = float(np.median(apart)), float(apart.max())
    if network.rounding_sensitive:
        off, was_off = (
            _tip_distance_ratio(network, q, targets[..., :2]) for q in (answered, wanted)
        )
        worst = float(np.quantile(off - was_off, 0.999))
    if not (median <= MAX_PARITY_MEDIAN_RATIO and worst <= MAX_PARITY_ERROR_RATIO):
        raise ModelError(
            'model against the network it was exported from',
            got=f'tips {median:.1e} of reach apart (median), {worst:.1e} (worst)',
            expected=f'at most {MAX_PARITY_MEDIAN_RATIO:.0e}, {MAX_PARITY_ERROR_RATIO:.0e}',
        )


def _tip_distance_ratio(network: TrainableNetwork, q: Array, xy: Array) -> Array:
    """Return how far (fraction of reach) the tip at (..., 2) angles is from (..., 2) points."""
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
    """Keep the exporter's talk about libraries that are not needed from the user."""
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
    """Remove the exporter's notes, which hold source lines and paths of this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField('doc_string')
    del graph.value_info[:]
