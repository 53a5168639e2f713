"""An ik_node whose first activation fails by a mistake in it."""

from ik_nn_ros.nodes.common.main import run_node
from ik_nn_ros.nodes.ik.node import IkNode


class FailingIkNode(IkNode):
    failed = False

    def on_activate(self, state):
        result = super().on_activate(state)
        if not FailingIkNode.failed:
            FailingIkNode.failed = True
            raise ZeroDivisionError
        return result


if __name__ == '__main__':
    raise SystemExit(run_node(FailingIkNode, FailingIkNode.begin_shutdown))
