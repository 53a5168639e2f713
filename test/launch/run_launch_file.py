"""Run a launch file as ``ros2 launch`` does, and write how each of its processes ended."""

import sys

from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource


def report(event, _):
    """Say what the test waits for."""
    sys.stdout.write(f'ended: {event.process_name} {event.returncode}\n')
    sys.stdout.flush()


def main(file, *arguments):
    """Return the exit code of the launch service."""
    service = LaunchService()
    service.include_launch_description(
        LaunchDescription(
            [
                RegisterEventHandler(OnProcessExit(on_exit=report)),
                IncludeLaunchDescription(
                    PythonLaunchDescriptionSource(file),
                    launch_arguments=[argument.split(':=', 1) for argument in arguments],
                ),
            ]
        )
    )
    return service.run()


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
