"""A recording on the disk: one MCAP file, or a folder of them as ``ros2 bag record`` makes it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from mcap.records import Message
from mcap.well_known import MessageEncoding

from ik_nn_ros.errors import RecordingError
from ik_nn_ros.recordings.recovery import McapContent, read_mcap_file
from ik_nn_ros.recordings.writer import MCAP_SUFFIX

METADATA_FILE_NAME = 'metadata.yaml'


@dataclass(frozen=True)
class Recording:
    """
    The messages of a recording.

    :param path: the file or folder
    :param messages: those of each topic and message type, e.g. of ('/joint_states',
        'sensor_msgs/msg/JointState')
    :param warnings: what is wrong with it
    """

    path: Path
    messages: dict[tuple[str, str], list[Message]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def select(self, name: str, message_type: str) -> list[Message]:
        """
        Return the messages of one topic.

        :param name: its full name, '/left/tip_pose', or the last part or parts of it, 'tip_pose'
        :param message_type: that it must have

        :raises RecordingError: there is no such topic, or more than one
        """
        found = [
            (topic, kind)
            for topic, kind in self.messages
            if kind == message_type and _matches_topic(name, topic)
        ]
        if len(found) == 1:
            return self.messages[found[0]]
        raise RecordingError(
            f'recording {self.path}, topic {name}',
            got=_format_topics(found or self.messages) or 'no topics at all',
            expected='the full name of one of these' if found else f'one of type {message_type}',
        )


def read_recording(path: Path) -> Recording:
    """
    Read a recording, of a damaged one what can be read.

    :param path: a .mcap file, or a folder with one or more; its metadata.yaml may be missing

    :raises RecordingError: there is nothing to read
    """
    recording = Recording(path)
    announced = _expected_counts(path / METADATA_FILE_NAME) if path.is_dir() else {}
    files = _mcap_files(path)
    for name in announced.keys() - {file.name for file in files}:
        recording.warnings.append(f'{path / name}: missing, with {announced[name]} messages')
    unreadable = []
    for file in files:
        try:
            content = read_mcap_file(file)
        except RecordingError as error:
            unreadable.append(error)
            recording.warnings.append(str(error))
            continue
        if content.expected_count is None:
            content.expected_count = announced.get(file.name)
        _add_file(recording, file, content)
    if len(unreadable) == len(files):
        raise unreadable[0]
    return recording


def _mcap_files(path: Path) -> list[Path]:
    """Return the MCAP files of a recording."""
    if not path.is_dir():
        return [path]
    names = sorted(file.name for file in path.iterdir() if not file.name.startswith('.'))
    files = [path / name for name in names if name.endswith(MCAP_SUFFIX)]
    if not files:
        raise RecordingError(
            f'recording {path}',
            got=f'a folder with {", ".join(names) or "nothing in it"}',
            expected='a folder with .mcap files (`ros2 bag convert` makes one)',
        )
    return files


def _expected_counts(metadata: Path) -> dict[str, int]:
    """
    Return how many messages each file should hold.

    None for a recorder that was killed: it writes this file last, so it is missing or empty.
    """
    try:
        information = yaml.safe_load(metadata.read_bytes())['rosbag2_bagfile_information']
        return {file['path']: int(file['message_count']) for file in information['files']}
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError):
        return {}


def _add_file(recording: Recording, file: Path, content: McapContent) -> None:
    """Add what a file holds."""
    keys = {}
    for channel in content.channels.values():
        schema = content.schemas.get(channel.schema_id)
        kind = schema.name if schema else 'type unknown'
        if channel.message_encoding != MessageEncoding.CDR:
            kind += f' as {channel.message_encoding}'
        keys[channel.id] = channel.topic, kind
        recording.messages.setdefault(keys[channel.id], [])
    strays = 0
    for message in content.messages:
        if message.channel_id in keys:
            recording.messages[keys[message.channel_id]].append(message)
        else:
            strays += 1
    if content.problem:
        recording.warnings.append(f'{file}: {content.problem}')
    if strays:
        recording.warnings.append(f'{file}: {strays} messages of an unknown topic')


def _matches_topic(name: str, topic: str) -> bool:
    return topic == name or (not name.startswith('/') and topic.endswith(f'/{name}'))


def _format_topics(topics: Collection[tuple[str, str]]) -> str:
    return ', '.join(f'{topic} ({kind})' for topic, kind in topics)
