"""Pages of the studies: jinja2 templates filled with numbers, tables and plots."""

from __future__ import annotations

import base64
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ik_nn_ros.console import format_length
from ik_nn_ros.studies.plot_style import Picture


def render(template: str, **context: object) -> str:
    """
    Return a page that needs no other file: no script, no style sheet, no image.

    :param template: name of a file in ``templates``
    :param context: variables of the template
    """
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader('ik_nn_ros.studies'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        length_text=format_length,
        scientific=_format_scientific,
        data_uri=_data_uri,
        lines=_to_lines,
    )
    return environment


def _format_scientific(value: float) -> str:
    """Return a number with an exponent that no line break separates from its sign."""
    return f'{value:.1e}'.replace('-', '\N{NON-BREAKING HYPHEN}')


def _data_uri(picture: Picture) -> str:
    """Return a plot as the source of an image."""
    return f'data:image/svg+xml;base64,{base64.b64encode(picture.svg).decode()}'


def _to_lines(text: str) -> Markup:
    """Return a text with its line breaks as HTML."""
    return Markup('<br/>').join(escape(line) for line in text.split('\n'))
