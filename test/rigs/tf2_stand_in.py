"""tf2_ros as far as the node uses it, for machines that have none; see test_frames.py."""

from types import ModuleType

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.time import Time

from ik_nn_ros.nodes.common.conversions import quaternion_from_matrix, rotate_vector


class TransformException(Exception):  # noqa: N818, as in tf2_ros
    """As tf2's."""


class LookupException(TransformException):
    """A frame that is not known."""


class ConnectivityException(TransformException):
    """Two frames of two trees."""


class ExtrapolationException(TransformException):
    """A time for which nothing is known."""


class Buffer:
    """Transforms by child frame; turns are not interpolated."""

    def __init__(self):
        self._samples = {}
        self._static = {}
        self.asked = 0

    def set_transform(self, transform, _authority):
        stamp = Time.from_msg(transform.header.stamp).nanoseconds
        samples = self._samples.setdefault(transform.child_frame_id, [])
        samples[:] = sorted([*samples, (stamp, transform)], key=lambda sample: sample[0])

    def set_transform_static(self, transform, _authority):
        self._static[transform.child_frame_id] = transform

    def clear(self):
        self._samples = {}

    def all_frames_as_string(self):
        return ''.join(
            f'Frame {child} exists with parent {parent}.\n'
            for child, parent in self._parents().items()
        )

    def get_latest_common_time(self, target, source):
        return Time(nanoseconds=self._latest(self._up(target), self._up(source), target, source))

    def lookup_transform_core(self, target, source, time):
        self.asked += 1
        known = {*self._parents(), *self._parents().values()}
        for name, which in ((target, 'target'), (source, 'source')):
            if name not in known:
                raise LookupException(
                    f'"{name}" passed to lookupTransform argument {which}_frame does not exist. '
                )
        up, down = self._up(source), self._up(target)
        latest = self._latest(down, up, target, source)
        at = time.nanoseconds or latest
        common = set(up) & set(down)
        turn, shift = self._to_ancestor(up, common, at)
        back, away = self._to_ancestor(down, common, at)
        found = TransformStamped()
        found.header.stamp = Time(nanoseconds=at).to_msg()
        found.header.frame_id, found.child_frame_id = target, source
        moved, rotation = back.T @ (shift - away), found.transform.rotation
        x, y, z = (float(value) for value in moved)
        translation = found.transform.translation
        translation.x, translation.y, translation.z = x, y, z
        rotation.x, rotation.y, rotation.z, rotation.w = quaternion_from_matrix(back.T @ turn)
        return found

    def _parents(self):
        moving = {child: samples[0][1] for child, samples in self._samples.items()}
        return {
            child: transform.header.frame_id
            for child, transform in {**moving, **self._static}.items()
        }

    def _up(self, frame):
        parents, line = self._parents(), [frame]
        while line[-1] in parents:
            line.append(parents[line[-1]])
        return line

    def _latest(self, down, up, target, source):
        common = set(up) & set(down)
        if not common:
            raise ConnectivityException(
                f"Could not find a connection between '{target}' and '{source}' because they are "
                'not part of the same tree.Tf has two or more unconnected trees.'
            )
        frames = [frame for frame in (*up, *down) if frame not in common]
        times = [self._samples[frame][-1][0] for frame in frames if frame in self._samples]
        return min(times, default=0)

    def _to_ancestor(self, line, common, at):
        turn, shift = np.eye(3), np.zeros(3)
        for frame in line:
            if frame in common:
                break
            rotation, translation = self._sample(frame, at)
            turn, shift = rotation @ turn, rotation @ shift + translation
        return turn, shift

    def _sample(self, frame, at):
        if frame in self._static:
            return _numbers(self._static[frame])
        samples = self._samples[frame]
        stamps = [stamp for stamp, _ in samples]
        for late, direction, limit in (
            (at > stamps[-1], 'future', -1),
            (at < stamps[0], 'past', 0),
        ):
            if late:
                raise ExtrapolationException(
                    f'Lookup would require extrapolation into the {direction}.  Requested time '
                    f'{1e-9 * at:f} but the latest data is at time {1e-9 * stamps[limit]:f}'
                )
        shifts = np.array([_numbers(transform)[1] for _, transform in samples])
        return (
            _numbers(samples[0][1])[0],
            np.array([np.interp(at, stamps, column) for column in shifts.T]),
        )


def _numbers(stamped):
    """(3, 3) rotation and (3,) translation."""
    turn, shift = stamped.transform.rotation, stamped.transform.translation
    axes = [rotate_vector((turn.x, turn.y, turn.z, turn.w), axis) for axis in np.eye(3)]
    return np.array(axes).T, np.array([shift.x, shift.y, shift.z])


class TransformListener:
    """Hears nothing."""

    def __init__(self, buffer, node):
        self.registered = True

    def unregister(self):
        self.registered = False


class StaticTransformBroadcaster:
    """Keeps what it is to send."""

    def __init__(self, node):
        self.pub_tf = None
        self.sent = []

    def sendTransform(self, transform):  # noqa: N802, as in tf2_ros
        self.sent.append(transform)


def module():
    """Return it as a module ``tf2_ros``."""
    made = ModuleType('tf2_ros')
    for thing in (
        TransformException,
        LookupException,
        ConnectivityException,
        ExtrapolationException,
        Buffer,
        TransformListener,
        StaticTransformBroadcaster,
    ):
        setattr(made, thing.__name__, thing)
    return made
