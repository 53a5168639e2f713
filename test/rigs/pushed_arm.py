"""
An arm_sim that someone pushes, or holds.

Topic ``push``: torques on the two joints, N m, and the damping by which both are held, N m s/rad.
"""

from std_msgs.msg import Float64MultiArray

from ik_nn_ros.nodes.common.main import run_node
from ik_nn_ros.nodes.sim.node import ArmSim


class PushedArm(ArmSim):
    def __init__(self):
        super().__init__()
        self._free_damping = None
        self.create_subscription(Float64MultiArray, 'push', self._on_push, 10)

    def _on_push(self, message):
        simulator = self._simulation.simulator
        model, data = simulator._model, simulator._data
        if self._free_damping is None:
            self._free_damping = model.dof_damping.copy()
        *data.qfrc_applied[:], damping = message.data
        model.dof_damping[:] = self._free_damping + damping


if __name__ == '__main__':
    raise SystemExit(run_node(PushedArm))
