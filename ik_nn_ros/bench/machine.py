"""Description of the machine, apart from the benchmark: reports of the studies repeat it."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import ik_nn_ros

VERSIONED_PACKAGES = ('numpy', 'onnxruntime')


def machine_info() -> dict[str, str | int | float]:
    """Return processor, load and versions; a high load before a measurement makes it unreliable."""
    return {
        'processor': _processor_name(),
        'cores': len(os.sched_getaffinity(0)),
        'load_before': os.getloadavg()[0],
        'system': platform.platform(terse=True),
        'python': platform.python_version(),
        'ros_distro': os.environ.get('ROS_DISTRO', ''),
        'ik_nn_ros': ik_nn_ros.__version__,
        **{package: _package_version(package) for package in VERSIONED_PACKAGES},
    }


def _processor_name() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


def _package_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ''
