"""Package ik_nn_ros for colcon (ament_python) and for pip."""

import re
from glob import glob
from os.path import isfile
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = 'ik_nn_ros'
# Read as text: the modules of the package import what may not be installed yet.
(VERSION,) = re.findall(
    r"^__version__ = '(.+)'$",
    Path(PACKAGE, '__init__.py').read_text(encoding='utf-8'),
    re.MULTILINE,
)
TORCH = 'torch==2.13.0'
RUN = [
    'jinja2',
    'numpy',
    'matplotlib',
    'mcap',
    'mcap-ros2-support',
    'mujoco',
    'onnxruntime',
    'pyyaml>=6',
    'rich',
    'ruckig',
    'scipy',
    'setuptools',
    'xacro',
]
TRAIN = [TORCH, 'onnx', 'onnxscript']
PANEL = ['viser[urdf]==1.1.*']
TEST = [
    *TRAIN,
    *PANEL,
    'colcon-ros',
    'hypothesis',
    'ikpy',
    'import-linter',
    'mypy==2.4.1',
    'pin',
    'playwright',
    'pytest',
    'pytest-xdist',
    'ruff==0.17.6',
]

setup(
    name=PACKAGE,
    version=VERSION,
    description='Control of a 2-DOF arm with a learned inverse kinematics',
    long_description=Path('README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    keywords=[
        'ROS 2',
        'robotics',
        'inverse kinematics',
        'neural network',
        'robot arm',
        'calibration',
    ],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Intended Audience :: Developers',
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering',
    ],
    maintainer='ik_nn_ros maintainers',
    maintainer_email='maintainers@users.noreply.r-seed-72aab49f.example',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={f'{PACKAGE}.studies': ['templates/*.j2']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        *(
            # Files only: loading a launch file leaves a __pycache__ beside it.
            (f'share/{PACKAGE}/{folder}', list(filter(isfile, glob(f'{folder}/*'))))
            for folder in ('config', 'launch', 'models', 'rviz', 'urdf')
        ),
    ],
    python_requires='>=3.10',
    install_requires=RUN,
    extras_require={
        # Real rclpy and Fast DDS for a machine without ROS 2.
        'ros': ['ros-jazzy-rclpy[fastrtps]', 'ros-jazzy-common-interfaces'],
        'ros-kilted': ['ros-kilted-rclpy[fastrtps]', 'ros-kilted-common-interfaces'],
        'panel': PANEL,
        'docs': ['pdoc'],
        'train': TRAIN,
        'test': TEST,
    },
    zip_safe=True,
    entry_points={
        'console_scripts': [
            f'ik_nn = {PACKAGE}.cli:main',
            f'ik_node = {PACKAGE}.nodes.ik.node:main',
            f'ik_nodes = {PACKAGE}.nodes.ik.multi_node:main',
            f'arm_sim = {PACKAGE}.nodes.sim.node:main',
            f'data_collector = {PACKAGE}.nodes.collector.node:main',
            f'panel = {PACKAGE}.nodes.panel.node:main',
        ],
    },
)
