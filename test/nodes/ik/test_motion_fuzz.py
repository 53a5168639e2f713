"""
Random messages of all kinds to a running node: no crash, no limit exceeded, one answer per target.

The long run is marked ``soak``.
"""

import numpy as np
import pytest
from command_stream import violations
from ik_node_rig import ARM
from motion_rig import BOUNDS, MIDDLE, motion_rig
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from simulated_arm import SimulatedArm
from std_srvs.srv import Trigger

BATCH = 20
"""Number of messages until their answers are awaited: fewer than the node's queue holds."""
NUMBERS = [float('nan'), float('inf'), -float('inf'), 1e308, -1e200, 5e-324, 0.0, -0.0]
FRAMES = ['', 'base_link', '/base_link', 'map', 'base_link ', 'x' * 1000, '\n', 'größe']
LIVE = ['branch', 'on_unreachable', 'speed_scale', 'tracking_tolerance', 'idle', 'plane_tolerance']
VALUES = ['nearest', 'positive', 'hold', 'silent', '', 0.0, 0.3, 1.0, -1.0, 1e9, float('nan'), 7]
DEFAULTS = {
    'branch': 'nearest',
    'on_unreachable': 'reject',
    'speed_scale': 1.0,
    'tracking_tolerance': 0.2,
    'idle': 'silent',
    'plane_tolerance': 0.01,
}


class Fuzz:
    """Sends random messages of every kind, good and bad."""

    def __init__(self, rig, seed):
        self.rig = rig
        self.rng = np.random.default_rng(seed)
        node = rig.client.node
        self._states = node.create_publisher(JointState, 'joint_states', 100)
        self._triggers = [
            node.create_client(Trigger, f'ik_node/{name}')
            for name in ('hold', 'resume', 'resume', 'resume', 'reload_model')
        ]
        self._setter = node.create_client(SetParameters, 'ik_node/set_parameters')
        for client in (*self._triggers, self._setter):
            rig.wait(client.service_is_ready, 'no service')
        self.calls = []

    def send(self):
        kinds = [self.target, self.target, self.target, self.near_target, self.joint_states]
        if self.rng.random() < 0.02:
            kinds = [self.trigger, self.set_parameter, self.set_parameter]
        self._choose(kinds)()

    def _choose(self, choices):
        return choices[self.rng.integers(len(choices))]

    def _numbers(self, count, scale):
        numbers = (scale * self.rng.normal(size=count)).tolist()
        if self.rng.random() < 0.2:
            numbers[self.rng.integers(count)] = self._choose(NUMBERS)
        return numbers

    def target(self):
        x, y, z = self._numbers(3, 0.4)
        frame = self._choose(FRAMES) if self.rng.random() < 0.3 else ''
        self.rig.send_point(x, y, z=z if self.rng.random() < 0.1 else 0.0, frame=frame)

    def near_target(self):
        """Send a target at the boundary of the workspace, to the last bit and beyond."""
        radius = self._choose([ARM.reach, ARM.inner_reach])
        radius *= 1.0 + self._choose([0.0, 1e-16, -1e-16, 1e-12, -1e-12, 1e-6, -1e-6])
        angle = self.rng.uniform(-np.pi, np.pi)
        self.rig.send_point(radius * np.cos(angle), radius * np.sin(angle))

    def joint_states(self):
        """Send what no arm would: names, numbers, lengths and stamps."""
        names = self._choose(
            [
                ['joint1', 'joint2'],
                ['joint2', 'joint1'],
                ['joint1'],
                [],
                ['joint1', 'joint1'],
                ['?'],
            ]
        )
        message = JointState(name=names * self._choose([1, 1, 1, 500]))
        message.position = self._numbers(2, 2.0)[: self._choose([0, 1, 2, 2])]
        message.velocity = self._numbers(2, 50.0)[: self._choose([0, 1, 2, 2])]
        message.header.stamp.sec = self._choose([0, 1, 2**31 - 1, -1])
        if len(message.position) == len(message.name) == 2 and np.isfinite(message.position).all():
            message.position[0] = float('nan')  # only the arm sends what is valid
        self._states.publish(message)

    def trigger(self):
        self.calls.append(self._choose(self._triggers).call_async(Trigger.Request()))

    def set_parameter(self):
        parameter = Parameter(self._choose(LIVE), value=self._choose(VALUES)).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter] * self._choose([1, 2]))
        self.calls.append(self._setter.call_async(request))

    def restore(self):
        """Restore the parameters, and resume."""
        parameters = [Parameter(name, value=value) for name, value in DEFAULTS.items()]
        for parameter in parameters:
            request = SetParameters.Request(parameters=[parameter.to_parameter_msg()])
            self.calls.append(self._setter.call_async(request))
        self.calls.append(self._triggers[1].call_async(Trigger.Request()))
        self.rig.wait(lambda: all(call.done() for call in self.calls), 'a call has no answer')


def memory(process):
    """Return the resident memory of a process, MiB."""
    with open(f'/proc/{process.pid}/status') as status:
        (line,) = (line for line in status if line.startswith('VmRSS'))
    return int(line.split()[1]) / 1024.0


def send(rig, fuzz, count):
    """Send a number of messages; check their effects now and then, and forget them."""
    for _ in range(count // BATCH):
        for _ in range(BATCH):
            fuzz.send()
        rig.wait_answers()
        if len(rig.commands) > 5000:
            check(rig)


def check(rig):
    found = violations(rig.stream(), BOUNDS)
    assert not found, found
    rig.check_answers()
    rig.forget()


@pytest.mark.parametrize('count', [2000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_every_target_is_answered_once_and_the_limits_hold(count):
    with motion_rig() as rig:
        SimulatedArm(rig.client, (0.0, 0.5))
        rig.ready()
        rig.forget()
        fuzz = Fuzz(rig, seed=count)
        send(rig, fuzz, count // 4)
        before = memory(rig.node.process)
        send(rig, fuzz, count - count // 4)
        growth = memory(rig.node.process) - before
        fuzz.restore()
        rig.wait_at_rest()
        check(rig)
        rig.arrive(MIDDLE)
        rig.check()
        assert rig.node.process.poll() is None
        assert 'Traceback' not in rig.node.output
        assert growth < 4.0, f'{growth:.1f} MiB more'
