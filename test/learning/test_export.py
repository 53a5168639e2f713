"""Model files: parity with torch, graph, metadata, and the model that is shipped."""

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from arms import random_arm

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.arm.urdf import load_arm, read_description
from ik_nn_ros.errors import ModelError
from ik_nn_ros.files import share_directory, write_atomically
from ik_nn_ros.ik.network import ModelInfo
from ik_nn_ros.learning import export
from ik_nn_ros.learning.evaluation import measure_tip_errors, run_inference
from ik_nn_ros.learning.families import PATH_FAMILIES
from ik_nn_ros.learning.networks.feed_forward import PaperNetwork
from ik_nn_ros.learning.networks.network import ExecutionMode
from ik_nn_ros.learning.networks.root_networks import (
    CalibratedArmNetwork,
    EdgeSmoothNetwork,
    GraphNetwork,
)
from ik_nn_ros.learning.networks.variational import VariationalNetwork
from ik_nn_ros.learning.sampling import TARGETS_PER_PATH

ARM = ArmModel('arm', ('joint1', 'joint2'), (0.3, 0.2))
SHIPPED = share_directory() / 'models' / 'arm.onnx'
SEEDS = (1, 2, 3, 4)
"""Random arms with every combination of axis signs."""
REVERSED = 3
"""The arm with both axes reversed."""
OTHER_FAMILIES = (
    CalibratedArmNetwork,
    PaperNetwork,
    VariationalNetwork,
    GraphNetwork,
    *PATH_FAMILIES.values(),
)
ARMS = [(EdgeSmoothNetwork, seed) for seed in SEEDS] + [(f, REVERSED) for f in OTHER_FAMILIES]
"""A policy takes ten seconds to export, so that only the test of ik_node does."""


def make(family, arm, seed=0):
    return family(arm, torch.Generator().manual_seed(seed))


@cache
def exported(family, seed):
    """Return a network for a random arm, and its model file."""
    network = make(family, random_arm(seed).model, seed)
    return network, export.to_onnx(network).SerializeToString()


@pytest.fixture(scope='module')
def model():
    return export.to_onnx(make(EdgeSmoothNetwork, ARM))


def angle_differences(network, content, target):
    """Return absolute differences of joint angles between network and model file, modulo 2 π."""
    with torch.no_grad():
        expected = network(torch.from_numpy(target)).numpy()
    difference = run_inference(content, target) - expected
    return np.abs(np.angle(np.exp(1j * difference)))


@pytest.mark.parametrize(('family', 'seed'), ARMS, ids=lambda value: getattr(value, 'family', None))
def test_the_file_computes_the_networks_joint_angles(family, seed):
    """Catches a lost sign or offset; to_onnx itself checks the tips."""
    network, content = exported(family, seed)
    arm = network.arm
    count = (
        5000 if network.execution_mode == ExecutionMode.SINGLE_TARGET else 5000 // TARGETS_PER_PATH
    )
    target = family.sample(arm, np.random.default_rng(seed), count).target
    r = np.hypot(target[..., 0], target[..., 1])
    margin = 0.02 * (arm.reach - arm.inner_reach)
    inside = (r > arm.inner_reach + margin) & (r < arm.reach - margin)
    difference = angle_differences(network, content, target)[inside]
    # At a few targets another solution may be selected that is equally good.
    assert np.quantile(difference, 0.99 if family.rounding_sensitive else 1.0) < 2e-5


def test_an_export_that_differs_is_refused(model):
    other = make(EdgeSmoothNetwork, ARM, seed=1)
    with pytest.raises(ModelError, match=r"tips .* from the network's"):
        export.require_parity(other, model.SerializeToString())


def test_the_graph_has_the_specified_inputs_and_outputs(model):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (target,), (q,) = session.get_inputs(), session.get_outputs()
    assert (target.name, target.type, target.shape[1]) == ('target', 'tensor(float)', 4)
    assert (q.name, q.type, q.shape[1]) == ('q', 'tensor(float)', 2)
    for count in (1, 2, 1000):
        rows = np.tile(np.array([[0.2, 0.1, 1.0, 0.46]], np.float32), (count, 1))
        assert session.run(None, {'target': rows})[0].shape == (count, 2)


@pytest.mark.parametrize('family', PATH_FAMILIES.values(), ids=PATH_FAMILIES)
def test_graphs_for_paths_have_the_specified_inputs_and_outputs(family):
    """Whole paths, or single steps with the state as input and output."""
    network, content = exported(family, REVERSED)
    session = onnxruntime.InferenceSession(content)
    ports = [
        {port.name: (len(port.shape), port.shape[-1]) for port in tensors}
        for tensors in (session.get_inputs(), session.get_outputs())
    ]
    if network.execution_mode == ExecutionMode.STEPWISE:
        states = 2, network.state_size
        assert ports == [{'target': (2, 4), 'state': states}, {'q': (2, 2), 'next_state': states}]
    else:
        assert ports == [{'target': (3, 4)}, {'q': (3, 2)}]
    paths = family.sample(network.arm, np.random.default_rng(5), 20).target.reshape(-1, 4)
    for count, length in ((1, 2), (3, 7), (2, 200)):
        target = paths[: count * length].reshape(count, length, 4)
        assert np.median(angle_differences(network, content, target)) < 1e-5


def test_a_recurrent_model_is_run_with_its_state():
    """Runs the model file step by step, as on a robot."""
    network, content = exported(PATH_FAMILIES['lstm'], REVERSED)
    session = onnxruntime.InferenceSession(content)
    target = network.sample(network.arm, np.random.default_rng(0), 3).target
    with torch.no_grad():
        expected = network(torch.from_numpy(target)).numpy()
    state = np.zeros((3, network.state_size), np.float32)
    for number in range(TARGETS_PER_PATH):
        inputs = {'target': target[:, number].astype(np.float32), 'state': state}
        q, state = session.run(['q', 'next_state'], inputs)
        np.testing.assert_allclose(q, expected[:, number], atol=1e-3)


def test_the_graph_has_few_operations(model):
    """Each operation takes a third of a microsecond in every solve."""
    assert len(model.graph.node) <= 12


def test_the_file_holds_no_paths_and_no_external_data(model):
    content = model.SerializeToString()
    for word in (os.sep + 'site-packages', str(Path.home()), str(Path.cwd()), 'torch.onnx'):
        assert word.encode() not in content
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_exporting_prints_nothing(capfd, recwarn):
    export.to_onnx(make(PaperNetwork, ARM))
    assert capfd.readouterr() == ('', '')
    assert not recwarn.list


def test_metadata_survives_the_file(model, tmp_path):
    arm = random_arm(3).model
    info = ModelInfo(arm.identity(), 'edge_smooth', 'both', {'seed': 3, 'errors': {'p50': 1e-7}})
    write_atomically(tmp_path / 'a.onnx', export.add_metadata(model, info))
    loaded = onnx.load(tmp_path / 'a.onnx')
    entries = {entry.key: entry.value for entry in loaded.metadata_props}
    read = ModelInfo.from_metadata(entries, 'a.onnx')
    assert read == info
    read.require_arm(arm, 'a.onnx')
    with pytest.raises(ModelError):
        read.require_arm(ARM, 'a.onnx')


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path / 'a.onnx'
    file.write_bytes(b'old')

    def full(descriptor):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='disk full'):
        write_atomically(file, b'new')
    assert file.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [file]


class TestShippedModel:
    arm = load_arm(read_description(share_directory() / 'urdf' / 'arm.urdf.xacro'))

    def info(self):
        entries = {e.key: e.value for e in onnx.load(SHIPPED).metadata_props}
        return ModelInfo.from_metadata(entries, SHIPPED)

    def test_it_is_for_the_default_arm(self):
        info = self.info()
        info.require_arm(self.arm, SHIPPED)
        assert info.branches == 'both'
        assert info.training['command'] == 'ik_nn train --output models/arm.onnx'

    def test_it_is_as_accurate_as_recorded_on_fresh_targets(self):
        target = EdgeSmoothNetwork.sample(self.arm, np.random.default_rng(20_241), 300_000).target
        errors = measure_tip_errors(SHIPPED.read_bytes(), self.arm, target)
        assert errors.p50 <= 1e-6
        assert errors.worst <= 1e-5
        recorded = self.info().training['errors']
        assert errors.p50 == pytest.approx(recorded['p50'], rel=0.05)
        assert errors.worst <= 2.0 * recorded['worst']

    @pytest.mark.parametrize('boundary', ['reach', 'inner_reach'])
    def test_it_is_accurate_exactly_on_the_boundary(self, boundary):
        angle = np.linspace(-np.pi, np.pi, 20_001)
        xy = getattr(self.arm, boundary) * np.column_stack((np.cos(angle), np.sin(angle)))
        branch = np.where(np.arange(len(angle)) % 2, 1.0, -1.0)
        target = np.column_stack((xy, branch, np.arctan2(xy[:, 1], xy[:, 0])))
        assert measure_tip_errors(SHIPPED.read_bytes(), self.arm, target).worst <= 1e-5

    def test_it_uses_the_requested_branch(self):
        target = EdgeSmoothNetwork.sample(self.arm, np.random.default_rng(1), 50_000).target
        q = run_inference(SHIPPED.read_bytes(), target)
        assert (np.sin(q[:, 1]) * target[:, 2] > -1e-5).all()

    def test_its_training_record_names_no_machine(self):
        record = json.dumps(self.info().training)
        assert '/root' not in record
        assert '/home' not in record
