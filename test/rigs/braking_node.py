"""A node that has something to do before it ends; it says how that goes."""

import signal
import sys

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode

from ik_nn_ros.nodes.common.main import run_nodes

STEPS = 50


class BrakingNode(LifecycleNode):
    """
    Brakes for half a second after a signal.

    :param fails_at: the step at which it fails instead; -1: never
    """

    def __init__(self, fails_at):
        super().__init__('braking_node')
        self.fails_at = fails_at
        self.done = None
        self.steps = 0
        self.create_timer(0.01, self.step, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info('ready')

    def brake(self, done):
        self.get_logger().info('braking')
        self.fail_at(0)
        self.done = done

    def step(self):
        self.steps += self.done is not None
        self.fail_at(self.steps or -2)
        if self.steps == STEPS:
            self.get_logger().info('at rest')
            self.done()

    def fail_at(self, step):
        if step == self.fails_at:
            raise ZeroDivisionError(step)


def create():
    if 'interrupted' in sys.argv:
        signal.raise_signal(signal.SIGINT)
    return BrakingNode(int(sys.argv[1]))


if __name__ == '__main__':
    raise SystemExit(run_nodes([create], BrakingNode.brake))
