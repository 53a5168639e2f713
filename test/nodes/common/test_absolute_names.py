"""No node has a name that namespaces and remaps do not reach."""

import ast
from pathlib import Path

import ik_nn_ros.nodes

FOR_ALL = {'/diagnostics', '/clock', '/tf', '/tf_static', '/rosout'}
"""Topics that ROS has once for all robots."""
BENCH = Path(ik_nn_ros.nodes.__file__).parent / 'bench'
"""It names whole other nodes, in namespaces of their own."""


def absolute_names(source):
    """Return the texts in a program that look like absolute names."""
    nodes = list(ast.walk(ast.parse(source)))
    # In an f-string what follows the first part begins nothing.
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    inner = {id(part) for node in joined for part in node.values[1:]}
    texts = {
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner
    }
    return {
        text for text in texts if text.startswith('/') and text[1:].replace('/', '').isidentifier()
    }


def test_absolute_names_are_found():
    assert absolute_names("f(JointState, '/joint_states'); a.lstrip('/')") == {'/joint_states'}
    assert absolute_names("f(f'/arm/{x}', f'{x}/hold')") == {'/arm/'}


def test_only_what_is_for_all_robots_has_an_absolute_name():
    for file in Path(ik_nn_ros.nodes.__file__).parent.rglob('*.py'):
        if BENCH not in file.parents:
            assert absolute_names(file.read_text()) <= FOR_ALL, file.name
