"""The page, put together."""

from __future__ import annotations

from collections.abc import Iterator

from ik_nn_ros.learning.report import html
from ik_nn_ros.learning.report.head import head_section
from ik_nn_ros.learning.report.measure import ModelReport
from ik_nn_ros.learning.report.recorded_section import recorded_section
from ik_nn_ros.learning.report.sections import (
    distribution_section,
    maps_section,
    path_section,
    stages_section,
    training_curve_section,
    worst_cases_section,
)

SECTIONS = (
    head_section,
    maps_section,
    distribution_section,
    stages_section,
    path_section,
    training_curve_section,
    worst_cases_section,
    recorded_section,
)


def to_html(report: ModelReport) -> str:
    """Return the report as a page of its own."""
    parts = [part for section in SECTIONS for part in section(report)]
    title = f'Model report: {report.model.network.file.name}'
    return html.page(title, [*parts, *_provenance_section(report)])


def _provenance_section(report: ModelReport) -> Iterator[str]:
    origin = report.provenance
    versions = ', '.join(f'{name} {version}' for name, version in origin.versions.items())
    yield html.heading('Where this comes from')
    yield html.fact_table(
        (
            ('command', origin.command),
            ('created', origin.created),
            ('seed', str(origin.seed)),
            ('with', versions),
            ('numbers', 'metrics.json, beside this page'),
        )
    )
