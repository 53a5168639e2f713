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

from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.model_file import COLUMNS, INPUT, OUTPUT, ModelInfo
from ik_nn_ros.learning.evaluation import propose
from ik_nn_ros.learning.networks import Network

PARITY_TARGETS = 5000
PARITY_MEDIAN = 2e-6
"""
Bound on the median distance (fraction of reach) between the tip by the file and by the network.

Single precision rounds angles up to π by 1.2e-7 and the sums in the layers a few times that; an
export that is wrong in substance moves every answer, by 1e-2 and more.
"""
PARITY_WORST = 5e-3
"""
Bound on the largest such distance.

Where a network takes a square root, r² rounded by 1e-7 becomes 3e-4 at the edge of the workspace.
A well trained network answers that with angles whose tip does not move; a poor one does not.
"""


def to_onnx(network: Network) -> onnx.ModelProto:
    """
    Turn a network into a single-precision graph and check that it still gives the same answers.

    :param network: double precision
    :raises ModelError: the answers differ
    """
    single = copy.deepcopy(network).float().eval()
    with _quiet():
        program = torch.onnx.export(
            single,
            (torch.ones(2, COLUMNS),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim('N')},),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise ModelError('export to ONNX', got='nothing', expected='a graph')
    model = program.model_proto
    _strip(model)
    onnx.checker.check_model(model)
    require_parity(network, model.SerializeToString())
    return model


def require_parity(network: Network, model: bytes) -> None:
    """
    Check that a model gives the answers of the network it came from.

    :param network: double precision
    :param model: content of a model file
    :raises ModelError: it does not
    """
    targets = network.sample(network.arm, np.random.default_rng(0), PARITY_TARGETS)
    with torch.no_grad():
        wanted = network(torch.from_numpy(targets)).numpy()
    offset = network.arm.fk(propose(model, targets)) - network.arm.fk(wanted)
    distance = np.hypot(offset[:, 0], offset[:, 1]) / network.arm.reach
    median, worst = float(np.median(distance)), float(distance.max())
    if not (median <= PARITY_MEDIAN and worst <= PARITY_WORST):
        raise ModelError(
            'model against the network it was exported from',
            got=f'tips {median:.1e} of reach apart (median), {worst:.1e} (worst)',
            expected=f'at most {PARITY_MEDIAN:.0e}, {PARITY_WORST:.0e}',
        )


def add_metadata(model: onnx.ModelProto, info: ModelInfo) -> bytes:
    """Return the content of a model file with its metadata."""
    onnx.helper.set_model_props(model, info.to_metadata())
    content: bytes = model.SerializeToString()
    return content


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
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


def _strip(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes, which hold source lines and paths of this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField('doc_string')
    del graph.value_info[:]
