"""The comparison as a page; the text is in ``templates/comparison.html.j2``."""

from __future__ import annotations

from ik_nn_ros.studies.compare import method_grids, plots
from ik_nn_ros.studies.compare.results import Comparison
from ik_nn_ros.studies.compare.tables import comparison_tables
from ik_nn_ros.studies.page import render

METHOD_DESCRIPTIONS = {
    'closed_form': 'The angles by the law of cosines, on the required branch.',
    'pseudo_inverse': 'Steps by the pseudo-inverse of the Jacobian, from the current joints.',
    'damped_least_squares': 'The same with damping, which keeps steps short near a straight arm.',
    'gradient_descent': 'Steps of optimal length down the gradient of the squared distance.',
    'ccd': 'Turns one joint after the other towards the target.',
    'feed_forward': 'The network of the paper, 64 and 32 ReLU units, trained on joint angles.',
    'edge_smooth': 'The default of this package: inputs that are smooth up to the edge of the '
    'workspace, a loss on the tip error.',
    'variational': 'Samples several solutions and keeps the best on the required branch.',
    'graph': 'Passes messages along the chain of joints and tip.',
    'policy': 'Moves the joints in a few steps, learned from rewards alone.',
    'lstm': 'Solves a path target by target, with a memory.',
    'convolution': 'Solves each target with its neighbours on the path.',
    'transformer': 'Solves all targets of a path at once, by attention.',
}
"""Sentence on each method, by the method's name."""


def to_html(comparison: Comparison) -> str:
    """Return the comparison as a page that needs no other file."""
    labels = {row.name: row.label for row in comparison.rows}
    return render(
        'comparison.html.j2',
        title=f'Inverse kinematics compared: {comparison.arm.name}',
        comparison=comparison,
        tables=comparison_tables(comparison),
        descriptions=[(label, METHOD_DESCRIPTIONS[name]) for name, label in labels.items()],
        is_trained=any(row.weights for row in comparison.rows),
        plots={
            'error_time': plots.draw_error_time(comparison),
            'maps': method_grids.draw_maps(comparison),
            'robustness': plots.draw_robustness(comparison),
            'joints': method_grids.draw_joints(comparison),
            'smoothness': method_grids.draw_smoothness(comparison),
        },
        provenance_facts=_provenance_facts(comparison),
    )


def _provenance_facts(comparison: Comparison) -> list[tuple[str, str]]:
    training_s = sum(
        run.training.seconds
        for row in comparison.rows
        if not row.refined
        for run in row.runs
        if run.training is not None
    )
    return [
        ('command', comparison.command),
        ('created', comparison.created),
        ('seeds', ', '.join(str(seed) for seed in range(comparison.seeds))),
        ('training', f'{comparison.seconds:g} s each at most, {training_s:,.0f} s in all'),
        *((name.replace('_', ' '), str(value)) for name, value in comparison.machine.items()),
        ('numbers', 'comparison.json and comparison.csv, beside this page'),
    ]
