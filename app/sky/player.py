"""The sky that is shown, and the cross-fade to the next one."""

import threading

import cv2
import numpy as np

from app.camera import View
from app.config import Placement
from app.frame import U8
from app.sky.base import Daylit, Sky, SkyView, Sun
from living.specs import Clock


class SkyPlayer:
    """Shows one sky and fades to another when told to; owns the skies given to it and closes them.

    `render` belongs to the blending thread; `switch` may be called from any thread, `close` when nobody
    renders any more. While one fade runs the next sky waits for its end, and of several that wait the last
    one wins: nothing jumps. A sky that has faded away is closed with the next switch, not while frames wait.

    A sky's own time begins with its fade: a video starts at its beginning, which is decoded already, and
    need not be searched for the frame of a later moment.
    """

    def __init__(self, first: Sky, fade_s: float) -> None:
        self._fade_s = fade_s
        self._newest = first
        self._shown = first
        self._shown_since = 0.0
        self._coming: Sky | None = None
        self._coming_since = 0.0
        # `switch` hands the next sky over and closes old ones, which may take a while; the lock guards these.
        self._lock = threading.Lock()
        self._waiting: Sky | None = None
        self._retired: list[Sky] = []
        self._closed = False

    def switch(self, sky: Sky) -> None:
        """Fade to a sky, from the next frame on or from the end of the fade that runs."""
        with self._lock:
            unwanted, self._retired = self._retired, []
            if self._closed:
                unwanted.append(sky)
            else:
                unwanted += [self._waiting] if self._waiting is not None else []
                self._waiting = self._newest = sky
        for old in unwanted:
            old.close()

    def place(self, placement: Placement) -> None:
        """Let the sky that was chosen last stand there, from the next frame on; by any thread."""
        with self._lock:
            self._newest.placement = placement

    def set_clock(self, clock: Clock | None) -> None:
        """Set the clock of the sky that was chosen last, as of `Daylit`, if it has one; by any thread."""
        with self._lock:
            newest = self._newest
        if isinstance(newest, Daylit):
            newest.set_clock(clock)

    @property
    def daylit(self) -> bool:
        """Whether the sky that was chosen last has a clock."""
        return isinstance(self._newest, Daylit)

    @property
    def hour(self) -> float | None:
        """The hour of the sky that was chosen last; None for one without a time of day."""
        newest = self._newest
        return newest.hour if isinstance(newest, Daylit) else None

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        """The sky, or the mixture of two, behind a frame; as `Sky.render`.

        The fade runs by `seconds`: its first frame shows the old sky alone, and `fade_s` later the new one.
        """
        if self._coming is None:
            self._begin_fade(seconds)
        if self._coming is None:
            return self._shown.render(seconds - self._shown_since, view, rows)
        self._coming_since = min(self._coming_since, seconds)
        elapsed = seconds - self._coming_since
        new = self._coming.render(elapsed, view, rows)
        if elapsed >= self._fade_s:
            with self._lock:
                self._retired.append(self._shown)
            self._shown, self._shown_since, self._coming = self._coming, self._coming_since, None
            return new
        old = self._shown.render(seconds - self._shown_since, view, rows)
        return _mixed(old, new, elapsed / self._fade_s, rows)

    def close(self) -> None:
        """Close all skies."""
        with self._lock:
            self._closed = True
            retired, waiting, self._waiting = self._retired, self._waiting, None
        for sky in (*retired, self._shown, self._coming, waiting):
            if sky is not None:
                sky.close()

    def _begin_fade(self, seconds: float) -> None:
        with self._lock:
            self._coming, self._waiting = self._waiting, None
        self._coming_since = seconds


def _mixed(old: SkyView, new: SkyView, share: float, rows: tuple[int, int]) -> SkyView:
    """`share` of the new view and the rest of the old, in the old one's planes."""
    top, bottom = rows
    _mix(old.planes.y[top:bottom], new.planes.y[top:bottom], share)
    for before, after in zip(old.planes[1:], new.planes[1:], strict=True):
        half = slice(top // 2, (bottom + 1) // 2)
        _mix(before[half], after[half], share)
    mean_rgb = np.asarray((1 - share) * old.mean_rgb + share * new.mean_rgb, np.float64)
    return SkyView(old.planes, mean_rgb, _mixed_sun(old.sun, new.sun, share))


def _mixed_sun(old: Sun | None, new: Sun | None, share: float) -> Sun | None:
    """The sun wanders from one place to the other; one that comes or goes alone stays where it is."""
    if old is None or new is None:
        return new if old is None else old
    direction = (1 - share) * old.direction + share * new.direction
    length = float(np.linalg.norm(direction))
    if length < 1e-6:  # half way between two that are opposite
        return new
    return Sun(direction / length, (1 - share) * old.rgb + share * new.rgb)


def _mix(old: U8, new: U8, share: float) -> None:
    if old.size:
        cv2.addWeighted(old, 1 - share, new, share, 0, dst=old)
