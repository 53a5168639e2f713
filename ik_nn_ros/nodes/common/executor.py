"""
Executor that keeps its wait set between callbacks and calls timers and subscriptions directly.

rclpy's own executor rebuilds the wait set in Python, entity by entity, twice for every callback.
With the thirty entities of a lifecycle node that costs more than everything else the node does for
a target. In every cycle this executor calls the due timers first, then delivers at most one message
to each subscription, so a flood of messages does not delay a control loop. Everything else that is
ready (services, events, changes of a node) is left to rclpy.

It uses members of rclpy that are not part of its public API. Where a release of rclpy does not have
one of them, it logs a warning and behaves as rclpy's SingleThreadedExecutor.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from rclpy.waitable import NumberOfEntities, Waitable

from ik_nn_ros.nodes.common.distro import EventHandler, RCLError

MAX_WAIT_NS = 250_000_000
"""
Longest wait, ns, after which rclpy checks all entities.

The cached wait set does not contain the events of publishers and subscriptions (an incompatible
QoS, for example), which would be half of it.
"""
MAX_OTHER_ENTITIES_DELAY_S = 0.05
"""Longest time for which messages and timers delay all other entities, s."""
ENTITY_KINDS = {
    'subscription': 'subscriptions',
    'guard_condition': 'guards',
    'timer': 'timers',
    'client': 'clients',
    'service': 'services',
}
"""Kinds of entities of a wait set, and the property of a node that lists them."""


class CachedWaitSetExecutor(SingleThreadedExecutor):
    """
    Executor that runs all callbacks in the thread that calls :meth:`spin`.

    :param context: of the nodes; None: the default context
    """

    def __init__(self, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        self._wait_set_entities: list[object] = []
        self._held_handles = ExitStack()
        self._wake_requested = False
        missing = list(_missing_members(self))
        self._is_supported = not missing
        if missing:
            get_logger('ik_nn_ros.executor').warning(
                f"rclpy: got a release without {', '.join(missing)}; using rclpy's default "
                'executor, which needs more processor time per target'
            )

    def wake(self) -> None:
        """Make the executor check the entities of its nodes again."""
        self._wake_requested = True
        super().wake()

    def spin(self) -> None:
        """
        Run callbacks until the executor is shut down.

        :raises ExternalShutdownException: the context was shut down
        """
        if not self._is_supported:
            super().spin()
            return
        try:
            with self._held_handles:
                self._run_loop()
        except RCLError as error:
            # Whatever was being done when the context ended has failed.
            if self._context.ok():
                raise
            raise ExternalShutdownException from error

    def spin_other_nodes(self, node: Node) -> None:
        """
        Run the due callbacks of all other nodes, from inside a long callback of one node.

        Of their services only those in a ReentrantCallbackGroup are run: another one might be a
        long callback, too, and this one would have to wait for it. rclpy's default executor cannot
        do this; with it nothing is run.

        :param node: node whose callback is running
        """
        if not self._is_supported:
            return
        for other in self.get_nodes():
            if other is node:
                continue
            entities: list[Any] = [*other.timers, *other.subscriptions]
            for entity in entities:
                call = self._calls_by_pointer.get(entity.handle.pointer)
                if call is not None:
                    call()
            for service in other.services:
                if isinstance(service.callback_group, ReentrantCallbackGroup):
                    _serve_request(service)

    def _run_loop(self) -> None:
        next_full_check = 0.0
        self._update_wait_set()
        while not self._is_shutdown:
            if not self._context.ok():
                raise ExternalShutdownException
            calls = self._wait_for_calls()
            for call in calls:
                # The remaining entities may have been destroyed; if not, they are ready again.
                if self._wake_requested:
                    break
                call()
            now = time.monotonic()
            if self._wake_requested or not calls or now > next_full_check:
                next_full_check = now + MAX_OTHER_ENTITIES_DELAY_S
                self.spin_once(timeout_sec=0.0)
                self._wake_requested = False
                self._update_wait_set()

    def _update_wait_set(self) -> None:
        """Build the wait set again if the entities of the nodes have changed."""
        nodes = self.get_nodes()
        entities: dict[str, list[Any]] = {
            kind: [entity for node in nodes for entity in getattr(node, attribute)]
            for kind, attribute in ENTITY_KINDS.items()
        }
        waitables: list[Any] = [
            entity
            for node in nodes
            for entity in node.waitables
            if not isinstance(entity, EventHandler)
        ]
        current: list[object] = [*waitables, *chain(*entities.values())]
        if current == self._wait_set_entities:
            return
        self._wait_set_entities = current
        entities['guard_condition'].append(self._guard)
        handles = {kind: [entity.handle for entity in entities[kind]] for kind in entities}
        # A handle is held while it is in the wait set: an entity that is destroyed meanwhile is
        # freed when its handle is released.
        self._held_handles.close()
        for held in (self._context.handle, *waitables, *chain(*handles.values())):
            self._held_handles.enter_context(held)
        counts = NumberOfEntities(*(len(of_kind) for of_kind in entities.values()))
        for waitable in waitables:
            counts += waitable.get_num_entities()
        self._wait_set = _create_wait_set(self._context, counts)
        self._wait_set_additions: list[tuple[Callable[[Any], object], object]] = [
            (getattr(self._wait_set, f'add_{kind}'), handle)
            for kind in handles
            for handle in handles[kind]
        ]
        self._wait_set_additions += [
            (waitable.add_to_wait_set, self._wait_set) for waitable in waitables
        ]
        calls: tuple[tuple[str, Callable[[Any], Callable[[], None]]], ...] = (
            ('timer', _timer_call),
            ('subscription', _subscription_call),
        )
        self._calls_by_pointer: dict[int, Callable[[], None]] = {
            entity.handle.pointer: make_call(entity)
            for kind, make_call in calls
            for entity in entities[kind]
            if not inspect.iscoroutinefunction(entity.callback)
        }

    def _wait_for_calls(self) -> list[Callable[[], None]]:
        """Wait for entities, at most :data:`MAX_WAIT_NS`; return the ready calls, timers first."""
        self._wait_set.clear_entities()
        for add, entity in self._wait_set_additions:
            add(entity)
        self._wait_set.wait(MAX_WAIT_NS)
        ready = self._wait_set.get_ready_entities
        return [
            self._calls_by_pointer[pointer]
            for pointer in (*ready('timer'), *ready('subscription'))
            if pointer in self._calls_by_pointer
        ]


def _missing_members(executor: SingleThreadedExecutor) -> Iterator[str]:
    """Return the members that :class:`CachedWaitSetExecutor` uses and this rclpy does not have."""
    handles = rclpy_implementation
    wait_set_methods = [f'add_{kind}' for kind in ENTITY_KINDS]
    required: tuple[tuple[str, object, list[str]], ...] = (
        ('Executor', executor, ['_context', '_guard', '_is_shutdown']),
        ('Node', Node, [*ENTITY_KINDS.values(), 'waitables']),
        ('Waitable', Waitable, ['get_num_entities', 'add_to_wait_set']),
        ('Timer.handle', getattr(handles, 'Timer', None), ['is_timer_ready', 'call_timer']),
        ('Subscription.handle', getattr(handles, 'Subscription', None), ['take_message']),
        ('Service.handle', getattr(handles, 'Service', None), ['service_take_request']),
        (
            'WaitSet',
            getattr(handles, 'WaitSet', None),
            [*wait_set_methods, 'clear_entities', 'wait', 'get_ready_entities'],
        ),
    )
    missing = [
        f'{owner_name}.{member}'
        for owner_name, owner, members in required
        for member in members
        if not hasattr(owner, member)
    ]
    yield from missing
    if not missing:
        try:
            _create_wait_set(executor.context, NumberOfEntities(num_gcs=1))
        except (AttributeError, TypeError):
            yield 'a WaitSet of seven arguments'


def _create_wait_set(context: Context, counts: NumberOfEntities) -> Any:
    """Return an empty wait set with room for these numbers of entities."""
    handle: Any = context.handle
    with handle:
        return rclpy_implementation.WaitSet(
            counts.num_subscriptions,
            counts.num_guard_conditions,
            counts.num_timers,
            counts.num_clients,
            counts.num_services,
            counts.num_events,
            handle,
        )


def _timer_call(timer: Timer) -> Callable[[], None]:
    """Return a function that calls the callback of a timer if the timer is due."""
    handle = timer.handle

    def call_timer() -> None:
        if handle.is_timer_ready():  # an earlier callback may have cancelled it
            handle.call_timer()
            timer.callback()

    return call_timer


def _subscription_call(subscription: Subscription) -> Callable[[], None]:
    """Return a function that takes one message and calls the callback of the subscription."""
    take = partial(subscription.handle.take_message, subscription.msg_type, subscription.raw)
    callback = subscription.callback
    with_info = _takes_message_info(callback)

    def deliver_message() -> None:
        taken = take()
        if taken is None:
            return
        if with_info:
            callback(*taken)
        else:
            callback(taken[0])

    return deliver_message


def _takes_message_info(callback: Callable[..., object]) -> bool:
    """Return whether a callback takes a message and its info, by the same rule as rclpy."""
    try:
        inspect.signature(callback).bind(object())
    except TypeError:
        return True
    return False


def _serve_request(service: Service) -> None:
    """Answer one request of a service if there is one."""
    service_type: Any = service.srv_type
    request, header = service.handle.service_take_request(service_type.Request)
    if header is not None:
        response = service.callback(request, service_type.Response())
        service.send_response(response, header)
