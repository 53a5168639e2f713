"""The page shows the arm with the ik_node's calibration, at measured joint positions only."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from built_arms import calibration_of
from ik_node_rig import ARM, URDF
from processes import LOCALHOST, free_port, reserved_domain, wait_until
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import String

pytest.importorskip('viser', reason='the panel needs viser')
pytest.importorskip('yourdfpy', reason='the panel needs yourdfpy')

from ik_nn_ros.arm.urdf import load_arm
from ik_nn_ros.nodes.common.parameters import Parameters
from ik_nn_ros.nodes.ik.parameters import PARAMETERS
from ik_nn_ros.nodes.panel import node as panel
from ik_nn_ros.nodes.panel.arm_state import LATCHED_QOS, CalibrationFile
from ik_nn_ros.nodes.panel.node import PanelNode
from ik_nn_ros.panel.camera import line_segments, link_points
from ik_nn_ros.panel.page import Page
from ik_nn_ros.panel.shapes import STUCK_TIMEOUT_S
from ik_nn_ros.panel.view import Outcome, View

CALIBRATION = calibration_of(ARM)
Q = (0.4, 0.9)
REACHED = Outcome('ACCEPTED', '', ARM.fk_point(*Q), Q)


@pytest.fixture
def calibrated(tmp_path):
    file = tmp_path / 'arm.yaml'
    CALIBRATION.write(file)
    return str(file)


class Stage:
    """A panel, and an ik_node that has parameters only, in the test's own process."""

    def __init__(self, executor, calibrated):
        self._executor = executor
        self.ik_node = Node('ik_node')
        Parameters(self.ik_node, PARAMETERS)
        self.set('calibration_file', calibrated)
        self.panel = PanelNode()
        self._states = self.ik_node.create_publisher(JointState, 'joint_states', 10)
        described = self.ik_node.create_publisher(String, 'robot_description', LATCHED_QOS)
        described.publish(String(data=URDF))
        for node in (self.ik_node, self.panel):
            executor.add_node(node)

    @property
    def scene(self):
        return self.panel._page._scene

    @property
    def notes(self):
        return ' '.join(self.panel._arm.notes)

    def set(self, name, value):
        (done,) = self.ik_node.set_parameters([Parameter(name, value=value)])
        assert done.successful

    def publish(self):
        self._states.publish(JointState(name=ARM.joint_names, position=Q))

    def until(self, condition, by=lambda: None):
        def spin():
            by()
            self._executor.spin_once(timeout_sec=0.02)

        return wait_until(condition, 60.0, between=spin)


@pytest.fixture
def stage(calibrated, monkeypatch):
    monkeypatch.setattr(Page, 'has_clients', True)
    for name, value in LOCALHOST.items():
        monkeypatch.setenv(name, value)
    with reserved_domain() as domain:
        given = ['-p', f'port:={free_port()}', '-p', 'host:=0.0.0.0']
        rclpy.init(args=['--ros-args', *given], domain_id=domain)
        executor = SingleThreadedExecutor()
        stage = Stage(executor, calibrated)
        try:
            yield stage
        finally:
            executor.shutdown()
            stage.panel.destroy_node()
            stage.ik_node.destroy_node()
            rclpy.try_shutdown()


def test_the_calibrated_arm_is_shown_and_only_while_its_position_is_known(stage):
    built = CALIBRATION.apply(ARM)
    stage.until(lambda: stage.scene and stage.scene.arm.identity() == built.identity())
    assert not stage.notes
    assert not stage.scene._robot.is_visible  # its joint positions are unknown
    stage.until(lambda: stage.scene._robot.is_visible, by=stage.publish)
    outcome = Outcome('ACCEPTED', '', None, (0.5, 0.9))
    error = stage.until(lambda: stage.panel._arm.tip_error(outcome), by=stage.publish)
    assert error == pytest.approx(np.hypot(*built.fk([0.5, 0.9]) - built.fk(Q)))
    assert error != pytest.approx(np.hypot(*ARM.fk([0.5, 0.9]) - ARM.fk(Q)), abs=1e-5)

    stage.until(lambda: not stage.scene._robot.is_visible)  # joint_states are too old
    assert stage.scene._stale_lines.points == pytest.approx(line_segments(link_points(built, Q)))
    assert stage.panel._arm.tip_error(REACHED) is None
    stage.until(lambda: stage.scene._robot.is_visible, by=stage.publish)
    assert not len(stage.scene._stale_lines.points)

    shown = []
    stage.panel._page.show = shown.append
    stage.set('calibration_file', '/nowhere/arm.yaml')
    stage.until(lambda: stage.scene.arm.identity() == ARM.identity())
    assert 'of the nominal arm: calibration /nowhere/arm.yaml' in stage.notes
    stage.until(lambda: shown and set(stage.panel._arm.notes) <= set(shown[-1].notes))
    assert 'Anybody who can reach http://localhost:' in shown[-1].notes[-1]


def test_the_velocity_limits_are_those_of_the_ik_node(stage):
    stage.set('max_velocity', [1.0, 0.0])
    stage.set('speed_scale', 0.5)
    limits = (0.5, 0.5 * ARM.max_velocity[1])
    stage.until(lambda: stage.panel._velocity_limits(ARM) == pytest.approx(limits))


def test_a_tip_that_has_stopped_short_of_its_goal_is_noticed_while_the_arm_is_free(
    stage, monkeypatch
):
    now = 100.0
    monkeypatch.setattr(panel, 'time', SimpleNamespace(monotonic=lambda: now))
    view = View(outcome=REACHED, tip_error=0.05, speed_scale=1.0)
    assert not stage.panel._is_stuck(view)
    now += STUCK_TIMEOUT_S + 0.1
    assert stage.panel._is_stuck(view)
    assert not stage.panel._is_stuck(replace(view, holding=True))
    assert not stage.panel._is_stuck(replace(view, speed_scale=0.0))
    assert not stage.panel._is_stuck(view)  # it has just been released


def test_a_calibration_is_read_again_when_the_ik_node_has_been_restarted(calibrated, tmp_path):
    named = CalibrationFile()
    assert named.reload(calibrated)
    assert not named.reload(calibrated)
    calibration_of(ARM, 1).write(tmp_path / 'arm.yaml')
    assert not named.reload(None)  # the ik_node is gone
    assert named.apply(ARM).identity() == CALIBRATION.apply(ARM).identity()
    assert named.reload(calibrated)
    assert named.apply(ARM).identity() == calibration_of(ARM, 1).apply(ARM).identity()
    assert named.reload('')
    assert named.apply(ARM) is ARM


def test_a_calibration_of_another_arm_is_reported(calibrated):
    named, other = CalibrationFile(), load_arm(URDF.replace('joint1', 'joint7'))
    named.reload(calibrated)
    assert named.apply(other) is other
    assert 'joints of its arm' in named.error
    named.apply(ARM)
    assert not named.error
