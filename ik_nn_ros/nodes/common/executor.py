"""
An executor that keeps its wait set, and calls timers and hands messages over without a detour.

rclpy's own executor rebuilds the wait set in Python, entity by entity, twice for every callback;
with a lifecycle node's thirty entities that costs more than all else the node does for a target.
This one shortens the way of a message to its subscription and of a timer to its callback. In every
turn the timers that are due come first, then one message of each subscription at most: a flood of
messages does not keep a control loop waiting. Whatever else is ready (services, events, changes of
a node) it leaves to rclpy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from inspect import iscoroutinefunction
from itertools import chain

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from rclpy.waitable import NumberOfEntities

from ik_nn_ros.nodes.common.distro import EventHandler, RCLError

MAX_WAIT_NS = 250_000_000
"""
Time (ns) after which rclpy looks for itself.

For events of publishers and subscriptions (an incompatible QoS, say), which would be half of the
wait set; and for a signal: rclpy wakes its executors before it ends their context, and one that
goes back to sleep in between would not notice.
"""
MAX_OTHER_ENTITIES_DELAY_S = 0.05
"""The longest (s) that messages and timers keep everything else waiting."""


class CachedWaitSetExecutor(SingleThreadedExecutor):
    """Runs all callbacks in the thread that calls :meth:`spin`."""

    def __init__(self, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        self._wait_set_entities: list[object] = []
        self._wake_requested = False

    def wake(self) -> None:
        """Have the executor look again at what its nodes have: something came or went."""
        self._wake_requested = True
        super().wake()

    def spin(self) -> None:
        """
        Run callbacks until the executor is shut down.

        :raises ExternalShutdownException: the context was shut down
        """
        try:
            with ExitStack() as self._held_handles:
                self._run_loop()
        except RCLError as error:
            # A context that ends at once takes the ground from under whatever is being done.
            if self._context.ok():
                raise
            raise ExternalShutdownException from error

    def spin_other_nodes(self, node: Node) -> None:
        """
        Call what is due of the other nodes, for a callback of one that takes its time.

        Of their services those in a ReentrantCallbackGroup. Others may take their time, too; one
        that did would be waited for in here.

        :param node: whose callback it is
        """
        for other in self.get_nodes():
            if other is node:
                continue
            for entity in (*other.timers, *other.subscriptions):
                call = self._calls_by_pointer.get(entity.handle.pointer)
                if call is not None:
                    call()
            for service in other.services:
                if isinstance(service.callback_group, ReentrantCallbackGroup):
                    _serve_request(service)

    def _run_loop(self) -> None:
        turn = 0.0
        self._update_wait_set()
        while not self._is_shutdown:
            if not self._context.ok():
                raise ExternalShutdownException
            calls = self._wait_for_calls()
            for call in calls:
                if self._wake_requested:  # what is left may be gone; if not, it is ready again
                    break
                call()
            now = time.monotonic()
            if self._wake_requested or not calls or now > turn:
                turn = now + MAX_OTHER_ENTITIES_DELAY_S
                self.spin_once(timeout_sec=0.0)
                self._wake_requested = False
                self._update_wait_set()

    def _update_wait_set(self) -> None:
        """Make a wait set for what the nodes have now, if that has changed."""
        nodes = self.get_nodes()
        entities = {
            'subscription': [entity for node in nodes for entity in node.subscriptions],
            'guard_condition': [entity for node in nodes for entity in node.guards],
            'timer': [entity for node in nodes for entity in node.timers],
            'client': [entity for node in nodes for entity in node.clients],
            'service': [entity for node in nodes for entity in node.services],
        }
        waitables = [
            entity
            for node in nodes
            for entity in node.waitables
            if not isinstance(entity, EventHandler)
        ]
        found = [*waitables, *(entity for of_kind in entities.values() for entity in of_kind)]
        if found == self._wait_set_entities:
            return
        self._wait_set_entities = found
        entities['guard_condition'] += [self._guard, self._sigint_gc]
        counts = NumberOfEntities(*(len(of_kind) for of_kind in entities.values()))
        for waitable in waitables:
            counts += waitable.get_num_entities()
        # Handles are held as long as they are in the wait set; one that is destroyed meanwhile
        # goes when it is let go.
        self._held_handles.close()
        handles = {kind: [entity.handle for entity in entities[kind]] for kind in entities}
        for held in (self._context.handle, *waitables, *chain(*handles.values())):
            self._held_handles.enter_context(held)
        self._wait_set = rclpy_implementation.WaitSet(
            counts.num_subscriptions,
            counts.num_guard_conditions,
            counts.num_timers,
            counts.num_clients,
            counts.num_services,
            counts.num_events,
            self._context.handle,
        )
        self._wait_set_additions = [
            (getattr(self._wait_set, f'add_{kind}'), handle)
            for kind in handles
            for handle in handles[kind]
        ] + [(waitable.add_to_wait_set, self._wait_set) for waitable in waitables]
        self._calls_by_pointer = {
            entity.handle.pointer: make(entity)
            for kind, make in (('timer', _timer_call), ('subscription', _subscription_call))
            for entity in entities[kind]
            if not iscoroutinefunction(entity.callback)
        }

    def _wait_for_calls(self) -> list[Callable[[], None]]:
        """Wait until something is ready, or for long; return what to call, the timers first."""
        self._wait_set.clear_entities()
        for add, entity in self._wait_set_additions:
            add(entity)
        self._wait_set.wait(MAX_WAIT_NS)
        ready = self._wait_set.get_ready_entities
        pointers = (*ready('timer'), *ready('subscription'))
        return [
            self._calls_by_pointer[pointer]
            for pointer in pointers
            if pointer in self._calls_by_pointer
        ]


def _timer_call(timer: Timer) -> Callable[[], None]:
    """Return what calls a timer's callback."""
    handle = timer.handle

    def tick() -> None:
        if handle.is_timer_ready():  # it may have been cancelled meanwhile
            handle.call_timer()
            timer.callback()

    return tick


def _subscription_call(subscription: Subscription) -> Callable[[], None]:
    """Return what takes a message and calls the subscription's callback."""
    take = partial(subscription.handle.take_message, subscription.msg_type, subscription.raw)
    callback = subscription.callback
    with_info = subscription._callback_type is not Subscription.CallbackType.MessageOnly

    def deliver() -> None:
        taken = take()
        if taken is None:
            return
        if with_info:
            callback(*taken)
        else:
            callback(taken[0])

    return deliver


def _serve_request(service: Service) -> None:
    """Answer a request, if there is one."""
    request, header = service.handle.service_take_request(service.srv_type.Request)
    if header is not None:
        response = service.callback(request, service.srv_type.Response())
        service.send_response(response, header)
