"""Layers whose first weights come from a generator of one's own, in double precision."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn


def linear_layer(input_width: int, output_width: int, generator: torch.Generator) -> nn.Linear:
    """Return a layer with torch's usual distribution of first weights."""
    # A plain nn.Linear would draw from the global generator.
    layer: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Linear, input_width, output_width, dtype=torch.float64
    )
    for values in (layer.weight, layer.bias):
        nn.init.uniform_(values, -(input_width**-0.5), input_width**-0.5, generator=generator)
    return layer


def mlp(
    widths: tuple[int, ...],
    activation: type[nn.Module],
    generator: torch.Generator,
    gain: float = 1.0,
) -> nn.Sequential:
    """
    Return a multilayer perceptron.

    :param widths: of the input, the hidden layers and the output
    :param activation: between the layers
    :param gain: factor on the first layer's weights, for inputs of a narrow range
    """
    layers = nn.Sequential()
    for inputs, outputs in pairwise(widths):
        layers.extend((linear_layer(inputs, outputs, generator), activation()))
    del layers[-1]
    with torch.no_grad():
        for values in layers[0].parameters():
            values.mul_(gain)
    return layers
