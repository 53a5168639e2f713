"""A recording of ros2_control's RRBot demo by ``ros2 bag record``, and the URDF of its arm."""

from pathlib import Path

RECORDING = Path(__file__).parents[1] / 'recordings' / 'rrbot_as_built'
"""A folder with 40 s of an arm that differs a little from its URDF."""
RRBOT = """<robot name="rrbot">
  <link name="base_link"/><link name="link1"/><link name="link2"/><link name="tool_link"/>
  <joint name="joint1" type="continuous"><parent link="base_link"/><child link="link1"/>
    <origin xyz="0 0.1 1.95"/><axis xyz="0 1 0"/></joint>
  <joint name="joint2" type="continuous"><parent link="link1"/><child link="link2"/>
    <origin xyz="0 0.1 0.9"/><axis xyz="0 1 0"/></joint>
  <joint name="tool_joint" type="fixed"><parent link="link2"/><child link="tool_link"/>
    <origin xyz="0 0 1"/></joint>
</robot>
"""
"""The nominal geometry of ros2_control's RRBot demo."""
