from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame

from app.sound_feed import SoundFeed


def sound(number: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 1024 * number, Fraction(1, 48_000)
    return frame


def taken(listener: object) -> list[int]:
    return [frame.pts // 1024 for frame in listener.take()]  # type: ignore[attr-defined]


def test_every_listener_is_handed_all_until_it_is_closed() -> None:
    feed = SoundFeed("microphone")
    first = feed.listen()
    feed.put(sound(0))
    assert taken(first) == [0]
    assert taken(first) == []
    second = feed.listen()
    feed.put(sound(1))
    assert taken(first) == [1]
    first.close()
    feed.put(sound(2))
    assert taken(first) == []
    assert taken(second) == [0, 1, 2]


def test_who_begins_to_listen_hears_the_last_second() -> None:
    feed = SoundFeed("microphone")
    for number in range(200):
        feed.put(sound(number))
    heard = taken(feed.listen())
    assert heard == list(range(150, 200))
