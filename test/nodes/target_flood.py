"""
Publishes targets around a point at a rate, from SIGUSR1 on, each with a stamp of its own.

Arguments: x, y (m), targets in a second, how many, the first number (seconds of the stamp).
"""

import contextlib
import signal
import sys
import time
from math import cos, sin

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.signals import SignalHandlerOptions

BURST = 1e-3
"""Time (s) between two looks at the clock: what is due by then is sent at once."""


def main():
    x, y, rate = map(float, sys.argv[1:4])
    count, first = map(int, sys.argv[4:6])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # before there are other threads
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('flood')
    targets = node.create_publisher(PoseStamped, 'target_pose', 100)
    while not targets.get_subscription_count():
        time.sleep(0.01)
    print('ready', flush=True)  # noqa: T201
    signal.sigwait({signal.SIGUSR1})
    message = PoseStamped()
    begin, sent = time.monotonic(), 0
    while sent < count:
        due = min(count, int((time.monotonic() - begin) * rate))
        for number in range(sent, due):
            message.header.stamp.sec = first + number
            position = message.pose.position
            position.x, position.y = x + 0.01 * cos(number), y + 0.01 * sin(number)
            targets.publish(message)
        sent = due
        time.sleep(BURST)
    print(f'sent {count} in {time.monotonic() - begin:.2f} s', flush=True)  # noqa: T201
    with contextlib.suppress(KeyboardInterrupt):  # what could not be sent is held until then
        signal.pause()
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
