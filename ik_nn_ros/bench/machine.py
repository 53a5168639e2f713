"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ('ik_nn_ros', 'numpy', 'onnxruntime')


def machine() -> dict[str, str | int | float]:
    """Return processor, load and versions; the load tells how far to trust the rest."""
    return {
        'processor': _processor(),
        'cores': len(os.sched_getaffinity(0)),
        'load_before': os.getloadavg()[0],
        'system': platform.platform(terse=True),
        'python': platform.python_version(),
        'ros_distro': os.environ.get('ROS_DISTRO', ''),
        **{package: _version(package) for package in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ''
