"""The executor delivers every message, and starves nothing else; real rclpy in this process."""

import itertools
import threading
import time

import pytest
import rclpy
from processes import Client, fresh_domain, wait_until
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Int32
from std_srvs.srv import Trigger

from ik_nn_ros.nodes.common import executor
from ik_nn_ros.nodes.common.executor import CachedWaitSetExecutor

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Spun:
    """Nodes spun by the executor in a thread of their own."""

    def __init__(self, domain, *names):
        self.context = Context()
        rclpy.init(args=[], context=self.context, domain_id=domain)
        self.nodes = [rclpy.create_node(name, context=self.context) for name in names]
        self.executor = CachedWaitSetExecutor(context=self.context)
        for node in self.nodes:
            self.executor.add_node(node)
        self.ended_by = None
        self.thread = threading.Thread(target=self._spin)

    def _spin(self):
        try:
            self.executor.spin()
        except BaseException as error:  # noqa: BLE001, whatever it is is what is asked for
            self.ended_by = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        rclpy.try_shutdown(context=self.context)
        self.thread.join(10.0)
        assert not self.thread.is_alive()


@pytest.fixture
def domain():
    return fresh_domain()


@pytest.fixture
def client(domain):
    with Client(domain) as client:
        yield client


def listen(node, topic='numbers', got=None):
    got = [] if got is None else got
    node.create_subscription(Int32, topic, lambda message: got.append(message.data), 1000)
    return got


def test_all_messages_arrive_in_order_at_all_nodes(domain, client):
    spun = Spun(domain, 'one', 'two')
    got = [listen(node) for node in spun.nodes]
    with spun:
        publisher = client.publisher(Int32, 'numbers', 1000, readers=2)
        client.publish_until(publisher, Int32(data=-1), lambda: all(got))
        for number in range(500):
            publisher.publish(Int32(data=number))
        wait_until(lambda: all(received[-1] == 499 for received in got))
    for received in got:
        assert [number for number in received if number >= 0] == list(range(500))
    assert isinstance(spun.ended_by, ExternalShutdownException)


def test_a_flood_of_messages_starves_neither_timers_nor_services(domain, client):
    spun = Spun(domain, 'busy')
    (node,) = spun.nodes
    got, ticks = listen(node), []
    node.create_timer(0.02, lambda: ticks.append(len(got)))
    node.create_service(Trigger, 'answer', lambda request, response: response)
    with spun:
        publisher = client.publisher(Int32, 'numbers', 1000)
        flood = threading.Event()

        def publish():
            while not flood.is_set():
                publisher.publish(Int32())

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            wait_until(lambda: len(got) > 100)
            before, ticked = len(got), len(ticks)
            client.call(Trigger, 'answer', Trigger.Request())
            wait_until(lambda: len(ticks) > ticked + 2)
            assert len(got) > before
        finally:
            flood.set()
            thread.join()


def wait_until_due(timer):
    """Keep the executor's thread busy; a message that takes its time does just that."""
    while not timer.is_ready():
        time.sleep(1e-4)


def test_a_timer_that_is_due_goes_before_the_next_message(domain, client):
    """Not after a whole queue of them; one more may slip in where rclpy looks for itself."""
    spun = Spun(domain, 'busy')
    (node,) = spun.nodes
    events = []
    timer = node.create_timer(1e-3, lambda: events.append('tick'))

    def slow(_):
        wait_until_due(timer)
        events.append('message')

    node.create_subscription(Int32, 'numbers', slow, 1000)
    with spun:
        publisher = client.publisher(Int32, 'numbers', 1000)
        client.publish_until(publisher, Int32(), lambda: 'message' in events)
        for _ in range(300):
            publisher.publish(Int32())
        wait_until(lambda: events.count('message') > 300)
    runs = [len(list(run)) for event, run in itertools.groupby(events) if event == 'message']
    assert max(runs) <= 2


@pytest.mark.parametrize('end', ['destroy_timer', 'cancel'])
def test_a_timer_that_is_due_but_ended_is_not_called(domain, client, end):
    """It was found due together with the one that ends it."""
    spun = Spun(domain, 'changing')
    (node,) = spun.nodes
    seen, ticks = [], []

    def stop():
        if seen:
            other.cancel() if end == 'cancel' else node.destroy_timer(other)
            first.cancel()
            ticks.clear()

    def let_both_be_due(message):
        if message.data and not seen:
            wait_until_due(first)
            wait_until_due(other)
        seen.append(message.data)

    first = node.create_timer(1e-3, stop)
    other = node.create_timer(1e-3, lambda: ticks.append('tick'))
    node.create_subscription(Int32, 'numbers', let_both_be_due, 10)
    with spun:
        publisher = client.publisher(Int32, 'numbers')
        client.publish_until(publisher, Int32(data=1), lambda: len(seen) > 2)
        assert first.is_canceled()
    assert ticks == []
    assert isinstance(spun.ended_by, ExternalShutdownException)


def test_a_destroyed_subscription_gets_no_message_any_more(domain, client):
    """Also where one has come for it in the same turn."""
    spun = Spun(domain, 'changing')
    (node,) = spun.nodes
    seen, got = [], []

    def stop(message):
        if message.data and not seen:
            node.destroy_subscription(other)
            got.clear()
        seen.append(message.data)

    node.create_subscription(Int32, 'numbers', stop, 10)
    other = node.create_subscription(Int32, 'numbers', lambda m: got.append(m.data), 10)
    with spun:
        publisher = client.publisher(Int32, 'numbers', readers=2)
        client.publish_until(publisher, Int32(data=1), lambda: len(seen) > 2)
    assert got == []
    assert isinstance(spun.ended_by, ExternalShutdownException)


def test_entities_may_come_and_go_while_it_spins(domain, client):
    spun = Spun(domain, 'changing')
    (node,) = spun.nodes
    first, second = [], []

    def replace(message):
        first.append(message.data)
        node.destroy_subscription(subscription)
        listen(node, 'others', second)

    subscription = node.create_subscription(Int32, 'numbers', replace, 1)
    with spun:
        publisher = client.publisher(Int32, 'numbers')
        client.publish_until(publisher, Int32(data=1), lambda: first)
        others = client.publisher(Int32, 'others')
        client.publish_until(others, Int32(data=2), lambda: second)
        publisher.publish(Int32(data=3))
        client.publish_until(others, Int32(data=4), lambda: 4 in second)
    assert first == [1]
    assert isinstance(spun.ended_by, ExternalShutdownException)


def test_callbacks_may_take_the_message_info_or_be_coroutines(domain, client):
    spun = Spun(domain, 'various')
    (node,) = spun.nodes
    infos, awaited, ticks = [], [], []

    async def tick():
        ticks.append(0)

    async def later(message):
        awaited.append(message.data)

    node.create_subscription(Int32, 'numbers', lambda message, info: infos.append(info), 10)
    node.create_subscription(Int32, 'numbers', later, 10)
    node.create_timer(0.01, tick)
    before = time.time_ns()
    with spun:
        publisher = client.publisher(Int32, 'numbers', readers=2)
        client.publish_until(publisher, Int32(data=7), lambda: infos and awaited and ticks)
    stamps = [infos[0][f'{kind}_timestamp'] for kind in ('source', 'received')]
    assert before < stamps[0] < stamps[1] < time.time_ns()
    assert set(awaited) == {7}


def test_a_callback_that_takes_its_time_can_have_others_served(domain, client):
    """Of another node's services those that may be called at any time; none of its own."""
    spun = Spun(domain, 'busy', 'other')
    busy, other = spun.nodes
    events = []

    def note(event):
        def answer(request, response):
            events.append(event)
            return response

        return answer

    def take_time(request, response):
        events.append('begin')
        wait_until(
            lambda: {'message', 'tick', 'hold'} <= set(events[events.index('begin') :]),
            what=events,
            between=lambda: spun.executor.spin_other_nodes(busy),
        )
        events.append('end')
        return response

    at_any_time = ReentrantCallbackGroup()
    busy.create_service(Trigger, 'take_time', take_time)
    busy.create_service(Trigger, 'own', note('own'), callback_group=at_any_time)
    other.create_service(Trigger, 'plain', note('plain'))
    other.create_service(Trigger, 'hold', note('hold'), callback_group=at_any_time)
    other.create_timer(1e-3, lambda: events.append('tick'))
    other.create_subscription(Int32, 'numbers', lambda message: events.append('message'), 10)
    with spun:
        names = ('take_time', 'own', 'plain', 'hold')
        ask = {name: client.node.create_client(Trigger, name) for name in names}
        client.wait_until(lambda: all(it.service_is_ready() for it in ask.values()))
        publisher = client.publisher(Int32, 'numbers')
        ask.pop('take_time').call_async(Trigger.Request())
        client.wait_until(lambda: 'begin' in events)
        for it in ask.values():
            it.call_async(Trigger.Request())
        client.publish_until(publisher, Int32(), lambda: {'own', 'plain'} <= set(events))
    assert events.index('hold') < events.index('end')
    assert events.index('end') < min(events.index('own'), events.index('plain'))
    assert [events.count(name) for name in ('hold', 'own', 'plain')] == [1, 1, 1]


def test_an_error_in_a_callback_ends_the_spin_with_it(domain, client):
    spun = Spun(domain, 'failing')
    spun.nodes[0].create_subscription(Int32, 'numbers', lambda message: 1 / 0, 1)
    with spun:
        publisher = client.publisher(Int32, 'numbers')
        client.publish_until(publisher, Int32(), lambda: spun.ended_by)
    assert isinstance(spun.ended_by, ZeroDivisionError)


def test_an_incompatible_qos_is_reported(domain, client):
    """Events are not waited for, but they are looked at."""
    spun = Spun(domain, 'strict')
    (node,) = spun.nodes
    incompatible = []
    callbacks = SubscriptionEventCallbacks(incompatible_qos=incompatible.append)
    node.create_subscription(Int32, 'numbers', print, LATCHED, event_callbacks=callbacks)
    with spun:
        client.node.create_publisher(Int32, 'numbers', 1)
        wait_until(lambda: incompatible)


def test_nothing_to_do_does_not_keep_it_from_ending(domain):
    spun = Spun(domain, 'idle')
    with spun:
        wait_until(lambda: spun.thread.is_alive())
    assert isinstance(spun.ended_by, ExternalShutdownException)


class LimitedImplementation:
    """rclpy's C++ module as the executor sees it, without some members of its classes."""

    def __init__(self, implementation, owner, *missing):
        self._implementation, self._owner = implementation, owner
        original = getattr(implementation, owner)
        members = {name: getattr(original, name) for name in dir(original) if name[0] != '_'}
        self._limited = type(owner, (), {k: v for k, v in members.items() if k not in missing})

    def __getattr__(self, name):
        return self._limited if name == self._owner else getattr(self._implementation, name)


@pytest.fixture
def logged_warnings(monkeypatch):
    texts = []
    monkeypatch.setattr(RcutilsLogger, 'warning', lambda self, text, **_: texts.append(text))
    return texts


@pytest.mark.parametrize(
    ('owner', 'missing', 'named'),
    [
        ('Timer', ['call_timer'], 'Timer.handle.call_timer'),
        ('WaitSet', ['get_ready_entities'], 'WaitSet.get_ready_entities'),
        ('WaitSet', [], 'a WaitSet of seven arguments'),
    ],
)
def test_where_rclpy_lacks_a_member_its_own_executor_runs_the_node(
    domain, client, monkeypatch, logged_warnings, owner, missing, named
):
    limited = LimitedImplementation(executor.rclpy_implementation, owner, *missing)
    monkeypatch.setattr(executor, 'rclpy_implementation', limited)
    monkeypatch.setattr(CachedWaitSetExecutor, '_run_loop', lambda self: 1 / 0)
    spun = Spun(domain, 'plain')
    (node,) = spun.nodes
    got, ticks = listen(node), []
    node.create_timer(0.01, lambda: ticks.append(spun.executor.spin_other_nodes(node)))
    node.create_service(Trigger, 'answer', lambda request, response: response)
    with spun:
        publisher = client.publisher(Int32, 'numbers')
        client.publish_until(publisher, Int32(data=3), lambda: got and ticks)
        client.call(Trigger, 'answer', Trigger.Request())
    assert spun.ended_by is None or isinstance(spun.ended_by, ExternalShutdownException)
    (text,) = logged_warnings
    assert text.startswith(f'rclpy: got a release without {named}')


def test_where_rclpy_has_all_members_nothing_is_logged(domain, logged_warnings):
    with Spun(domain, 'full'):
        pass
    assert logged_warnings == []
