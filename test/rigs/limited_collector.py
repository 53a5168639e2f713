"""A data_collector that cannot write more than a megabyte to a file, as on a full disk."""

import resource

from ik_nn_ros.nodes.collector.node import main

MAX_FILE_SIZE = 1_000_000

if __name__ == '__main__':
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_SIZE, MAX_FILE_SIZE))
    raise SystemExit(main())
