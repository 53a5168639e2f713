"""A node, and tf2_ros: the stand-in for it, and the real one where it is here."""

import sys

import pytest
import rclpy
import tf2_stand_in
from geometry_msgs.msg import TransformStamped
from processes import reserved_domain
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.time import Time

BOTH = ('stand-in', 'tf2_ros')


def use(kind, monkeypatch):
    """Import this kind of tf2_ros from now on; skip where it is not here."""
    if kind == 'tf2_ros':
        pytest.importorskip('tf2_ros')
    else:
        monkeypatch.setitem(sys.modules, 'tf2_ros', tf2_stand_in.module())


def nodes():
    """Yield a node and its executor, in a domain of their own."""
    context = Context()
    with reserved_domain() as domain:
        rclpy.init(args=[], context=context, domain_id=domain)
        node = rclpy.create_node('tf2_rig', context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        yield node, executor
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()


def stamped(parent, child, x=0.0, y=0.0, z=0.0, at=0.0, turn=(0.0, 0.0, 0.0, 1.0)):
    """A transform; ``at`` s."""
    message = TransformStamped()
    message.header.stamp = Time(nanoseconds=round(1e9 * at)).to_msg()
    message.header.frame_id, message.child_frame_id = parent, child
    shift, rotation = message.transform.translation, message.transform.rotation
    shift.x, shift.y, shift.z = float(x), float(y), float(z)
    rotation.x, rotation.y, rotation.z, rotation.w = (float(value) for value in turn)
    return message
