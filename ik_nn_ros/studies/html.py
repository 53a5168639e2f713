"""Pieces of a page that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from math import isfinite

from ik_nn_ros.studies.accuracy import ErrorSummary
from ik_nn_ros.studies.plot_style import Picture

LENGTH_UNITS = ((1.0, 'm'), (1e-3, 'mm'), (1e-6, 'µm'), (1e-9, 'nm'))
CSS = """
body { margin: 0 auto; max-width: 62rem; padding: 1rem; color: #1a1a1a; background: #fff;
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; }
th, td { padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e4e4e4; }
.numbers th { white-space: nowrap; }
.numbers td { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.numbers th + th { text-align: right; }
.numbers td.text { text-align: left; white-space: normal; min-width: 14rem; padding-left: .6rem; }
.bar { width: 45%; min-width: 8rem; }
.bar div { background: #0072b2; height: 1rem; margin-top: .25rem; }
@media (min-width: 40rem) { .facts th { white-space: nowrap; } }
@media (max-width: 40rem) {
  .numbers:not(.words) th:first-child { position: sticky; left: 0; background: #fff;
    white-space: normal; min-width: 7.5rem; padding-right: .4rem; }
  .words tr { display: flex; flex-wrap: wrap; border-bottom: 1px solid #e4e4e4; }
  .words th, .words td { border: 0; }
  .words td.text { flex-basis: 100%; padding: 0 0 .3rem; }
}
figure { margin: 1rem 0; }
figure img { max-width: max(100%, 34rem); height: auto; display: block; }
figcaption, .note { color: #444; font-size: .92rem; }
.note { border-left: 4px solid #e69f00; padding-left: .7rem; }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Return a whole page."""
    body = '\n'.join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f'<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n'
        f'<body>\n{body}\n</body>\n</html>\n'
    )


def heading(text: str) -> str:
    """Return the head of a section."""
    return f'<h2>{escape(text)}</h2>'


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f'<p>{escape(text)}</p>'


def note(text: str) -> str:
    """Return a paragraph that catches the eye."""
    return f'<p class="note">{escape(text)}</p>'


def figure(picture: Picture, caption: str) -> str:
    """Return a plot with a caption; on a narrow screen it scrolls sideways."""
    content = base64.b64encode(picture.svg).decode()
    return (
        f'<figure><div class="wide"><img alt="{escape(picture.alt)}" '
        f'src="data:image/svg+xml;base64,{content}"/></div>'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
    )


def fact_table(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and what they are."""
    lines = (f'<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>' for name, text in rows)
    return f'<div class="wide"><table class="facts">{"".join(lines)}</table></div>'


def key_figure_table(rows: Iterable[tuple[str, str, str, str]]) -> str:
    """Return a table of name, value, the same another way, and a sentence."""
    lines = (
        f'<tr><th>{escape(name)}</th><td>{escape(value)}</td><td>{escape(other)}</td>'
        f'<td class="text">{escape(words)}</td></tr>'
        for name, value, other, words in rows
    )
    return f'<div class="wide"><table class="numbers words">{"".join(lines)}</table></div>'


def number_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column names the row; a head may have several lines."""
    heads = (escape(column).replace('\n', '<br/>') for column in columns)
    head = ''.join(f'<th>{column}</th>' for column in heads)
    lines = []
    for name, *cells in rows:
        line = ''.join(f'<td>{escape(cell)}</td>' for cell in cells)
        lines.append(f'<tr><th>{escape(name)}</th>{line}</tr>')
    return f'<div class="wide"><table class="numbers"><tr>{head}</tr>{"".join(lines)}</table></div>'


def error_table(rows: Iterable[tuple[str, ErrorSummary]], reach: float) -> str:
    """Return a table of errors by name."""
    columns = ('tip error', 'median', '95 %', '99 %', 'largest', 'largest, of reach', 'count')
    return number_table(
        columns,
        (
            (
                name,
                *(format_length(value) for value in (e.p50_m, e.p95_m, e.p99_m, e.worst_m)),
                f'{e.worst_m / reach:.1e}',
                f'{e.count:,}',
            )
            for name, e in rows
        ),
    )


def share_table(rows: Iterable[tuple[str, float]]) -> str:
    """Return shares (0 to 1) by name, as numbers and bars."""
    lines = (
        f'<tr><th>{escape(name)}</th><td>{share:.4%}</td>'
        f'<td class="bar"><div style="width:{100.0 * share:.2f}%"></div></td></tr>'
        for name, share in rows
    )
    return f'<div class="wide"><table style="width:100%">{"".join(lines)}</table></div>'


def format_scientific(value: float) -> str:
    """Return a number with an exponent that no line break parts from it."""
    return f'{value:.1e}'.replace('-', '\N{NON-BREAKING HYPHEN}')


def format_length(value: float) -> str:
    """Return a length (m) in a unit that suits it."""
    if not isfinite(value):
        return 'no number'
    for scale, unit in LENGTH_UNITS:
        if value >= 0.9995 * scale:
            return f'{value / scale:.3g} {unit}'
    return '0' if value == 0.0 else f'{value:.1e} m'
