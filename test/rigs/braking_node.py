"""A node that brakes before it ends, and logs how that goes; `stuck`: its clean-up never ends."""

import signal
import sys
import time

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode

from ik_nn_ros.nodes.common import main
from ik_nn_ros.nodes.common.main import run_nodes

STEPS = 50


class StuckNode(LifecycleNode):
    """Ends at once, but for its clean-up, which hangs as Fast DDS may."""

    def __init__(self):
        super().__init__('stuck_node')
        self.get_logger().info('ready')

    def destroy_node(self):
        while True:
            time.sleep(1.0)


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
    if 'stuck' in sys.argv:
        main.CLEANUP_TIMEOUT_S = 0.5
        raise SystemExit(run_nodes([StuckNode]))
    raise SystemExit(run_nodes([create], BrakingNode.brake))
