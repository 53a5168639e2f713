"""Numbers as text, the same in the terminal and on the pages."""

from __future__ import annotations

from math import isfinite, isinf

NO_VALUE = '-'
"""A cell without a value."""
INFINITE_VALUE = '∞'
"""A cell whose value is infinite."""
LENGTH_UNITS = ((1.0, 'm'), (1e-3, 'mm'), (1e-6, 'µm'), (1e-9, 'nm'))
"""Scale, m, and name of each unit of length."""


def format_length(value_m: float) -> str:
    """Return a length, m, with three digits in the unit that suits it."""
    if not isfinite(value_m):
        return 'no number'
    for scale, unit in LENGTH_UNITS:
        if value_m >= 0.9995 * scale:
            return f'{value_m / scale:.3g} {unit}'
    return '0' if value_m == 0.0 else f'{value_m:.1e} m'


def format_error(value: float | None) -> str:
    """Return a fraction of reach with two digits and a short exponent."""
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
    text = f'{value:.2%}'
    return {'0.00%': '<0.01%', '100.00%': '>99.99%'}.get(text, text)


def format_quantity(value: float | None) -> str:
    """Return a time, a ratio or a rate with three digits."""
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


def format_ratio(value: float, reference: float | None) -> str:
    """Return a value as a multiple of a reference with two decimals."""
    return f'{value / reference:.2f}' if reference else NO_VALUE
