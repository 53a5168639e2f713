"""The command line ``ik_nn``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

# NumPy reads this when it is loaded. Matrices are small here, so threads would only wait for each
# other.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

from ik_nn_ros import __version__
from ik_nn_ros.commands import bench, calibrate, compare, demo, evaluate, paper, sample, train
from ik_nn_ros.errors import IkNnError

COMMANDS = {
    'demo': demo,
    'sample': sample,
    'calibrate': calibrate,
    'train': train,
    'evaluate': evaluate,
    'paper': paper,
    'compare': compare,
    'bench': bench,
}


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run a subcommand.

    :param argv: arguments; None: those of the process
    :return: exit code; 2 with one line on stderr for a mistake in the input, 130 for Ctrl-C
    """
    parser = argparse.ArgumentParser(
        prog='ik_nn', description='Learned inverse kinematics for a 2-DOF arm.'
    )
    parser.add_argument('--version', action='version', version=f'%(prog)s {__version__}')
    subparsers = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    for name, module in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(subparser)
    args = parser.parse_args(argv)
    try:
        code: int = COMMANDS[args.command].run(args)
        return code
    except IkNnError as error:
        sys.stderr.write(f'ik_nn {args.command}: {error}\n')
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f'ik_nn {args.command}: interrupted\n')
        return 130


if __name__ == '__main__':
    sys.exit(main())
