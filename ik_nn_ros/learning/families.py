"""Every family of networks by its name."""

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
"""Those that answer one target at a time, which is what ik_node runs."""
PATH_FAMILIES: dict[str, type[TrainableNetwork]] = {
    network.family: network for network in (LstmNetwork, ConvolutionNetwork, TransformerNetwork)
}


def find_family(name: str) -> type[TrainableNetwork]:
    """
    Return the network class of that name.

    :raises ConfigError: there is none that answers one target at a time
    """
    if name not in FAMILIES:
        raise ConfigError('network', got=name, expected=' or '.join(FAMILIES))
    return FAMILIES[name]
