"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

VERSIONED_PACKAGES = ('ik_nn_ros', 'numpy', 'onnxruntime')


def machine_info() -> dict[str, str | int | float]:
    """Return processor, load and versions; the load tells how far to trust the rest."""
    return {
        'processor': _processor_name(),
        'cores': len(os.sched_getaffinity(0)),
        'load_before': os.getloadavg()[0],
        'system': platform.platform(terse=True),
        'python': platform.python_version(),
        'ros_distro': os.environ.get('ROS_DISTRO', ''),
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
