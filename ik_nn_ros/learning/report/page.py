"""The page, put together."""

from __future__ import annotations

from collections.abc import Iterator

from ik_nn_ros.learning.report import html
from ik_nn_ros.learning.report.head import head
from ik_nn_ros.learning.report.measure import Report
from ik_nn_ros.learning.report.recorded_section import recorded_section
from ik_nn_ros.learning.report.sections import (
    curve_section,
    distribution_section,
    maps_section,
    path_section,
    stages_section,
    worst_section,
)

SECTIONS = (
    head,
    maps_section,
    distribution_section,
    stages_section,
    path_section,
    curve_section,
    worst_section,
    recorded_section,
)


def to_html(report: Report) -> str:
    """Return the report as a page of its own."""
    parts = [part for section in SECTIONS for part in section(report)]
    title = f'Model report: {report.subject.network.file.name}'
    return html.page(title, [*parts, *_origin(report)])


def _origin(report: Report) -> Iterator[str]:
    origin = report.origin
    versions = ', '.join(f'{name} {version}' for name, version in origin.versions.items())
    yield html.heading('Where this comes from')
    yield html.facts(
        (
            ('command', origin.command),
            ('created', origin.created),
            ('seed', str(origin.seed)),
            ('with', versions),
            ('numbers', 'metrics.json, beside this page'),
        )
    )
