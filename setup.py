"""Package ik_nn_ros for colcon (ament_python) and for pip."""

from glob import glob
from os.path import isfile

from setuptools import find_packages, setup

PACKAGE = 'ik_nn_ros'
TORCH = 'torch==2.13.0'
RUN = [
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
    version='0.1.0',
    description='Control of a 2-DOF arm with a learned inverse kinematics',
    license='Apache-2.0',
    maintainer='ik_nn_ros maintainers',
    maintainer_email='maintainers@users.noreply.r-seed-72aab49f.example',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
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
