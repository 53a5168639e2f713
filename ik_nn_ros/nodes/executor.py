"""
An executor that keeps its wait set, and hands messages over without a detour.

rclpy's own executor rebuilds the wait set in Python, entity by entity, twice for every message;
with a lifecycle node's thirty entities that costs more than all else the node does for a target.
This one shortens only the way of a message to its subscription. Whatever else is ready (timers,
services, events, changes of a node) it leaves to rclpy.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from inspect import iscoroutinefunction

from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.subscription import Subscription
from rclpy.waitable import NumberOfEntities

OTHERS_TURN = 0.01
"""The longest (s) that a stream of messages keeps everything else waiting."""


class DirectExecutor(SingleThreadedExecutor):
    """Runs all callbacks in the thread that calls :meth:`spin`."""

    def spin(self) -> None:
        """
        Run callbacks until the executor is shut down.

        :raises ExternalShutdownException: the context was shut down
        """
        turn = 0.0
        self._collect()
        while not self._is_shutdown:
            if not self._context.ok():
                raise ExternalShutdownException
            messages = self._wait()
            for pointer in messages:
                _deliver(self._direct[pointer])
            now = time.monotonic()
            if not messages or now > turn:
                turn = now + OTHERS_TURN
                self.spin_once(timeout_sec=0.0)
                self._collect()

    def _collect(self) -> None:
        """Make a wait set for what the nodes have now."""
        nodes = self.get_nodes()
        subscriptions = [entity for node in nodes for entity in node.subscriptions]
        self._direct = {
            entity.handle.pointer: entity
            for entity in subscriptions
            if not iscoroutinefunction(entity.callback)
        }
        self._waitables = [entity for node in nodes for entity in node.waitables]
        guards = [entity for node in nodes for entity in node.guards]
        self._entities = {
            'subscription': subscriptions,
            'guard_condition': [*guards, self._guard, self._sigint_gc],
            'timer': [entity for node in nodes for entity in node.timers],
            'client': [entity for node in nodes for entity in node.clients],
            'service': [entity for node in nodes for entity in node.services],
        }
        counts = NumberOfEntities(*(len(entities) for entities in self._entities.values()))
        for waitable in self._waitables:
            counts += waitable.get_num_entities()
        self._wait_set = rclpy_implementation.WaitSet(
            counts.num_subscriptions,
            counts.num_guard_conditions,
            counts.num_timers,
            counts.num_clients,
            counts.num_services,
            counts.num_events,
            self._context.handle,
        )

    def _wait(self) -> list[int]:
        """Wait until something is ready; return the subscriptions that are."""
        wait_set = self._wait_set
        try:
            with ExitStack() as stack:
                stack.enter_context(self._context.handle)
                wait_set.clear_entities()
                for kind, entities in self._entities.items():
                    add = getattr(wait_set, f'add_{kind}')
                    for entity in entities:
                        stack.enter_context(entity.handle)
                        add(entity.handle)
                for waitable in self._waitables:
                    stack.enter_context(waitable)
                    waitable.add_to_wait_set(wait_set)
                wait_set.wait(-1)
                ready = wait_set.get_ready_entities('subscription')
        except InvalidHandle:  # an entity was destroyed: time for others, and to collect anew
            return []
        return [pointer for pointer in ready if pointer in self._direct]


def _deliver(subscription: Subscription) -> None:
    """Take a message and call its subscription's callback."""
    try:
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
    except InvalidHandle:
        return
    if taken is None:
        return
    if subscription._callback_type is Subscription.CallbackType.MessageOnly:
        subscription.callback(taken[0])
    else:
        subscription.callback(*taken)
