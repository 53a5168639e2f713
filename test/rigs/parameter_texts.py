"""
What config/ and docs/interfaces.md say of the parameters, made from their declarations.

``make docs`` writes it; tests compare.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import yaml

import ik_nn_ros
from ik_nn_ros.files import share_directory
from ik_nn_ros.nodes.collector import node as data_collector
from ik_nn_ros.nodes.common.parameters import ParameterSpec
from ik_nn_ros.nodes.ik import node as ik_node
from ik_nn_ros.nodes.panel import node as panel
from ik_nn_ros.nodes.sim import node as arm_sim

NODES: Mapping[str, Mapping[str, ParameterSpec]] = {
    'ik_node': ik_node.PARAMETERS,
    'arm_sim': arm_sim.PARAMETERS,
    'data_collector': data_collector.PARAMETERS,
    'panel': panel.PARAMETERS,
}
REGENERATE = '`make docs` writes it anew'
INTERFACES = Path(ik_nn_ros.__file__).parents[1] / 'docs' / 'interfaces.md'
BEGIN, END = '<!-- made by `make docs`: parameters of {} -->\n', '<!-- end -->\n'
WIDTH = 120
NO_PAGE = 'the panel needs viser and yourdfpy'
KINDS = {bool: 'bool', int: 'int', float: 'double', str: 'string'}


def has_page() -> bool:
    """Tell whether the panel can run."""
    return find_spec('viser') is not None and find_spec('yourdfpy') is not None


def config(node: str) -> Path:
    return share_directory() / 'config' / f'{node}.yaml'


def _bounds(spec: ParameterSpec) -> list[str]:
    notes = []
    if spec.low is not None and spec.high is not None:
        notes.append(f'{spec.low:g} to {spec.high:g}')
    if spec.choices:
        notes.append(f'one of: {", ".join(spec.choices)}')
    return notes


def _value(spec: ParameterSpec) -> str:
    dumped = yaml.safe_dump(spec.default, default_flow_style=True)
    return dumped.removesuffix('...\n').strip()


def _comment(spec: ParameterSpec) -> str:
    """Return what stands above a parameter: meaning, range, whether it can be changed live."""
    notes = [*_bounds(spec), *(['live'] if spec.dynamic else [])]
    return f'# {spec.description}' + (f' [{"; ".join(notes)}]' if notes else '')


def expected_yaml(node: str) -> str:
    """Return the file under config/ that belongs to a node, without its head."""
    lines = [f'/**/{node}:', '  ros__parameters:']
    for name, spec in NODES[node].items():
        lines += [f'    {_comment(spec)}', f'    {name}: {_value(spec)}']
    return '\n'.join(lines) + '\n'


def without_head(text: str) -> str:
    return ''.join(line for line in text.splitlines(True) if not line.startswith('#'))


def _entry(name: str, spec: ParameterSpec) -> str:
    kind = (
        f'{KINDS[spec.element_type]}[]'
        if isinstance(spec.default, list)
        else KINDS[type(spec.default)]
    )
    groups = [f'groups of {spec.group_size}'] if spec.group_size else []
    live = ['**live**'] if spec.dynamic else []
    notes = '; '.join([f'{kind}, {_value(spec)}', *groups, *_bounds(spec), *live])
    text = f'- `{name}` ({notes}): {spec.description}'
    return textwrap.fill(text, WIDTH, subsequent_indent='  ', break_on_hyphens=False)


def expected_list(node: str) -> str:
    """Return the list of a node's parameters for docs/interfaces.md."""
    return ''.join(f'{_entry(name, spec)}\n' for name, spec in NODES[node].items())


def parts(page: str, node: str) -> tuple[str, str, str]:
    """Return what a page has before, in and after the list of a node's parameters."""
    before, begin, rest = page.partition(BEGIN.format(node))
    inside, end, after = rest.partition(END)
    return before + begin, inside, end + after


def main() -> None:
    """Write all of it."""
    for node in NODES:
        head = re.match('(#.*\n)*', config(node).read_text(encoding='utf-8'))[0]
        config(node).write_text(head + expected_yaml(node), encoding='utf-8')
        before, _, after = parts(INTERFACES.read_text(encoding='utf-8'), node)
        INTERFACES.write_text(before + expected_list(node) + after, encoding='utf-8')


if __name__ == '__main__':
    main()
