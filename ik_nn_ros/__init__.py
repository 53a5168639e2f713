"""
Control of a 2-DOF arm with learned inverse kinematics.

From below to above, and imports only descend:

- :mod:`ik_nn_ros.arm`: kinematics of an arm, read from its URDF or calibrated
- :mod:`ik_nn_ros.recordings`: MCAP files and the samples in them
- :mod:`ik_nn_ros.sim`: a MuJoCo arm that may deviate from its URDF
- :mod:`ik_nn_ros.ik`: from a target to joint angles; :mod:`ik_nn_ros.collision`: keep-out zones
- :mod:`ik_nn_ros.trajectory`: stateless planning within the limits
- :mod:`ik_nn_ros.control`: the controllers that execute and watch a motion
- :mod:`ik_nn_ros.calibration`: fits the arm as built; :mod:`ik_nn_ros.learning`: trains networks
- :mod:`ik_nn_ros.studies`, :mod:`ik_nn_ros.panel`, :mod:`ik_nn_ros.demo`, :mod:`ik_nn_ros.bench`:
  report and comparison, the browser page, the demo, benchmarks
- :mod:`ik_nn_ros.nodes`: the ROS 2 nodes; :mod:`ik_nn_ros.commands`: the command line
"""

__version__ = '0.1.0'
"""Version of the package; setup.py reads it from here, package.xml and CITATION.cff repeat it."""
