import threading

import pytest

from app.channel import Channel, Policy


def test_items_arrive_in_order_and_the_end_follows_them() -> None:
    channel: Channel[int] = Channel(3, Policy.BLOCK)
    for item in range(3):
        assert channel.put(item)
    channel.close()
    assert list(channel) == [0, 1, 2]
    assert not channel.put(3)


def test_latest_drops_the_oldest_and_counts_it() -> None:
    channel: Channel[int] = Channel(2, Policy.LATEST)
    for item in range(5):
        channel.put(item)
    channel.close()
    assert list(channel) == [3, 4]
    assert channel.dropped == 3


def test_block_waits_until_there_is_room() -> None:
    channel: Channel[int] = Channel(1, Policy.BLOCK)
    sent = [threading.Event() for _ in range(3)]

    def send() -> None:
        for item, event in enumerate(sent):
            channel.put(item)
            event.set()
        channel.close()

    sender = threading.Thread(target=send)
    sender.start()
    assert sent[0].wait(5)
    assert not sent[1].wait(0.05)
    assert list(channel) == [0, 1, 2]
    sender.join(5)
    assert not sender.is_alive()
    assert channel.dropped == 0


@pytest.mark.parametrize("policy", list(Policy))
def test_closing_wakes_a_waiting_receiver(policy: Policy) -> None:
    channel: Channel[int] = Channel(1, policy)
    received: list[int] = []
    receiver = threading.Thread(target=lambda: received.extend(channel))
    receiver.start()
    channel.close()
    receiver.join(5)
    assert not receiver.is_alive()
    assert received == []


def test_closing_wakes_a_waiting_sender() -> None:
    channel: Channel[int] = Channel(1, Policy.BLOCK)
    channel.put(0)
    accepted: list[bool] = []
    sender = threading.Thread(target=lambda: accepted.append(channel.put(1)))
    sender.start()
    channel.close(discard=True)
    sender.join(5)
    assert not sender.is_alive()
    assert accepted == [False]
    assert list(channel) == []


def test_waiting_until_nothing_waits() -> None:
    channel: Channel[int] = Channel(4, Policy.BLOCK)
    channel.put(1)
    assert not channel.wait_empty(0)
    taker = threading.Thread(target=lambda: next(iter(channel)))
    taker.start()
    assert channel.wait_empty(10)
    taker.join(10)


def test_the_last_drop_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    channel: Channel[int] = Channel(1, Policy.LATEST)
    channel.put(1)
    assert channel.last_drop_ns is None
    monkeypatch.setattr("app.channel.time.perf_counter_ns", lambda: 5)
    channel.put(2)
    assert channel.last_drop_ns == 5
