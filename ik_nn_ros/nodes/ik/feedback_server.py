"""An interactive marker server that also tells when feedback was sent."""

from __future__ import annotations

from collections.abc import Mapping

from interactive_markers import InteractiveMarkerServer
from rclpy.node import Node
from visualization_msgs.msg import InteractiveMarkerFeedback


class FeedbackServer(InteractiveMarkerServer):
    """
    The server of interactive_markers; it subscribes with its method ``processFeedback``.

    :param node: whose subscription it is
    :param namespace: of its topics and its service
    """

    def __init__(self, node: Node, namespace: str) -> None:
        self.info: Mapping[str, int] = {}
        """Of the latest feedback: when it was sent and received, ns."""
        super().__init__(node, namespace)

    def processFeedback(  # noqa: N802, the package's name
        self, feedback: InteractiveMarkerFeedback, info: Mapping[str, int]
    ) -> None:
        """Keep the message's info for the callback."""
        self.info = info
        context = self.marker_contexts.get(feedback.marker_name)
        if context is not None and not context.last_client_id:
            # One client may take over from another after a second. The first has none to wait for,
            # and on a simulated clock that stands still it would wait forever.
            context.last_client_id = feedback.client_id
        super().processFeedback(feedback)
