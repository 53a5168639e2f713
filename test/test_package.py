"""What an install of the package holds, by pip and by colcon, and whether package.xml is true."""

import ast
import os
import re
import shutil
import subprocess
import sys
from email.parser import Parser
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

import ik_nn_ros
from ik_nn_ros import cli

PACKAGE = 'ik_nn_ros'
ROOT = Path(ik_nn_ros.__file__).parents[1]
DATA_FOLDERS = ('config', 'launch', 'models', 'rviz', 'urdf')
EXECUTABLES = ('ik_nn', 'ik_node', 'ik_nodes', 'panel', 'arm_sim', 'data_collector')
ROS_MODULE = re.compile(r'rclpy|\w+_(msgs|srvs|interfaces)|launch(_\w+)?|tf2_\w+|ament_\w+')
PACKAGE_OF_MODULE = {'tf2_ros': 'tf2_ros_py'}

pytestmark = pytest.mark.skipif(
    not (ROOT / 'setup.py').is_file(), reason='setup.py is not there: not a source checkout'
)


def data_files(share):
    """The data files by path under a share directory or a checkout."""
    found = {
        path.relative_to(share).as_posix()
        for folder in DATA_FOLDERS
        for path in (share / folder).glob('*')
        if path.is_file()
    }
    return found | {'package.xml'}


def run(*command, cwd, **environment):
    """Run a command; return its output, or fail with it."""
    result = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A copy of the checkout, so that no build leaves anything in it."""
    copy = tmp_path_factory.mktemp('source') / PACKAGE
    for name in (*DATA_FOLDERS, PACKAGE, 'resource'):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('package.xml', 'pyproject.toml', 'setup.cfg', 'setup.py', 'LICENSE', 'README.md'):
        shutil.copy(ROOT / name, copy)
    # As after a launch file was run from the checkout.
    (copy / 'launch' / '__pycache__').mkdir()
    return copy


@pytest.fixture(scope='module')
def manifest():
    return ElementTree.parse(ROOT / 'package.xml').getroot()


def test_setup_py_and_package_xml_agree(source, manifest):
    said = run(
        sys.executable, 'setup.py', '--name', '--version', '--license', '--maintainer', cwd=source
    )
    in_manifest = [manifest.findtext(key) for key in ('name', 'version', 'license', 'maintainer')]
    assert said.split('\n')[-5:-1] == in_manifest


def test_the_version_is_the_same_everywhere(manifest, capsys):
    """setup.py reads it from the package; package.xml and CITATION.cff repeat it."""
    expected = ik_nn_ros.__version__
    assert manifest.findtext('version') == expected
    with pytest.raises(SystemExit, match='0'):
        cli.main(['--version'])
    assert capsys.readouterr().out == f'ik_nn {expected}\n'
    citation = (ROOT / 'CITATION.cff').read_text(encoding='utf-8')
    assert re.search(r'^version: *["\']?([^"\'\n]+)', citation, re.MULTILINE)[1] == expected


def test_package_xml_is_valid(manifest):
    parser = pytest.importorskip('catkin_pkg.package', reason='catkin_pkg is not installed')
    warnings = []
    package = parser.parse_package(str(ROOT / 'package.xml'), warnings=warnings)
    assert package.get_build_type() == 'ament_python'
    assert not warnings


def imported_ros_packages():
    """The ROS packages that the package and its launch files import."""
    modules = set()
    for file in [*(ROOT / PACKAGE).rglob('*.py'), *(ROOT / 'launch').glob('*.py')]:
        for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                modules |= {name.name.split('.')[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(node.module.split('.')[0])
    return {PACKAGE_OF_MODULE.get(name, name) for name in modules if ROS_MODULE.fullmatch(name)}


def test_package_xml_names_every_ros_package_in_use(manifest):
    launched = {
        package
        for file in (ROOT / 'launch').glob('*.py')
        for package in re.findall(r"package='(\w+)'", file.read_text(encoding='utf-8'))
    }
    declared = {element.text for element in manifest.findall('exec_depend')}
    assert imported_ros_packages() | launched <= declared | {PACKAGE}


@pytest.fixture(scope='module')
def by_pip(source, tmp_path_factory):
    """Where pip, not editable, has put it."""
    pytest.importorskip('pip', reason='pip is not installed')
    setuptools = tuple(map(int, version('setuptools').split('.')[:2]))
    if setuptools < (70, 1) and find_spec('wheel') is None:
        pytest.skip('wheel is not installed, and setuptools before 70.1 cannot do without')
    prefix = tmp_path_factory.mktemp('pip')
    options = ('--no-deps', '--no-build-isolation', '--no-index', '--ignore-installed', '--quiet')
    run(sys.executable, '-m', 'pip', 'install', *options, '--prefix', prefix, source, cwd=prefix)
    return prefix


def test_pip_installs_every_data_file_where_the_package_finds_it(by_pip):
    (module,) = by_pip.rglob(f'{PACKAGE}/files.py')
    code = f'import {PACKAGE}.files as s; print(s.__file__); print(s.share_directory())'
    said = run(sys.executable, '-c', code, cwd=by_pip, PYTHONPATH=str(module.parents[1]))
    file, share = map(Path, said.splitlines())
    assert file == module
    assert share.is_relative_to(by_pip)
    assert data_files(share) == data_files(ROOT)


def templates(package):
    return {path.name for path in (package / 'studies' / 'templates').iterdir()}


def test_pip_installs_the_templates_of_the_pages(by_pip):
    (module,) = by_pip.rglob(f'{PACKAGE}/files.py')
    assert templates(module.parent) == templates(ROOT / PACKAGE)


def test_pip_installs_complete_metadata(by_pip):
    (file,) = by_pip.rglob('METADATA')
    metadata = Parser().parsestr(file.read_text(encoding='utf-8'))
    assert metadata['License-File'] == 'LICENSE'
    assert metadata['Requires-Python'] == '>=3.10'
    assert metadata['Description-Content-Type'] == 'text/markdown'
    assert metadata.get_payload().strip() == (ROOT / 'README.md').read_text().strip()
    assert metadata['Keywords']
    assert 'Programming Language :: Python :: 3' in metadata.get_all('Classifier')


def test_pip_installs_the_commands(by_pip):
    (module,) = by_pip.rglob(f'{PACKAGE}/files.py')
    (command,) = by_pip.rglob('ik_nn')
    assert {path.name for path in command.parent.iterdir()} == set(EXECUTABLES)
    said = run(command, '--help', cwd=by_pip, PYTHONPATH=str(module.parents[1]))
    assert 'demo' in said


@pytest.fixture(scope='module')
def by_colcon(source, tmp_path_factory):
    """The prefix of the package after ``colcon build``."""
    beside = Path(sys.executable).with_name('colcon')
    colcon = str(beside) if beside.exists() else shutil.which('colcon')
    if colcon is None:
        pytest.skip('colcon is not installed')
    workspace = tmp_path_factory.mktemp('workspace')
    run(colcon, '--log-base', 'log', 'build', '--base-paths', source, cwd=workspace)
    return workspace / 'install' / PACKAGE


def test_colcon_puts_the_executables_where_ros2_run_looks(by_colcon):
    programs = {path.name for path in (by_colcon / 'lib' / PACKAGE).iterdir()}
    assert programs == set(EXECUTABLES)


def test_colcon_installs_every_data_file(by_colcon):
    assert data_files(by_colcon / 'share' / PACKAGE) == data_files(ROOT)


def test_colcon_installs_the_templates_of_the_pages(by_colcon):
    (module,) = by_colcon.rglob(f'{PACKAGE}/files.py')
    assert templates(module.parent) == templates(ROOT / PACKAGE)


def test_colcon_registers_the_package_with_ament(by_colcon):
    index = by_colcon / 'share' / 'ament_index' / 'resource_index' / 'packages'
    assert [path.name for path in index.iterdir()] == [PACKAGE]
