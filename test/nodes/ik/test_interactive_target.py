"""
The target to drag in RViz: each test runs against a stand-in for the package interactive_markers,
and against the package itself with real topics where that is installed.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from arms import random_arm
from processes import Client, reserved_domain
from visualization_msgs.msg import (
    InteractiveMarker,
    InteractiveMarkerControl,
    InteractiveMarkerFeedback,
    InteractiveMarkerUpdate,
)
from visualization_msgs.srv import GetInteractiveMarkers

from ik_nn_ros.arm.geometry import Plane
from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.ik.acceptance import SolverConfig, Status
from ik_nn_ros.ik.solver import HybridSolver
from ik_nn_ros.nodes.common.conversions import rotate_vector
from ik_nn_ros.nodes.ik.interactive_target import (
    MARKER_NAME,
    InteractiveTarget,
    TargetActions,
    create_interactive_target,
)
from ik_nn_ros.nodes.ik.markers import AMBER, GREEN, RED
from ik_nn_ros.nodes.ik.target_solver import TargetResult

VERTICAL = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""The plane's y axis points up, its normal along -y."""
ARM = ArmModel(
    'upright',
    ('a', 'b'),
    (0.3, 0.2),
    lower=(-2.9, -2.6),
    upper=(2.9, 2.6),
    plane=Plane('stand', np.array([0.0, 0.1, 0.5]), VERTICAL),
)
REACHED, OUTSIDE = (0.3, 0.2), (0.5, 0.4)
SENT = 1234567890


class StandIn:
    """What InteractiveTarget uses of the package, at once instead of over topics."""

    CHECKED, UNCHECKED = 1, 2

    def __init__(self):
        self.info = {}
        self.marker = None
        self.entries = {}
        self.closed = False

    # The server

    def insert(self, marker, feedback_callback=None):
        self.marker = marker
        self.callback = feedback_callback or self.callback

    def setPose(self, name, pose):  # noqa: N802
        assert name == self.marker.name
        self.marker.pose = pose

    def applyChanges(self):  # noqa: N802
        pass

    def shutdown(self):
        self.closed = True

    # The menu

    def add(self, title, parent=None, callback=None):
        self.entries[title] = SimpleNamespace(callback=callback, state=0)
        return title

    def setCheckState(self, entry, state):  # noqa: N802
        self.entries[entry].state = state

    def apply(self, server, name):
        pass

    def reApply(self, server):  # noqa: N802
        pass


class ByHand:
    """A user in front of the stand-in."""

    def __init__(self, arm, actions, branch='nearest'):
        self._server = StandIn()
        menu = SimpleNamespace(
            insert=self._server.add,
            setCheckState=self._server.setCheckState,
            apply=self._server.apply,
            reApply=self._server.reApply,
            CHECKED=1,
            UNCHECKED=2,
        )
        self.target = InteractiveTarget(self._server, menu, arm, 'left/', branch, actions)

    @property
    def marker(self) -> InteractiveMarker:
        return self._server.marker

    def menu(self):
        marks = {0: '', 1: '[x] ', 2: '[ ] '}
        return [marks[entry.state] + title for title, entry in self._server.entries.items()]

    def send(self, kind, position, entry=''):
        self._server.info = {'source_timestamp': SENT}
        if kind == InteractiveMarkerFeedback.MENU_SELECT:
            self._server.entries[entry].callback(None)
            return
        feedback = InteractiveMarkerFeedback(event_type=kind)
        p = feedback.pose.position
        p.x, p.y, p.z = (float(value) for value in position)
        if kind == InteractiveMarkerFeedback.POSE_UPDATE:
            self.marker.pose = feedback.pose
        self._server.callback(feedback)

    def wait(self, condition):
        assert condition()


class OverTopics:
    """A user in front of RViz: what that sends and receives, with the package itself."""

    def __init__(self, client, arm, actions, branch='nearest'):
        self._client = client
        self.target = create_interactive_target(client.node, arm, 'left/', branch, actions)
        name = '/test_client/target'
        self._shown = {}
        self._updates = client.collect(InteractiveMarkerUpdate, f'{name}/update')
        self._feedback = client.publisher(InteractiveMarkerFeedback, f'{name}/feedback')
        # Until the server's updates arrive here, too.
        client.wait_until(lambda: client.node.count_publishers(f'{name}/update'))
        service = f'{name}/get_interactive_markers'
        (self._marker,) = client.call(
            GetInteractiveMarkers, service, GetInteractiveMarkers.Request(), again=True
        ).markers

    @property
    def marker(self):
        while self._updates:
            update = self._updates.pop(0)
            for marker in update.markers:
                self._marker = marker
            for pose in update.poses:
                self._marker.header, self._marker.pose = pose.header, pose.pose
        return self._marker

    def menu(self):
        return [entry.title for entry in self.marker.menu_entries]

    def send(self, kind, position, entry=''):
        feedback = InteractiveMarkerFeedback(
            marker_name=MARKER_NAME, client_id='rviz', event_type=kind
        )
        p = feedback.pose.position
        p.x, p.y, p.z = (float(value) for value in position)
        for found in self.marker.menu_entries:
            if found.title.endswith(entry):
                feedback.menu_entry_id = found.id
        self._feedback.publish(feedback)

    def wait(self, condition):
        self._client.wait_until(condition)


class Rig:
    """Plays the node; ``user`` plays RViz."""

    def __init__(self, make, arm=ARM, on_unreachable='reject', branch='nearest'):
        self.solver = HybridSolver(arm, None, SolverConfig(on_unreachable=on_unreachable))
        self.asked, self.sent, self.done = [], [], []
        actions = TargetActions(
            self._drag,
            lambda: self.done.append('hold'),
            lambda: self.done.append('resume'),
            self._choose,
        )
        self.arm = arm
        self.user = make(arm, actions, branch)

    def _drag(self, message, info):
        self.asked.append(message)
        self.sent.append(info['source_timestamp'])
        position = message.pose.position
        point = self.arm.plane.to_plane(position.x, position.y, position.z)[:2]
        solution = self.solver.solve(*point, (0.0, 0.5))
        names = {Status.ACCEPTED: 'ACCEPTED', Status.PROJECTED: 'PROJECTED'}
        return TargetResult(names.get(solution.status, solution.reason.name), '', point, solution)

    def _choose(self, branch):
        # As the node does: the parameter changes, then the menu is told.
        self.done.append(branch)
        self.user.target.show_branch(branch)

    def drag(self, point, off=0.0, kind=InteractiveMarkerFeedback.POSE_UPDATE):
        position = self.arm.plane.to_base(point) + off * self.arm.plane.rotation[:, 2]
        count = len(self.asked)
        self.user.send(kind, position)
        return position, count

    def drag_until_asked(self, point, off=0.0):
        position, count = self.drag(point, off)
        self.user.wait(lambda: len(self.asked) > count)
        return position

    def release(self, point):
        self.drag(point, kind=InteractiveMarkerFeedback.MOUSE_UP)

    def choose(self, entry):
        self.user.send(InteractiveMarkerFeedback.MENU_SELECT, (0, 0, 0), entry)

    def place(self):
        p = self.user.marker.pose.position
        return self.arm.plane.to_plane(p.x, p.y, p.z)

    def wait_at(self, point, color=None):
        def there():
            shown = self.user.marker.controls[0].markers[0].color
            wanted = color or (shown.r, shown.g, shown.b)
            return np.allclose(self.place(), (*point, 0.0), atol=1e-9) and np.allclose(
                (shown.r, shown.g, shown.b), wanted[:3], atol=1e-6
            )

        self.user.wait(there)


@pytest.fixture(scope='module')
def client():
    pytest.importorskip('interactive_markers')
    with reserved_domain() as domain, Client(domain) as client:
        yield client


@pytest.fixture(params=['stand-in', 'package'])
def rig(request):
    """Return what makes a rig."""
    made = []

    def make(**options):
        def user(arm, actions, branch):
            if request.param == 'stand-in':
                return ByHand(arm, actions, branch)
            return OverTopics(request.getfixturevalue('client'), arm, actions, branch)

        made.append(Rig(user, **options))
        return made[-1]

    yield make
    for it in made:
        it.user.target.close()


def test_it_begins_at_the_tip_of_the_arm_at_home_in_the_arms_plane_and_frame(rig):
    it = rig()
    it.wait_at((0.5, 0.0))
    marker = it.user.marker
    assert marker.header.frame_id == 'left/stand'
    assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (0, 0)


@pytest.mark.parametrize('arm', [ARM, random_arm(3).model, random_arm(8).model], ids=str)
def test_it_moves_across_the_normal_of_any_plane(arm):
    it = Rig(ByHand, arm=arm)
    marker = it.user.marker
    (control,) = marker.controls
    assert control.interaction_mode == InteractiveMarkerControl.MOVE_PLANE
    assert control.orientation_mode == InteractiveMarkerControl.INHERIT
    # RViz moves in the y-z plane of the control's frame, which turns with the marker.
    axis = rotate_vector(
        _words(marker.pose.orientation), rotate_vector(_words(control.orientation), (1, 0, 0))
    )
    assert abs(np.dot(axis, arm.plane.rotation[:, 2])) == pytest.approx(1.0)


def _words(quaternion):
    return quaternion.x, quaternion.y, quaternion.z, quaternion.w


def test_it_goes_to_where_the_arm_is_once(rig):
    it = rig()
    it.user.target.update_joints((0.3, 0.8))
    it.wait_at(ARM.fk_point(0.3, 0.8))
    it.user.target.update_joints((0.0, 0.8))
    it.wait_at(ARM.fk_point(0.3, 0.8))


def test_a_drag_is_a_target_in_the_plane_in_the_base_frame_and_says_when_it_was_sent(rig):
    it = rig()
    position = it.drag_until_asked(REACHED, off=0.004)
    message, normal = it.asked[-1], ARM.plane.rotation[:, 2]
    p = message.pose.position
    assert message.header.frame_id == ''
    assert (p.x, p.y, p.z) == pytest.approx(tuple(position - 0.004 * normal), abs=1e-12)
    assert it.sent[-1] > 0
    it.wait_at(REACHED, GREEN)


def test_after_a_drag_the_arm_does_not_pull_it_back(rig):
    it = rig()
    it.drag_until_asked(REACHED)
    it.user.target.update_joints((0.3, 0.8))
    it.wait_at(REACHED)


def test_a_press_where_it_is_sends_nothing(rig):
    it = rig()
    # RViz computes in single precision.
    it.drag(np.float32((0.5, 1e-8)))
    it.drag_until_asked(REACHED)
    it.release(np.float32(REACHED))
    it.wait_at(REACHED)
    assert len(it.asked) == 1


def test_let_go_outside_it_goes_back_to_where_the_arm_went(rig):
    it = rig()
    it.drag_until_asked(REACHED)
    it.drag_until_asked(OUTSIDE)
    it.wait_at(OUTSIDE, RED)
    it.release(OUTSIDE)
    it.wait_at(REACHED, GREEN)
    assert len(it.asked) == 2


def test_let_go_outside_it_goes_to_the_edge_where_targets_are_projected(rig):
    it = rig(on_unreachable='nearest')
    it.drag_until_asked(OUTSIDE)
    it.wait_at(OUTSIDE, AMBER)
    it.release(OUTSIDE)
    scale = 0.5 / math.hypot(*OUTSIDE)
    it.wait_at((OUTSIDE[0] * scale, OUTSIDE[1] * scale), AMBER)


def test_the_last_place_counts_also_where_only_letting_go_tells_it(rig):
    """The server keeps one message: the last update may be lost to the one that follows it."""
    it = rig()
    it.release(REACHED)
    it.wait_at(REACHED, GREEN)
    assert len(it.asked) == 1


def test_let_go_with_nothing_reached_it_goes_back_to_the_start(rig):
    it = rig()
    it.user.target.update_joints((0.3, 0.8))
    it.drag_until_asked(OUTSIDE)
    it.release(OUTSIDE)
    it.wait_at(ARM.fk_point(0.3, 0.8))


@pytest.mark.parametrize(('entry', 'does'), [('Hold', 'hold'), ('Resume', 'resume')])
def test_the_menu_holds_and_resumes(rig, entry, does):
    it = rig()
    it.choose(entry)
    it.user.wait(lambda: it.done == [does])


def test_the_menu_shows_the_branch_and_follows_the_parameter(rig):
    it = rig(branch='positive')
    entries = ['Hold', 'Resume', 'Branch', '[ ] nearest', '[x] positive', '[ ] negative']
    assert it.user.menu() == entries
    it.user.target.show_branch('nearest')
    it.user.wait(lambda: it.user.menu()[3:] == ['[x] nearest', '[ ] positive', '[ ] negative'])


def test_the_menu_chooses_the_branch_and_the_target_stays_draggable(rig):
    it = rig()
    it.choose('negative')
    it.user.wait(lambda: it.user.menu()[3:] == ['[ ] nearest', '[ ] positive', '[x] negative'])
    assert it.done == ['negative']
    it.drag_until_asked(REACHED)
    it.wait_at(REACHED, GREEN)
    assert it.user.menu()[5] == '[x] negative'


def test_without_the_package_there_is_none_and_it_is_said_at_debug_level(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'interactive_markers', None)
    said = []
    logger = SimpleNamespace(debug=lambda text, **options: said.append((text, options)))
    node = SimpleNamespace(get_logger=lambda: logger)
    nothing = TargetActions(None, None, None, None)
    assert create_interactive_target(node, ARM, '', 'nearest', nothing) is None
    ((text, options),) = said
    assert 'interactive_markers' in text
    assert options == {'once': True}
