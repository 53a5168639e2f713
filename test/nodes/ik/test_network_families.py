"""ik_node with a model file of each network family, also of those for paths."""

from dataclasses import replace

import pytest
import torch
from ik_node_rig import ARM, MODEL, run_ik_node
from processes import Client
from std_srvs.srv import Trigger

from ik_nn_ros.files import write_atomically
from ik_nn_ros.ik.network import ModelInfo
from ik_nn_ros.learning.export import add_metadata, to_onnx
from ik_nn_ros.learning.families import FAMILIES, PATH_FAMILIES
from ik_nn_ros.learning.training import train

STEPS = {
    'edge_smooth': 250,
    'as_built': 250,
    'feed_forward': 600,
    'variational': 400,
    'graph': 250,
    'policy': 150,
}
"""Steps of gradient descent, until a proposal is near enough to be refined."""
TARGETS = ((0.3, 0.2), (0.1, 0.35), (0.25, -0.2))


def write_model(folder, family, steps):
    """Train a network for a moment and return its model file."""
    torch.set_num_threads(1)
    config = replace(
        family.config,
        adam_steps=steps,
        batch_size=min(family.config.batch_size, 128),
        lm_iterations=0,
        validation_samples=100,
    )
    network = train(family, ARM, config).network
    info = ModelInfo(ARM.identity(), family.family, family.branches, {})
    file = folder / f'{family.family}.onnx'
    write_atomically(file, add_metadata(to_onnx(network), info))
    return str(file)


@pytest.fixture(scope='module')
def node():
    with run_ik_node({**MODEL, 'model_file': ''}) as it:
        yield it


def load(client: Client, file: str):
    assert client.set_parameter('ik_node', 'model_file', file).successful
    return client.call(Trigger, 'ik_node/reload_model', Trigger.Request())


@pytest.mark.parametrize('family', STEPS)
def test_the_node_uses_a_model_of_the_family(node, tmp_path, family):
    file = write_model(tmp_path, FAMILIES[family], STEPS[family])
    answer = load(node.client, file)
    assert answer.success, answer.message
    assert f'{family} network {file}' in answer.message
    for target in TARGETS:
        code, values = node.ask(*target)
        assert (code, values['stage'] in ('network', 'refined')) == ('ACCEPTED', True), values
        assert float(values['position_error_m']) <= 1e-9 * ARM.reach


def test_all_families_for_both_branches_are_tested():
    assert set(STEPS) == {name for name, each in FAMILIES.items() if each.branches == 'both'}


@pytest.mark.parametrize('family', ['lstm', 'convolution'])
def test_a_model_for_paths_is_refused_and_the_one_in_use_stays(node, tmp_path, family):
    """Of either form: with a state, and for a whole path."""
    good = load(node.client, 'arm.onnx')
    assert good.success
    file = write_model(tmp_path, PATH_FAMILIES[family], 2)
    answer = load(node.client, file)
    assert not answer.success
    assert f'model {file}: got target' in answer.message
    assert 'expected target tensor(float) [N, 4]; the model in use stays' in answer.message
    code, values = node.ask(*TARGETS[0])
    assert (code, values['stage'] in ('network', 'refined')) == ('ACCEPTED', True), values
