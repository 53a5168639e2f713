"""
Publishes targets around a point at a rate, from SIGUSR1 on, each with its own stamp.

Arguments: x, y (m), rate (Hz), number of targets, stamp of the first one (s).
"""

import signal
import sys
import time
from math import cos, sin

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.signals import SignalHandlerOptions

POLL_PERIOD_S = 1e-3
"""Time between two looks at the clock: the targets that are due by then are sent at once."""


def main():
    x, y, rate = map(float, sys.argv[1:4])
    count, first_stamp = map(int, sys.argv[4:6])
    # Before there are other threads; a wait for one signal does not end with another.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('flood')
    targets = node.create_publisher(PoseStamped, 'target_pose', 100)
    while not targets.get_subscription_count():
        time.sleep(0.01)
    print('ready', flush=True)  # noqa: T201
    signal.sigwait({signal.SIGUSR1})
    message = PoseStamped()
    start, sent = time.monotonic(), 0
    while sent < count:
        due = min(count, int((time.monotonic() - start) * rate))
        for number in range(sent, due):
            message.header.stamp.sec = first_stamp + number
            position = message.pose.position
            position.x, position.y = x + 0.01 * cos(number), y + 0.01 * sin(number)
            targets.publish(message)
        sent = due
        time.sleep(POLL_PERIOD_S)
    print(f'sent {count} in {time.monotonic() - start:.2f} s', flush=True)  # noqa: T201
    signal.pause()  # until SIGINT, DDS delivers what could not be sent yet


if __name__ == '__main__':
    main()
