"""What the README shows does what it says."""

import re

from ik_nn_ros.files import share_directory


def test_the_python_example_runs(monkeypatch, capsys):
    root = share_directory()
    readme = (root / 'README.md').read_text(encoding='utf-8')
    (example,) = re.findall(r'```python\n(.*?)```', readme, re.DOTALL)
    monkeypatch.chdir(root)
    exec(example, {})
    assert 'ACCEPTED REFINED' in capsys.readouterr().out
