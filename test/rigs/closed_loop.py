"""Closed loop of a smooth controller and an arm that follows its commands."""

import numpy as np

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.control.controller import MotionConfig
from ik_nn_ros.control.smooth_controller import SmoothController

PERIOD = 0.01
CONFIG = MotionConfig()
ARM = ArmModel(
    'two_link_arm',
    ('joint1', 'joint2'),
    (0.3, 0.2),
    lower=(-2.9, -2.6),
    upper=(2.9, 2.6),
    max_velocity=(3.0, 3.0),
)
LOWER, UPPER = np.array(ARM.lower), np.array(ARM.upper)
MAX_STEPS = 3000
"""More than any motion takes."""


class ClosedLoopRig:
    """
    A controller and an arm that follows it with a first-order lag.

    :param start: positions of the arm, rad
    :param lag: time constant of the arm, s
    """

    def __init__(self, start=(0.3, 0.5), config=CONFIG, arm=ARM, lag=0.02):
        self.controller = SmoothController(arm, config)
        self.q = np.array(start, dtype=float)
        self.velocity = np.zeros(2)
        self.lag = lag
        self.now = 100.0
        self.commands = []
        self.received = None
        """The last command that the arm has received."""
        self.blocked_at = None
        """Upper bounds of positions that an obstacle allows, rad."""
        self.commands_lost = False
        self.noise = 1e-6
        """Measurement noise of a blocked arm, rad: without it the feedback looks frozen."""
        self.controller.reset()

    def measure(self):
        self.controller.update_feedback(self.now, self.now, tuple(self.q), tuple(self.velocity))

    def move_by_hand(self, velocity):
        """Let something else move the arm for a period."""
        self.now += PERIOD
        self.velocity = np.array(velocity)
        self.q = self.q + PERIOD * self.velocity
        self.measure()
        assert self.controller.step(self.now) is None

    def step(self, measured=True, seconds=PERIOD):
        self.now += seconds
        if measured:
            self.measure()
        command = self.controller.step(self.now)
        if command is not None:
            self.commands.append(command)
            self.received = self.received if self.commands_lost else command
        if self.received is not None:
            before = self.q
            self.q = self.q + (np.array(self.received) - self.q) * min(1.0, seconds / self.lag)
            if self.blocked_at is not None:
                noise = self.noise * (len(self.commands) % 7)
                self.q = np.minimum(self.q, self.blocked_at) + noise
            self.velocity = (self.q - before) / seconds
        return command

    def run(self, seconds, **options):
        for _ in range(round(seconds / PERIOD)):
            self.step(**options)

    def go_to(self, q):
        assert self.controller.rejection(self.now) is None
        self.controller.go_to(self.now, q)

    def run_until_rest(self, **options):
        for _ in range(MAX_STEPS):
            if self.controller.at_rest:
                return
            self.step(**options)
        raise AssertionError(f'still in phase {self.controller.phase}')


def assert_within_limits(commands, config=CONFIG, start=None, period=PERIOD):
    """A limit bounds the differences of the derivative below it: of position, velocity, ..."""
    q = np.array(commands if start is None else [start, start, start, *commands])
    limits = config.motion_limits(ARM)
    v, a, j = (np.diff(q, n, axis=0) / period**n for n in (1, 2, 3))
    for name, values, limit in (
        ('velocity', v, limits.velocity),
        ('acceleration', a, limits.acceleration),
        ('jerk', j, limits.jerk),
    ):
        assert (np.abs(values) <= np.array(limit) * (1.0 + 1e-6) + 1e-6).all(), name
