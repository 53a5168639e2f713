"""A recording for tests: where the joints were, and where a tip was seen, at the same times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mcap_ros2.writer import Writer

from ik_nn_ros.arm.model import ArmModel
from ik_nn_ros.recordings.messages import JOINT_STATE, MESSAGE_TYPES, POSE_STAMPED

SECOND = 1_000_000_000


def write_recording(path: Path, arm: ArmModel, q: np.ndarray, tip: np.ndarray) -> Path:
    """
    Write one joint state and one tip pose every 0.1 s.

    :param q: (N, 2) rad
    :param tip: (N, 3) in the base frame, m
    """
    with path.open('wb') as stream, Writer(stream) as writer:
        joints, poses = (
            writer.register_msgdef(kind, MESSAGE_TYPES[kind].definition)
            for kind in (JOINT_STATE, POSE_STAMPED)
        )
        for number, (angles, point) in enumerate(zip(q.tolist(), tip.tolist(), strict=True)):
            time = 1_700_000_000 * SECOND + number * SECOND // 10
            stamp = {'sec': time // SECOND, 'nanosec': time % SECOND}
            state = {
                'header': {'stamp': stamp, 'frame_id': ''},
                'name': list(arm.joint_names),
                'position': angles,
                'velocity': [],
                'effort': [],
            }
            pose = {
                'header': {'stamp': stamp, 'frame_id': arm.plane.base_frame},
                'pose': {
                    'position': dict(zip('xyz', point, strict=True)),
                    'orientation': {'x': 0.0, 'y': 0.0, 'z': 0.0, 'w': 1.0},
                },
            }
            writer.write_message('/joint_states', joints, state, log_time=time)
            writer.write_message('/tip_pose', poses, pose, log_time=time)
    return path
