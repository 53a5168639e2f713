"""Several nodes in one process; arguments: how many steps each takes to brake, or `broken`."""

import sys
from functools import partial

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ik_nn_ros.errors import ConfigError
from ik_nn_ros.nodes.common.main import run_nodes


class BrakingNode(Node):
    def __init__(self, number, steps):
        super().__init__(f'node{number}')
        self.steps = steps
        self.done = None
        self.create_timer(0.01, self.step, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info('stands')

    def brake(self, done):
        self.get_logger().info('brakes')
        self.done = done

    def step(self):
        if self.done is None:
            return
        self.steps -= 1
        if self.steps == 0:
            self.get_logger().info('at rest')
        if self.steps <= 0:  # says so again and again, as long as it is spun
            self.done()


def create(number, word):
    if word == 'broken':
        raise ConfigError(f'node{number}', got=word, expected='a number')
    return BrakingNode(number, int(word))


if __name__ == '__main__':
    creators = [partial(create, *both) for both in enumerate(sys.argv[1:])]
    raise SystemExit(run_nodes(creators, BrakingNode.brake))
