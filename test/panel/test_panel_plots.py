"""The data of the plots, without a browser."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('viser', reason='the panel needs viser')

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.panel.controls import ShapeControls
from ik_nn_ros.panel.plots import JointPlots
from ik_nn_ros.panel.view import Actions

LIMITS = {'lower': (-1.0, -2.0), 'upper': (1.0, 2.0), 'max_velocity': (3.0, np.inf)}
ARM = ArmModel('plotted', ('a', 'b'), (0.3, 0.2), **LIMITS)
MAX_VELOCITY = (1.5, 2.0)
TABLE = np.array([[-1.0, -0.5], [0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]])


class Gui:
    """Stand-in for viser's GUI; holds the plots."""

    def __init__(self):
        self.plots = []

    def add_uplot(self, data, series, **options):
        self.plots.append(SimpleNamespace(data=data, series=series, **options))
        return self.plots[-1]

    def __getattr__(self, name):
        handle = SimpleNamespace(on_click=lambda _: None, on_update=lambda _: None)
        return lambda *_, **options: SimpleNamespace(
            **{'visible': True, 'disabled': False, **vars(handle), **options}
        )


@pytest.fixture
def plotted():
    gui = Gui()
    return JointPlots(gui, ARM), *gui.plots


def test_without_measurements_there_is_no_line(plotted):
    plots, positions, velocities = plotted
    for _ in range(2):
        for plot in (positions, velocities):
            assert np.isnan(plot.data[1:3]).all()
        plots.show(np.empty((5, 0)), MAX_VELOCITY)


def test_measurements_disappear_when_there_are_no_new_ones(plotted):
    plots, positions, velocities = plotted
    plots.show(TABLE, MAX_VELOCITY)
    np.testing.assert_array_equal(positions.data[:3], TABLE[:3])
    np.testing.assert_array_equal(velocities.data[:3], TABLE[[0, 3, 4]])
    plots.show(np.empty((5, 0)), MAX_VELOCITY)
    assert np.isnan(positions.data[1:3]).all()


def test_dashed_lines_are_the_limits_in_force(plotted):
    plots, positions, velocities = plotted
    assert np.isnan(velocities.data[4]).all()  # this joint has no limit
    plots.show(TABLE, MAX_VELOCITY)
    assert [line[0] for line in positions.data[3:]] == [-1.0, -2.0, 1.0, 2.0]
    assert [line[0] for line in velocities.data[3:]] == [-1.5, -2.0, 1.5, 2.0]
    assert len(velocities.data) == len(velocities.series)


def test_the_settings_of_a_page_that_watches_are_disabled():
    controls = ShapeControls(Gui(), Actions(*[None] * len(Actions._fields)))
    controls.add_settings()
    for has_control in (False, True):
        controls.show(has_control, True, '')
        assert controls._size.disabled is not has_control
        assert controls._lap_time.disabled is not has_control
