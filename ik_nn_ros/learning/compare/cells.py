"""How a number stands in a table: the same in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Callable
from math import isinf

from ik_nn_ros.learning.compare.over_seeds import SeedStatistics

NO_VALUE, INFINITE_VALUE = '-', '∞'


def format_error(value: float | None) -> str:
    """Return a fraction of reach."""
    if value is None:
        return NO_VALUE
    if isinf(value):
        return INFINITE_VALUE
    if value == 0.0:
        return '0'
    digits, exponent = f'{value:.1e}'.split('e')
    return f'{digits}e{int(exponent)}' if int(exponent) else digits


def format_share(value: float | None) -> str:
    """Return a share as a percentage that is 0 or 100 only when it is exactly so."""
    if value is None:
        return NO_VALUE
    if value in (0.0, 1.0):
        return f'{value:.0%}'
    shown = f'{value:.2%}'
    return {'0.00%': '<0.01%', '100.00%': '>99.99%'}.get(shown, shown)


def format_quantity(value: float | None) -> str:
    """Return a time, a ratio or a rate to three digits."""
    if value is None:
        return NO_VALUE
    if isinf(value):
        return INFINITE_VALUE
    rounded = float(f'{value:.3g}')
    decimals = 0 if rounded >= 100.0 else 1 if rounded >= 10.0 else 2
    return f'{rounded:,.{decimals}f}'


def format_count(value: float | None) -> str:
    """Return a whole number."""
    return NO_VALUE if value is None else INFINITE_VALUE if isinf(value) else f'{value:,.0f}'


def format_range(value: SeedStatistics | None, format_value: Callable[[float | None], str]) -> str:
    """Return from where to where a measure goes over the seeds."""
    if value is None or value.least == value.most:
        return NO_VALUE
    return f'{format_value(value.least)}…{format_value(value.most)}'
