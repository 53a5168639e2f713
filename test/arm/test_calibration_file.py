"""Calibration files, and the arms they apply to."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from arms import random_arm, random_joints
from built_arms import calibration_of, tips

from ik_nn_ros.arm.calibrated import Calibration, FourierTerm
from ik_nn_ros.errors import CalibrationError

ARM = random_arm(3).model


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'arm.yaml'
    calibration_of(ARM).write(path)
    return path


def test_what_is_written_is_read(file):
    assert Calibration.read(file) == calibration_of(ARM)


def test_the_base_moves_the_plane(file):
    """A target in the base frame is the same point, wherever the fit has put the first axis."""
    calibration = Calibration.read(file)
    built = calibration.apply(ARM)
    q = random_joints(ARM, np.random.default_rng(0), 20)
    in_base = built.plane.to_base(built.fk(q))
    x, y = np.array([ARM.plane.to_plane(*point)[:2] for point in in_base]).T
    expected = tips(built, q) + np.array(calibration.base)
    np.testing.assert_allclose(np.stack((x, y), axis=-1), expected, atol=1e-12 * ARM.reach)


def test_limits_and_names_stay_those_of_the_urdf(file):
    built = Calibration.read(file).apply(ARM)
    for name in ('name', 'joint_names', 'signs', 'lower', 'upper', 'max_velocity'):
        assert getattr(built, name) == getattr(ARM, name)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'lengths': (1.0, 2.0)}, 'lengths of its arm'),
        ({'offsets': (0.1, 0.2)}, 'offsets of its arm'),
        ({'signs': (ARM.signs[0], -ARM.signs[1])}, 'signs of its arm'),
        ({'joint_names': ('b', 'a')}, 'joints of its arm'),
        ({'plane': replace(ARM.plane, base_frame='world')}, 'base_frame of its arm'),
        ({'plane': replace(ARM.plane, origin=ARM.plane.origin + 0.01)}, 'plane_origin of its arm'),
        ({'plane': replace(ARM.plane, rotation=-ARM.plane.rotation)}, 'plane_axes of its arm'),
    ],
)
def test_another_arm_is_refused(change, words):
    with pytest.raises(CalibrationError, match=words):
        calibration_of(ARM).apply(replace(ARM, **change))


def test_the_name_of_the_robot_does_not_matter():
    calibration_of(ARM).apply(replace(ARM, name='the same arm, renamed'))


def damage(file, change):
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda c: c.update(format=2), 'format 2'),
        (lambda c: c.pop('lengths'), "no 'lengths'"),
        (lambda c: c.update(lengths=[0.3]), 'lengths [0.3], not two numbers'),
        (lambda c: c.update(lengths=[0.3, -0.2]), 'not positive'),
        (lambda c: c.update(base=[float('nan'), 0.0]), 'not finite'),
        (lambda c: c['residual'][0].update(k1=99), 'k1 99'),
        (lambda c: c['residual'][0].update(x='a lot'), 'not two numbers'),
        (lambda c: c['arm'].pop('signs'), "no 'signs'"),
    ],
)
def test_a_damaged_file_is_refused_by_name(file, change, words):
    damage(file, change)
    with pytest.raises(CalibrationError) as caught:
        Calibration.read(file)
    assert str(file) in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize('content', [b'', b'- 1\n', b'a: [', b'\xff\xfe\x00', b'format: 1'])
def test_a_file_without_a_calibration_is_refused(tmp_path, content):
    path = tmp_path / 'arm.yaml'
    path.write_bytes(content)
    with pytest.raises(CalibrationError, match='expected a file of'):
        Calibration.read(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CalibrationError, match='No such file'):
        Calibration.read(tmp_path / 'none.yaml')


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'lengths': (100.0 * ARM.lengths[0], ARM.lengths[1])}, 'lengths'),
        ({'residual': (FourierTerm(2, 1, complex(0.2 * ARM.reach)),)}, 'residual'),
    ],
)
def test_a_calibration_too_far_from_the_urdf_is_refused(change, words):
    """A file that was edited or fitted to something else must not move the arm."""
    with pytest.raises(CalibrationError, match=f'calibration: {words}'):
        replace(calibration_of(ARM), **change).apply(ARM)
