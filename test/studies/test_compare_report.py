"""A comparison as tables, CSV, JSON and a page."""

import base64
import csv
import io
import json
import re
from dataclasses import replace
from math import inf, nan
from statistics import median
from xml.etree import ElementTree

import numpy as np
import pytest
from made_comparison import NAMES, comparison
from matplotlib.text import Text
from rich.console import Console

from ik_nn_ros.console import (
    MIN_WIDTH_CHARACTERS,
    format_error,
    format_quantity,
    format_share,
    print_tables,
)
from ik_nn_ros.files import to_json
from ik_nn_ros.studies.compare.labels import Label, place_labels
from ik_nn_ros.studies.compare.page import to_html
from ik_nn_ros.studies.compare.results import RUN_MEASURES, MethodErrors, metrics, seed_statistics
from ik_nn_ros.studies.compare.tables import comparison_tables, to_csv
from ik_nn_ros.studies.plot_style import styled_figure

PLOTS = (
    'Tip error of each method against its time for a target',
    'Maps of the tip error over the workspace, by method',
    'Tip error in reach, with noise and beyond reach, by method',
    'Both joints along the test figure, by method',
    'Second differences of the joints along the test figure, by method',
)
NEVER = MethodErrors(inf, inf, inf, 1.0)


@pytest.fixture(scope='module')
def full():
    return comparison()


@pytest.fixture(scope='module')
def full_page(full):
    return to_html(full)


def hopeless():
    """Two methods of which one never answers, and one seed."""
    found = comparison(('pseudo_inverse', 'graph'), seeds=1)
    rows = []
    for row in found.rows:
        runs = tuple(
            replace(run, scattered=NEVER, along_path=NEVER, noisy=NEVER, outside=NEVER, exact=0.0,
                    both_branches=nan, roughness=inf, steps=None, path_steps=None)
            for run in row.runs
        )  # fmt: skip
        nowhere = np.where(np.isnan(row.error_map), nan, inf)
        rows.append(
            replace(
                row,
                runs=runs,
                error_map=nowhere,
                figure_eight_joints=np.full_like(row.figure_eight_joints, nan),
            )
        )
    return replace(found, rows=tuple(rows))


def terminal(found):
    stream = io.StringIO()
    console = Console(file=stream, width=MIN_WIDTH_CHARACTERS)
    print_tables(console, comparison_tables(found).values())
    return stream.getvalue()


def body(page):
    return ElementTree.fromstring(page.removeprefix('<!DOCTYPE html>\n')).find('body')


def text(page):
    return ' '.join(' '.join(body(page).itertext()).split())


def svg(image):
    head = 'data:image/svg+xml;base64,'
    assert image.get('src').startswith(head)
    return base64.b64decode(image.get('src').removeprefix(head), validate=True).decode()


# Tables


def test_every_table_fits_and_nothing_is_cut_short(full):
    shown = terminal(full)
    assert max(len(line) for line in shown.splitlines()) <= MIN_WIDTH_CHARACTERS
    assert '\u2026 ' not in shown  # rich's mark for a cut, at the end of a cell
    words = ' '.join(shown.split())
    for table in comparison_tables(full).values():
        for row in table.rows:
            assert all(cell in words for cell in row[1:])


def test_the_median_and_the_spread_of_the_seeds_are_shown(full):
    row = next(row for row in full.rows if row.name == 'graph' and not row.refined)
    errors = sorted(run.along_path.p99 for run in row.runs)
    shown = terminal(full)
    assert format_error(median(errors)) in shown
    assert f'{format_error(errors[0])}\u2026{format_error(errors[-1])}' in shown


def test_one_seed_has_no_spread():
    found = comparison(('graph',), seeds=1)
    assert 'seeds' not in terminal(found)


def test_methods_without_iterations_have_no_table_of_iterations():
    tables = comparison_tables(comparison(('closed_form',)))
    assert list(tables) == ['scattered', 'paths', 'robustness', 'time']


def test_an_infinite_error_of_one_seed_does_not_change_the_median(full):
    row = next(row for row in full.rows if row.name == 'graph')
    first, *rest = row.runs
    row = replace(row, runs=(replace(first, along_path=NEVER), *rest))
    spread = seed_statistics(row)['along_path_p50_of_reach']
    assert spread.median in [run.along_path.p50 for run in rest]
    assert spread.most == inf


@pytest.mark.parametrize(
    ('cell', 'shown'),
    [
        (format_error(None), '-'),
        (format_error(0.0), '0'),
        (format_error(inf), '∞'),
        (format_error(1.96e-10), '2.0e-10'),
        (format_error(1.25), '1.2'),
        (format_share(1.0), '100%'),
        (format_share(0.999999), '>99.99%'),
        (format_share(1e-7), '<0.01%'),
        (format_share(0.1234), '12.34%'),
        (format_quantity(3.14159), '3.14'),
        (format_quantity(31.4159), '31.4'),
        (format_quantity(31415.9), '31,400'),
        (format_quantity(9.999), '10.0'),
        (format_quantity(99.96), '100'),
    ],
)
def test_numbers_have_significant_digits(cell, shown):
    assert cell == shown


# Files


def test_the_csv_has_the_numbers_of_the_comparison(full):
    lines = list(csv.DictReader(io.StringIO(to_csv(full))))
    assert [line['name'] for line in lines] == [row.name for row in full.rows]
    for line, row in zip(lines, full.rows, strict=True):
        assert None not in line
        assert line['refined'] == str(int(row.refined))
        assert line['single_us'] == ('' if row.single_us is None else str(row.single_us))
        assert int(line['seeds']) == (3 if row.weights else 0)
        errors = sorted(run.along_path.worst for run in row.runs)
        for end, error in (('_min', errors[0]), ('_max', errors[-1])):
            assert float(line[f'along_path_worst_of_reach{end}']) == error
        if row.weights:
            assert 50.0 < float(line['training_s']) < 70.0
        else:
            assert line['training_s'] == line['training_samples'] == ''
    units = ('_of_reach', '_share', '_ratio', '_s', '_samples', 'steps_p50', 'steps_p99')
    assert all(name.endswith(units) for name in RUN_MEASURES)


def test_the_json_is_numbers_or_null_with_known_keys(full):
    for found in (full, hopeless()):
        content = json.loads(to_json(metrics(found)), parse_constant=refuse)
        assert list(content) == [
            'command', 'created', 'machine', 'arm', 'seconds', 'seeds', 'failed_from', 'sizes',
            'rows',
        ]  # fmt: skip
        for shown, row in zip(content['rows'], found.rows, strict=True):
            assert list(shown['over_seeds']) == list(RUN_MEASURES)
            assert len(shown['runs']) == len(row.runs)
            assert 'error_map' not in shown


def refuse(constant):
    raise AssertionError(f'{constant} is not JSON')


def test_an_error_without_an_answer_is_null_and_failed():
    row = json.loads(to_json(metrics(hopeless())))['rows'][0]
    assert row['over_seeds']['along_path_p50_of_reach']['median'] is None
    assert row['over_seeds']['along_path_failed_share']['median'] == 1.0
    assert row['over_seeds']['both_branches_share'] is None
    assert row['map']['failed'] == 1.0


# The page


def test_the_page_is_self_contained(full_page):
    root = ElementTree.fromstring(full_page.removeprefix('<!DOCTYPE html>\n'))
    assert {element.tag for element in root.iter()}.isdisjoint(
        {'script', 'link', 'iframe', 'object', 'embed', 'base', 'video', 'form', 'a'}
    )
    for element in root.iter():
        assert not {'href', 'srcset', 'onload'} & element.attrib.keys()
    for image in root.iter('img'):
        links = re.findall(r'(?:href|src)="([^"]*)"', svg(image))
        assert all(link.startswith(('#', 'data:')) for link in links)


def test_every_plot_every_method_and_every_number_is_on_it(full, full_page):
    images = list(body(full_page).iter('img'))
    assert [image.get('alt') for image in images] == list(PLOTS)
    for image in images:
        drawn = ElementTree.fromstring(svg(image))
        assert drawn.tag.endswith('}svg')
        assert len(list(drawn.iter())) > 100
    shown = text(full_page)
    for table in comparison_tables(full).values():
        for row in table.rows:
            assert all(cell in shown for cell in row)
    for words in ('<left> & "right"', 'ik_nn compare --output <d>', 'A<b> 3000', '2030-01-02'):
        assert words in shown


def test_the_maps_have_axes_for_each_method(full, full_page):
    maps = next(image for image in body(full_page).iter('img') if image.get('alt') == PLOTS[1])
    drawn = ElementTree.fromstring(svg(maps))
    bar = 1
    assert sum(element.tag.endswith('}image') for element in drawn.iter()) == len(NAMES) + bar


@pytest.mark.parametrize(
    'found',
    [hopeless(), comparison(('closed_form',)), comparison(('transformer',), seeds=1)],
    ids=['no answer at all', 'nothing trained', 'only offline'],
)
def test_missing_values_break_neither_page_nor_tables(found):
    page = to_html(found)
    assert len(list(body(page).iter('img'))) == len(PLOTS)
    terminal(found)
    to_csv(found)


def test_names_of_close_points_do_not_overlap():
    with styled_figure(6.0, 5.0) as figure:
        axes = figure.add_subplot()
        axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
        places = np.stack((np.linspace(0.45, 0.55, 10), np.linspace(0.5, 0.52, 10)), axis=-1)
        labels = [Label(f'method {n}', x, y, 'black') for n, (x, y) in enumerate(places)]
        place_labels(axes, labels, places)
        figure.draw_without_rendering()
        boxes = [Text.get_window_extent(name).padded(-1.0) for name in axes.texts]  # without links
        frame = axes.bbox.padded(1.0)
    texts = [name.get_text() for name in axes.texts]
    assert texts == [label.text for label in labels]
    for number, box in enumerate(boxes):
        assert frame.containsx(box.x0)
        assert frame.containsx(box.x1)
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])
