"""Sound of a live source on its way to whoever records it."""

import threading
from collections import deque
from collections.abc import Iterator

from av.audio.frame import AudioFrame

# A listener that does not take its sound loses the oldest of it: about two minutes at 1024 samples a frame.
_MOST_FRAMES = 6000
# Pictures come later than their sound, by all that is done to them: about a second is kept for new listeners.
_KEPT_FRAMES = 50


class SoundFeed:
    """Hands the sound of a live source to every listener; all methods may be called from any thread.

    A frame's `pts` x `time_base` is its time in seconds on the clock of the source's pictures. Frames come
    as the device or the decoder gives them: any format, layout and rate, with gaps where there was nothing.
    """

    def __init__(self, name: str) -> None:
        """name: what messages call it."""
        self.name = name
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._kept: deque[AudioFrame] = deque(maxlen=_KEPT_FRAMES)

    def put(self, frame: AudioFrame) -> None:
        """Hand a frame to all who listen, and keep it for a while."""
        with self._lock:
            self._kept.append(frame)
            for listener in self._listeners:
                listener.frames.append(frame)

    def listen(self) -> "Listener":
        """A new listener, which is handed those kept and all from now on, until it is closed."""
        listener = Listener(self)
        with self._lock:
            listener.frames.extend(self._kept)
            self._listeners.append(listener)
        return listener

    def leave(self, listener: "Listener") -> None:
        """Hand this listener nothing any more."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)


class Listener:
    """The frames that a feed handed out and that were not taken yet; used by one thread beside the feed's."""

    def __init__(self, feed: SoundFeed) -> None:
        self._feed = feed
        self.frames: deque[AudioFrame] = deque(maxlen=_MOST_FRAMES)

    def take(self) -> Iterator[AudioFrame]:
        """The frames that are there, without waiting for more."""
        while self.frames:
            yield self.frames.popleft()

    def close(self) -> None:
        """Stop listening."""
        self._feed.leave(self)
        self.frames.clear()
