"""
Interactive marker server that reports when feedback was sent.

It is apart from :mod:`ik_nn_ros.nodes.ik.interactive_target` because its base class is in an
optional package.
"""

from __future__ import annotations

from collections.abc import Mapping

from interactive_markers import InteractiveMarkerServer
from rclpy.node import Node
from visualization_msgs.msg import InteractiveMarkerFeedback


class FeedbackServer(InteractiveMarkerServer):  # type: ignore[misc]  # the package has no types
    """
    Interactive marker server whose feedback callbacks can read the message info.

    :param node: node that subscribes to the feedback
    :param namespace: of its topics and its service
    """

    def __init__(self, node: Node, namespace: str) -> None:
        self.info: Mapping[str, int] = {}
        """Info of the latest feedback: source and reception timestamp, ns."""
        super().__init__(node, namespace)

    def processFeedback(  # noqa: N802, the package's name
        self, feedback: InteractiveMarkerFeedback, info: Mapping[str, int]
    ) -> None:
        """Process feedback; the base class subscribes with this method."""
        self.info = info
        context = self.marker_contexts.get(feedback.marker_name)
        if context is not None and not context.last_client_id:
            # A client may take over from another one after a second. The first one has none to
            # wait for, and with a simulated clock that stands still it would wait forever.
            context.last_client_id = feedback.client_id
        super().processFeedback(feedback)
