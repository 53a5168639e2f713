"""The page of a report: well formed, self-contained and complete."""

import base64
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from arms import random_joints
from made_recordings import write_recording

from ik_nn_ros.arm.calibrated import Calibration, FourierTerm, describe_arm
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.console import format_length
from ik_nn_ros.files import to_json
from ik_nn_ros.ik.network import ModelInfo, Network
from ik_nn_ros.studies.plot_style import reach_axis_functions
from ik_nn_ros.studies.report.measure import EvaluatedModel, Provenance, measure_model, metrics
from ik_nn_ros.studies.report.page import to_html
from ik_nn_ros.studies.report.recorded import Recordings
from models import linear_model

ARM = ArmModel('<left> & "right"', ('a$1$', 'b$'), (0.3, 0.2), lower=(-2.9, -2.6), upper=(2.9, 2.6))
CURVE = [['Adam', 250, 1e-2, 0.1], ['Adam', 500, 3e-3, 0.04], ['LM', 10, 1e-4, 1e-3]]
ORIGIN = Provenance('ik_nn evaluate --model <m>', '2030-01-02', 3, {'numpy': '9.9'})
PLOTS = {
    'maps': 'Maps of the tip error over the workspace, by method and branch',
    'distribution': 'Cumulative distribution of the tip error of targets',
    'path': 'A test path: tip in the plane, both joints, and the error',
    'curve': 'Median and largest held-out error over the training',
    'recorded distribution': 'Cumulative distribution of the tip error of samples',
    'recorded maps': 'Maps of the recorded tip error, before and after calibration',
}


def make(folder, arm, training, branches='both', **options):
    info = ModelInfo(arm.identity(), 'test', branches, training)
    file = linear_model(folder / 'a<b>&c.onnx', info.to_metadata(), **options)
    return Network(file, arm)


def report_on(subject, recordings=None):
    said = []
    report = measure_model(subject, ORIGIN, 300, recordings or Recordings(), said.append)
    assert said
    return report


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    """A network for one branch whose file tells nothing of its training; no recordings."""
    network = make(tmp_path_factory.mktemp('plain'), ARM, {}, 'positive')
    return report_on(EvaluatedModel(network, ARM, ARM))


@pytest.fixture(scope='module')
def full(tmp_path_factory):
    """All there can be: a curve, a calibration with a residual, and a recording."""
    folder = tmp_path_factory.mktemp('full')
    record = {'recordings': ['r.mcap'], 'held_out_errors': {'nominal': {'median': 0.0123}}}
    calibration = Calibration(
        describe_arm(ARM), (0.31, 0.19), (0.01, 0.0), (0.002, 0.0), (FourierTerm(2, 1, 0.001),),
        record=record,
    )  # fmt: skip
    arm = calibration.apply(ARM)
    q = random_joints(ARM, np.random.default_rng(0), 200)
    tip = arm.plane.to_base(arm.fk(q) + np.random.default_rng(1).normal(0.0, 5e-4, q.shape))
    file = write_recording(folder / 'r.mcap', ARM, q, tip)
    training = {'seed': 7, 'command': 'ik_nn train <x>', 'errors': {'p50': 0.5}, 'curve': CURVE}
    network = make(folder, arm, training)
    subject = EvaluatedModel(network, ARM, arm, calibration, 'c.yaml')
    return report_on(subject, Recordings((file,)))


@pytest.fixture(scope='module')
def plain_page(plain):
    return to_html(plain)


@pytest.fixture(scope='module')
def full_page(full):
    return to_html(full)


@pytest.fixture(params=['plain_page', 'full_page'])
def page(request):
    return request.getfixturevalue(request.param)


def body(page):
    return ElementTree.fromstring(page.removeprefix('<!DOCTYPE html>\n')).find('body')


def images(page):
    """The plots by what they say they show."""
    return {image.get('alt'): image.get('src') for image in body(page).iter('img')}


def drawing(source):
    head = 'data:image/svg+xml;base64,'
    assert source.startswith(head)
    return base64.b64decode(source.removeprefix(head), validate=True).decode()


def text(page):
    return ' '.join(' '.join(body(page).itertext()).split())


def test_the_page_is_self_contained(page):
    root = ElementTree.fromstring(page.removeprefix('<!DOCTYPE html>\n'))
    assert {element.tag for element in root.iter()}.isdisjoint(
        {'script', 'link', 'iframe', 'object', 'embed', 'base', 'video', 'form'}
    )
    for element in root.iter():
        for name, value in element.attrib.items():
            assert name not in ('href', 'srcset', 'onload', 'action'), (element.tag, name)
            assert name != 'src' or value.startswith('data:')
    style = root.find('head/style').text
    assert 'url(' not in style
    assert '@import' not in style
    for source in images(page).values():
        links = re.findall(r'(?:href|src)="([^"]*)"', drawing(source))
        assert all(link.startswith(('#', 'data:')) for link in links)


def test_every_plot_is_an_svg(full_page):
    found = images(full_page)
    assert list(found) == list(PLOTS.values())
    for source in found.values():
        svg = ElementTree.fromstring(drawing(source))
        assert svg.tag.endswith('}svg')
        assert len(list(svg.iter())) > 100


def test_missing_sections_are_left_out_or_explained(plain_page):
    assert set(images(plain_page)) == {PLOTS[name] for name in ('maps', 'distribution', 'path')}
    shown = text(plain_page)
    assert 'Training curve This model file has no training curve' in shown
    assert 'Recordings' not in shown
    assert 'on the positive branch that the network was trained for' in shown
    assert 'calibration none: errors are measured by the URDF’s arm' in shown


def test_one_row_of_maps_for_each_branch(plain_page, full_page):
    def count(page):
        svg = ElementTree.fromstring(drawing(images(page)[PLOTS['maps']]))
        return sum(element.tag.endswith('}image') for element in svg.iter())

    bars = 3
    assert count(plain_page) == 3 + bars
    assert count(full_page) == 6 + bars


def test_the_page_shows_the_measured_numbers(plain, plain_page):
    shown = text(plain_page)
    for summary in plain.accuracy.summaries().values():
        assert format_length(summary.p50_m) in shown
        assert format_length(summary.worst_m) in shown
    for case in plain.worst_cases:
        assert f'{case.x_m:.4f}' in shown
    assert f'{plain.accuracy.solver_statistics.closed_form:.4%}' in shown


def test_the_page_names_the_origin_of_its_numbers(full_page):
    shown = text(full_page)
    for words in (
        'ik_nn train <x>',
        'ik_nn evaluate --model <m>',
        'a<b>&c.onnx',
        '<left> & "right"',
        'c.yaml',
        'The errors include sensor noise',
        'fitted to r.mcap',
        'the fitted lengths and offsets alone',
        'nominal 12.3 mm',
        'before: URDF',
        'after: calibrated',
    ):
        assert words in shown


def test_metrics_are_numbers_or_null_with_known_keys(plain, full):
    for report in (plain, full):
        content = json.loads(to_json(metrics(report)), parse_constant=refuse)
        assert list(content) == [
            'command', 'created', 'versions', 'model', 'arm', 'targets', 'errors',
            'network_wrong_branch', 'network_outside_limits', 'solver', 'map',
            'path', 'worst_cases', 'curve', 'recorded',
        ]  # fmt: skip
        assert content['targets'] == {'count': 300, 'seed': 3}
        assert content['errors']['network']['p50_m'] == report.accuracy.summaries()['network'].p50_m
        assert content['path']['largest_step_rad']['hybrid'] > 0.0
    assert content['recorded']['refitted'] == ['r.mcap']
    assert content['recorded']['errors']['after']['p50_m'] < 1e-3
    assert [point['step'] for point in content['curve']] == [250, 500, 10]
    assert 'curve' not in content['model']['training']


def test_nan_is_null_in_json_and_named_on_the_page(tmp_path):
    weights = np.zeros((4, 2))
    weights[2] = 3e38
    network = make(tmp_path, ARM, {'seed': 0}, weights=weights, bias=(-3e38, -3e38))
    report = report_on(EvaluatedModel(network, ARM, ARM))
    content = json.loads(to_json(metrics(report)), parse_constant=refuse)
    assert content['errors']['network']['worst_m'] is None
    assert 'no number' in text(to_html(report))


def refuse(constant):
    raise AssertionError(f'{constant} is not JSON')


@pytest.mark.parametrize(
    ('value', 'words'),
    [
        (0.0, '0'),
        (0.01234, '12.3 mm'),
        (0.9999, '1 m'),
        (9.996e-4, '1 mm'),
        (4.56e-7, '456 nm'),
        (1e-12, '1.0e-12 m'),
        (np.inf, 'no number'),
    ],
)
def test_a_length_has_a_suitable_unit(value, words):
    assert format_length(value) == words


def test_the_second_axis_shows_mm_as_fractions_of_reach():
    to_fraction, to_mm = reach_axis_functions(0.5)
    assert to_fraction(5.0) == 0.01
    assert to_mm(0.01) == 5.0
