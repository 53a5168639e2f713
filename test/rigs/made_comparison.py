"""Invented results of a comparison."""

from dataclasses import replace
from math import inf, pi

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.studies.compare.evaluation_set import EvaluationSizes
from ik_nn_ros.studies.compare.results import (
    CompareRow,
    Comparison,
    IterationCounts,
    MethodErrors,
    MethodKind,
    MethodRun,
    TrainingRecord,
)

ARM = ArmModel('<left> & "right"', ('a$1$', 'b$'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))
MACHINE = {'processor': 'A<b> 3000', 'cores': 2, 'python': '3.11.2', 'numpy': '9.9', 'torch': '9.8'}
CF = MethodKind.CLOSED_FORM
NUM = MethodKind.NUMERICAL
NET = MethodKind.NETWORK
PATH = MethodKind.PATH_NETWORK

# Name, label, kind, weights, execution mode, median error, µs for one target, roughness.
METHODS = (
    ('closed_form', 'closed form', CF, 0, 'ik_node', 1e-16, 3.1, 1.0),
    ('pseudo_inverse', 'Jacobian pseudo-inverse', NUM, 0, '', 3e-12, 61.0, 1.02),
    ('damped_least_squares', 'damped least squares', NUM, 0, '', 2e-11, 74.0, 1.01),
    ('gradient_descent', 'gradient descent', NUM, 0, '', 7e-10, 820.0, 1.4),
    ('ccd', 'cyclic coordinate descent', NUM, 0, '', 9e-10, 390.0, 1.9),
    ('feed_forward', 'feed-forward, as in the paper', NET, 2402, 'ik_node', 6e-3, 14.0, 7.3),
    ('edge_smooth', 'feed-forward, ours', NET, 3098, 'ik_node', 4e-5, 15.5, 1.03),
    (
        'variational',
        'conditional variational autoencoder',
        NET,
        9130,
        'ik_node',
        1.1e-2,
        17.0,
        11.0,
    ),
    ('graph', 'graph network', NET, 5412, 'ik_node', 3e-3, 34.0, 4.1),
    ('policy', 'policy, reinforcement', NET, 4610, 'ik_node', 2.4e-2, 15.0, 22.0),
    ('lstm', 'recurrent (LSTM)', PATH, 6530, 'step by step', 5e-3, 19.0, 2.2),
    ('convolution', 'convolutional (1-D)', PATH, 7714, 'offline', 4e-3, None, 3.0),
    ('transformer', 'transformer', PATH, 25794, 'offline', 2e-3, None, 2.4),
)
NAMES = tuple(name for name, *_ in METHODS)


def comparison(names=NAMES, seeds=3, size=21, points=61) -> Comparison:
    """
    Return a comparison in which every kind of value is missing somewhere.

    :param size: number of points along a side of the error maps
    :param points: number of points of the figure eight
    """
    rng = np.random.default_rng(0)
    angle = np.linspace(0.0, 2.0 * pi, points)
    xy = np.array([0.32, 0.05]) + 0.12 * np.stack(
        (np.sin(angle), 0.5 * np.sin(2.0 * angle)), axis=-1
    )
    rows = []
    for method in METHODS:
        if method[0] in names:
            rows += _rows(method, rng, seeds, size, xy)
    return Comparison(ARM, 'ik_nn compare --output <d>', '2030-01-02', MACHINE, 60.0, seeds,
                      tuple(rows), xy, EvaluationSizes(100, 7, 9, size))  # fmt: skip


def _rows(method, rng, seeds, size, xy):
    name, label, kind, weights, use, p50, single, roughness = method
    trained = kind in (NET, PATH)
    numbers = range(seeds) if trained else [None]
    alone = CompareRow(
        name, label, kind, False, weights, use,
        tuple(_run(seed, kind, p50, roughness, rng) for seed in numbers),
        single, 4e6 if kind is CF else 7e4 if kind is NUM else 1.3e6 / (1 + weights / 9e3),
        _map(rng, size, p50, name), _joints(xy, rng, p50),
    )  # fmt: skip
    if not trained:
        return [alone]
    runs = tuple(_refined(run, rng) for run in alone.runs)
    time = None if single is None else single + 9.0 + 40.0 * p50**0.3
    refined = replace(
        alone, refined=True, runs=runs, single_us=time, batch_per_s=alone.batch_per_s / 2.1
    )
    error_map, figure = _map(rng, size, 1e-13, ''), _joints(xy, rng, 0.0)
    return [alone, replace(refined, error_map=error_map, figure_eight_joints=figure)]


def _errors(p50, rng, failed=0.0):
    p50 *= rng.uniform(0.8, 1.3)
    p99, worst = p50 * rng.uniform(4, 9), p50 * rng.uniform(20, 60)
    return MethodErrors(p50, p99, inf if failed else worst, failed)


def _run(seed, kind, p50, roughness, rng):
    trained = kind in (NET, PATH)
    exact = kind is CF or (kind is NUM and p50 < 1e-10)
    scattered = _errors(2 * p50, rng, 0.031 if p50 == 2e-11 else 0.4 if p50 > 1e-2 else 0.0)
    if p50 == 7e-10:
        scattered = MethodErrors(inf, inf, inf, 1.0)
    noise = (p50**2 + 0.0118**2) ** 0.5
    outside = MethodErrors(inf, inf, inf, 1.0) if kind is CF else _errors(max(p50, 2e-4) * 5, rng)
    steps = IterationCounts(6.0, 31.0) if kind is NUM else None
    return MethodRun(
        seed=seed,
        training=TrainingRecord(58.0 + 3 * rng.random(), 4_000_000, 'time') if trained else None,
        scattered=None if kind is PATH else scattered,
        along_path=_errors(p50, rng),
        exact=1.0 if exact else 0.99997 if kind is NUM else 0.0,
        noisy=MethodErrors(noise, 2.6 * noise, 4 * noise, 0.55),
        outside=outside,
        both_branches=1.0 if kind is CF else 0.13 if kind is NUM else 0.92,
        roughness=roughness * rng.uniform(0.9, 1.2),
        steps=steps,
        path_steps=steps,
    )


def _refined(run, rng):
    path = run.scattered is None
    return replace(
        run,
        scattered=None if path else _errors(2e-13, rng),
        along_path=_errors(1e-13, rng),
        exact=0.9993,
        roughness=1.0,
        both_branches=0.98,
        steps=None if path else IterationCounts(2.0, 6.0),
        path_steps=IterationCounts(2.0, 4.0),
    )


def _map(rng, size, p50, name):
    side = np.linspace(-1.02, 1.02, size)
    x, y = np.meshgrid(side, side)
    radius = np.hypot(x, y)
    wave = np.sin(7 * x + 9 * rng.random()) * np.sin(6 * y + 9 * rng.random())
    errors = p50 * np.exp(1.5 * wave + 2.0 * radius**6)
    if name in ('gradient_descent', 'ccd'):
        errors[np.abs(y - 0.3 * x) < 0.05] = inf
    errors[(radius > 1.0) | (radius < 0.2)] = np.nan
    return errors


def _joints(xy, rng, p50):
    exact = ARM.closed_form_batch(xy, np.ones(len(xy), dtype=np.int8), np.zeros(2))
    place = np.linspace(0.0, 1.0, len(xy))
    ripple = sum(np.sin(k * place * 9.0 + 6.0 * rng.random()) / k**0.5 for k in range(1, 7))
    return exact + 2.0 * p50 * ripple[:, None] * np.array([1.0, -0.7])
