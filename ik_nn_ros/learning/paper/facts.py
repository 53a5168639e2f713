"""What the paper states and what it leaves open, in words."""

from __future__ import annotations

from dataclasses import dataclass

from ik_nn_ros.learning.paper.recipe import Recipe
from ik_nn_ros.learning.paper.study import ARM

STATED, CHOSEN = True, False


@dataclass(frozen=True)
class RecipeFact:
    """
    One thing about the experiment.

    :param what: it is about
    :param value: in words
    :param stated: in the paper; otherwise chosen here
    """

    what: str
    value: str
    stated: bool


def recipe_facts(recipe: Recipe, target_count: int) -> list[RecipeFact]:
    """
    Return what makes up the recipe.

    :param recipe: as trained
    :param target_count: that errors are measured on
    """
    l1, l2 = ARM.lengths
    scaled = 'inputs to mean 0 and deviation 1; outputs as they are'
    return [
        RecipeFact('angles', 'q1 uniform in [0, π/2], q2 uniform in [0, π]', STATED),
        RecipeFact('network', '2-64-32-2, ReLU; x, y in, q1, q2 out', STATED),
        RecipeFact('loss', 'mean squared error on the angles', STATED),
        RecipeFact('optimiser', f'Adam, learning rate {recipe.learning_rate:g}', STATED),
        RecipeFact('epochs', f'{recipe.epochs}', STATED),
        RecipeFact('link lengths', f'L1 = {l1:g}, L2 = {l2:g}: all of Table 1 fits them', CHOSEN),
        RecipeFact('samples', f'{recipe.samples}, drawn once a seed; all of them train', CHOSEN),
        RecipeFact(
            'batch', f'{recipe.batch_size} samples a step, in a new order each epoch', CHOSEN
        ),
        RecipeFact('normalisation', scaled if recipe.normalise else 'none', CHOSEN),
        RecipeFact('first weights', 'uniform, ±1/√inputs (torch’s default)', CHOSEN),
        RecipeFact('else of Adam', 'β 0.9 and 0.999, ε 1e-8, constant rate, no decay', CHOSEN),
        RecipeFact('precision', 'double', CHOSEN),
        RecipeFact('test', f'{target_count:,} fresh targets, ranges as above; and Table 1', CHOSEN),
    ]
