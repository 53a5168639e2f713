"""A model file is used only if it is complete, has the right form and is for this arm."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.errors import ModelError
from ik_nn_ros.ik.network import Network
from models import info, linear_model

ARM = ArmModel('arm', ('joint1', 'joint2'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))


def test_one_target_and_many_get_the_same_proposals(tmp_path):
    weights = np.arange(8).reshape(4, 2) / 10.0
    network = Network(linear_model(tmp_path / 'm.onnx', info(ARM).to_metadata(), weights), ARM)
    xy, branch = np.array([[0.25, 0.125], [-0.5, 0.75]]), np.array([1, -1])
    bearing = np.arctan2(xy[:, 1], xy[:, 0])
    expected = np.column_stack((xy, branch, bearing)) @ weights + (0.3, 0.7)
    np.testing.assert_allclose(network.propose_batch(xy, branch), expected, atol=1e-6)
    for row in range(2):
        proposed = network.propose(*xy[row], branch[row])
        np.testing.assert_allclose(proposed, expected[row], atol=1e-6)


@pytest.mark.parametrize(
    ('kwargs', 'words'),
    [
        ({'inputs': ('xy', 4)}, r'input of model .*: got xy .*expected target'),
        ({'inputs': ('target', 3)}, r'input of model .*expected target tensor\(float\) \[N, 4\]'),
        ({'outputs': 'angles'}, 'output of model .*: got angles .*expected q'),
        ({'bias': (1.0, 2.0, 3.0)}, r'output of model .*expected q tensor\(float\) \[N, 2\]'),
        ({'rows': 1}, r'input of model .*: got target tensor\(float\) \[1, 4\]'),
        ({'kind': TensorProto.DOUBLE}, r'got target tensor\(double\)'),
        ({'bias': (float('nan'), 0.0)}, '50% finite, expected finite joint angles'),
        ({'bias': (float('inf'), float('nan'))}, '0% finite, expected finite joint angles'),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, kwargs, words):
    file = linear_model(tmp_path / 'm.onnx', info(ARM).to_metadata(), **kwargs)
    with pytest.raises(ModelError, match=words):
        Network(file, ARM)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(ModelError, match=r'none\.onnx: got no such file, expected an ONNX file'):
        Network(tmp_path / 'none.onnx', ARM)
    with pytest.raises(ModelError, match='got no such file'):
        Network(tmp_path, ARM)


@pytest.mark.parametrize('share', [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    file = linear_model(tmp_path / 'm.onnx', info(ARM).to_metadata())
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelError, match=r'm\.onnx.*got .*expected'):
        Network(file, ARM)


@pytest.mark.parametrize('content', [b'not a model', b'\x80\x04pickle', bytes(1000)])
def test_a_file_that_is_not_onnx_is_refused(tmp_path, content):
    file = tmp_path / 'm.onnx'
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r'bytes that do not load .*expected an ONNX file'):
        Network(file, ARM)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (
            {'lengths': (0.3, 0.21)},
            r'arm of model .*: got lengths \[0.3, 0.21\], expected \[0.3, 0.2\]',
        ),
        ({'signs': (1.0, -1.0)}, 'got signs'),
        ({'offsets': (0.0, 1e-3)}, 'got offsets'),
    ],
)
def test_a_model_of_another_arm_is_refused(tmp_path, change, words):
    file = linear_model(tmp_path / 'm.onnx', info(replace(ARM, **change)).to_metadata())
    with pytest.raises(ModelError, match=words):
        Network(file, ARM)


def test_limits_may_differ_from_those_in_training(tmp_path):
    """A network depends on the geometry; the solver applies the limits."""
    file = linear_model(tmp_path / 'm.onnx', info(ARM).to_metadata())
    for change in ({'upper': (2.0, 1.0)}, {'lower': (-np.inf, -7.0)}):
        Network(file, replace(ARM, **change))


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'ik_nn_ros.format': '2'}, 'format of model .*: got 2, expected 1'),
        ({'ik_nn_ros.format': None}, 'format of model .*: got None, expected 1'),
        ({'ik_nn_ros.arm': '{'}, 'metadata of model .*JSONDecodeError'),
        ({'ik_nn_ros.arm': '[]'}, 'metadata of model'),
        ({'ik_nn_ros.arm': '{}'}, 'got lengths None of the arm, expected two numbers'),
        ({'ik_nn_ros.arm': '{"lengths": ["a", "b"]}'}, 'expected two numbers'),
        ({'ik_nn_ros.arm': '{"lengths": 5}'}, 'got lengths 5 of the arm'),
        ({'ik_nn_ros.arm': '{"lengths": [0.3]}'}, 'expected two numbers'),
        ({'ik_nn_ros.family': None}, 'metadata of model .*KeyError'),
        ({'ik_nn_ros.branches': 'left'}, "got branches 'left', expected both or positive"),
    ],
)
def test_damaged_metadata_is_refused(tmp_path, change, words):
    entries = {**info(ARM).to_metadata(), **change}
    entries = {key: value for key, value in entries.items() if value is not None}
    with pytest.raises(ModelError, match=words):
        Network(linear_model(tmp_path / 'm.onnx', entries), ARM)


def test_a_file_with_external_weights_is_refused(tmp_path):
    file = linear_model(tmp_path / 'm.onnx', info(ARM).to_metadata())
    onnx.save(
        onnx.load(file),
        file,
        save_as_external_data=True,
        location='weights',
        size_threshold=0,
    )
    (tmp_path / 'weights').unlink()
    with pytest.raises(ModelError, match='do not load'):
        Network(file, ARM)
