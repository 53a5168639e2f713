"""Model files for tests, valid and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.network import ModelInfo


def info(arm: ArmModel, branches: str = 'both') -> ModelInfo:
    return ModelInfo(arm.identity(), 'test', branches, {'seed': 0})


def linear_model(
    file: Path,
    metadata: dict[str, str],
    weights: np.ndarray | None = None,
    bias: tuple[float, ...] = (0.3, 0.7),
    inputs: tuple[str, int] = ('target', 4),
    outputs: str = 'q',
    rows: int | str = 'N',
    kind: int = TensorProto.FLOAT,
) -> Path:
    """A network of one linear layer; by default it proposes (0.3, 0.7) for every target."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    weights = np.zeros((inputs[1], len(bias))) if weights is None else weights
    graph = helper.make_graph(
        [helper.make_node('Gemm', [inputs[0], 'w', 'b'], [outputs])],
        'test',
        [helper.make_tensor_value_info(inputs[0], kind, [rows, inputs[1]])],
        [helper.make_tensor_value_info(outputs, kind, [rows, len(bias)])],
        [
            numpy_helper.from_array(np.asarray(weights, dtype), 'w'),
            numpy_helper.from_array(np.asarray(bias, dtype), 'b'),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, file)
    return file
