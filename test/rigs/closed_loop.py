"""A motion under test, and an arm that follows its commands."""

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
STEPS = 3000
"""More than any motion takes."""


class Played:
    """
    A motion, and an arm that follows it: a first-order lag behind its command.

    :param start: where the arm is, rad
    """

    def __init__(self, start=(0.3, 0.5), config=CONFIG, arm=ARM, lag=0.02):
        self.motion = SmoothController(arm, config)
        self.q = np.array(start, dtype=float)
        self.velocity = np.zeros(2)
        self.lag = lag
        self.now = 100.0
        self.commands = []
        self.held = None
        self.blocked = None
        self.deaf = False
        self.noise = 1e-6
        self.motion.reset()

    def measure(self):
        self.motion.update_feedback(self.now, self.now, tuple(self.q), tuple(self.velocity))

    def moved_by(self, velocity):
        """Let somebody else move the arm for a period."""
        self.now += PERIOD
        self.velocity = np.array(velocity)
        self.q = self.q + PERIOD * self.velocity
        self.measure()
        assert self.motion.step(self.now) is None

    def tick(self, measured=True, seconds=PERIOD):
        self.now += seconds
        if measured:
            self.measure()
        command = self.motion.step(self.now)
        if command is not None:
            self.commands.append(command)
            self.held = self.held if self.deaf else command
        if self.held is not None:
            before = self.q
            self.q = self.q + (np.array(self.held) - self.q) * min(1.0, seconds / self.lag)
            if self.blocked is not None:  # noise keeps it from looking frozen
                self.q = np.minimum(self.q, self.blocked) + self.noise * (len(self.commands) % 7)
            self.velocity = (self.q - before) / seconds
        return command

    def run(self, seconds, **options):
        for _ in range(round(seconds / PERIOD)):
            self.tick(**options)

    def go(self, q):
        assert self.motion.rejection(self.now) is None
        self.motion.go_to(self.now, q)

    def until_rest(self, **options):
        for _ in range(STEPS):
            if self.motion.at_rest:
                return
            self.tick(**options)
        raise AssertionError(f'no rest: {self.motion.phase}')


def require_within(commands, config=CONFIG, start=None, period=PERIOD):
    """Differences of a derivative are bounded by its limit: position, velocity, acceleration."""
    q = np.array(commands if start is None else [start, start, start, *commands])
    limits = config.motion_limits(ARM)
    v, a, j = (np.diff(q, n, axis=0) / period**n for n in (1, 2, 3))
    for name, values, limit in (
        ('velocity', v, limits.velocity),
        ('acceleration', a, limits.acceleration),
        ('jerk', j, limits.jerk),
    ):
        assert (np.abs(values) <= np.array(limit) * (1.0 + 1e-6) + 1e-6).all(), name
