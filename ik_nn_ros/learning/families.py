"""The network families by their names on the command line and in model files."""

from __future__ import annotations

from ik_nn_ros.errors import ConfigError
from ik_nn_ros.learning.networks.feed_forward import FeedForwardNetwork, PaperNetwork
from ik_nn_ros.learning.networks.network import TrainableNetwork
from ik_nn_ros.learning.networks.path_networks import (
    ConvolutionNetwork,
    LstmNetwork,
    TransformerNetwork,
)
from ik_nn_ros.learning.networks.policy import PolicyNetwork
from ik_nn_ros.learning.networks.root_networks import (
    CalibratedArmNetwork,
    EdgeSmoothNetwork,
    GraphNetwork,
)
from ik_nn_ros.learning.networks.variational import VariationalNetwork

FAMILIES: dict[str, type[TrainableNetwork]] = {
    network.family: network
    for network in (
        EdgeSmoothNetwork,
        CalibratedArmNetwork,
        PaperNetwork,
        FeedForwardNetwork,
        VariationalNetwork,
        GraphNetwork,
        PolicyNetwork,
    )
}
"""Families for single targets, which ik_node runs."""
PATH_FAMILIES: dict[str, type[TrainableNetwork]] = {
    network.family: network for network in (LstmNetwork, ConvolutionNetwork, TransformerNetwork)
}
"""Families for paths of targets, which the studies compare."""


def find_family(name: str) -> type[TrainableNetwork]:
    """
    Return the network class of a family for single targets.

    :raises ConfigError: no such family exists
    """
    if name not in FAMILIES:
        raise ConfigError('network', got=name, expected=' or '.join(FAMILIES))
    return FAMILIES[name]
