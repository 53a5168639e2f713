"""A data_collector that cannot write more than a megabyte to a file: as on a disk that is full."""

import resource

from ik_nn_ros.nodes.collector.node import main

LIMIT = 1_000_000

if __name__ == '__main__':
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    raise SystemExit(main())
