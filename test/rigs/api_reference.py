"""
The API reference, made from the docstrings by pdoc; ``make api`` runs it.

pdoc reads reST docstrings only in part; what it lacks is supplied here: literal blocks, parameter
texts that hold a colon, and short names for array types.
"""

from __future__ import annotations

import inspect
import re
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, get_type_hints

import mujoco  # noqa: F401  before pdoc, which replaces subprocess while it imports; glfw needs it
import numpy as np
import pdoc
from numpy.typing import ArrayLike, NDArray

import ik_nn_ros

SHORT_TYPES = {
    'Array': NDArray[np.float64],
    'Mask': NDArray[np.bool_],
    'NDArray[np.int8]': NDArray[np.int8],
    'ArrayLike': ArrayLike,
}
"""What annotations say instead of the types that they are evaluated to."""
FIELD = re.compile(r'^(:(?:param|raises) [\w.]+:) +', re.MULTILINE)
LITERAL_BLOCK = re.compile(r'^(.*:):\n((?:\n|[ ]+.*\n?)+)', re.MULTILINE)


def provide_interactive_markers() -> None:
    """Stand in for the one ROS package that has no wheel, where it is not installed."""
    if find_spec('interactive_markers') is None:
        stand_in: Any = ModuleType('interactive_markers')
        stand_in.InteractiveMarkerServer = type('InteractiveMarkerServer', (), {})
        sys.modules['interactive_markers'] = stand_in


def resolve_named_tuples() -> None:
    """Evaluate the annotations of named tuples, whose constructors do not know their module."""
    for info in walk_packages(ik_nn_ros.__path__, f'{ik_nn_ros.__name__}.'):
        for value in vars(import_module(info.name)).values():
            if isinstance(value, type) and hasattr(value, '_fields'):
                new: Any = value.__new__
                new.__annotations__ = get_type_hints(value)


def shorten_annotations() -> None:
    """Have signatures show array types by their short names."""
    original = inspect.formatannotation
    long_names = {original(type_): name for name, type_ in SHORT_TYPES.items()}

    def formatted(annotation: Any, *args: Any, **kwargs: Any) -> str:
        text = original(annotation, *args, **kwargs)
        for long_name, name in long_names.items():
            text = text.replace(long_name, name)
        return text

    inspect.formatannotation = formatted
    pdoc.doc.formatannotation = formatted


def to_pdoc(docstring: str) -> str:
    """Return a docstring in the part of reST that pdoc reads."""
    # A line of its own for the text: pdoc takes all up to the last colon for the parameter's name.
    return FIELD.sub(r'\1\n    ', LITERAL_BLOCK.sub(_fenced, docstring))


def _fenced(match: re.Match[str]) -> str:
    block = inspect.cleandoc(match[2])
    indent = re.match(' *', match[1].lstrip('-'))[0]
    return f'{match[1]}\n\n' + ''.join(
        f'{indent}{line}\n' for line in ('```text', *block.split('\n'), '```')
    )


def main(output: Path) -> None:
    """Write one page a module."""
    provide_interactive_markers()
    resolve_named_tuples()
    shorten_annotations()
    convert = pdoc.docstrings.rst
    pdoc.docstrings.rst = lambda text, source: convert(to_pdoc(text), source)
    pdoc.render.configure(docformat='restructuredtext')
    pdoc.pdoc(ik_nn_ros.__name__, output_directory=output)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
