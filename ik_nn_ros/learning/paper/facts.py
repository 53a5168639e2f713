"""What the paper states and what it leaves open, in words."""

from __future__ import annotations

from dataclasses import dataclass

from ik_nn_ros.learning.paper.recipe import Recipe
from ik_nn_ros.learning.paper.study import ARM

STATED, CHOSEN = True, False


@dataclass(frozen=True)
class Fact:
    """
    One thing about the experiment.

    :param what: it is about
    :param value: in words
    :param stated: in the paper; otherwise chosen here
    """

    what: str
    value: str
    stated: bool


def facts(recipe: Recipe, targets: int) -> list[Fact]:
    """
    Return what makes up the recipe.

    :param recipe: as trained
    :param targets: that errors are measured on
    """
    l1, l2 = ARM.lengths
    scaled = 'inputs to mean 0 and deviation 1; outputs as they are'
    return [
        Fact('angles', 'q1 uniform in [0, π/2], q2 uniform in [0, π]', STATED),
        Fact('network', '2-64-32-2, ReLU; x, y in, q1, q2 out', STATED),
        Fact('loss', 'mean squared error on the angles', STATED),
        Fact('optimiser', f'Adam, learning rate {recipe.learning_rate:g}', STATED),
        Fact('epochs', f'{recipe.epochs}', STATED),
        Fact('link lengths', f'L1 = {l1:g}, L2 = {l2:g}: all of Table 1 fits them', CHOSEN),
        Fact('samples', f'{recipe.samples}, drawn once a seed; all of them train', CHOSEN),
        Fact('batch', f'{recipe.batch_size} samples a step, in a new order each epoch', CHOSEN),
        Fact('normalisation', scaled if recipe.normalise else 'none', CHOSEN),
        Fact('first weights', 'uniform, ±1/√inputs (torch’s default)', CHOSEN),
        Fact('else of Adam', 'β 0.9 and 0.999, ε 1e-8, constant rate, no decay', CHOSEN),
        Fact('precision', 'double', CHOSEN),
        Fact('test', f'{targets:,} fresh targets, ranges as above; and Table 1', CHOSEN),
    ]
