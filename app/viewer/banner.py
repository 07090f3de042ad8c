"""The one line on the picture that says how things are."""

from app.state import State
from engines.watch import Preparing

_NO_SKY = 0.01
_UNSURE = 0.25
_PATIENCE_S = 2.0


class Banner:
    """Words for a state. What it says of the sky it has seen for two seconds."""

    def __init__(self) -> None:
        self._of_the_sky = ""
        self._since = 0.0

    def text(self, state: State, now_s: float) -> str:
        """What matters most just now; empty when all is well. `now_s`: any steady clock."""
        of_the_sky = _of_the_sky(state)
        if of_the_sky != self._of_the_sky:
            self._of_the_sky, self._since = of_the_sky, now_s
        if state.opening:
            what = state.preparing
            return f"Opening {state.opening} …" + (f" {_getting_ready(what)}" if what is not None else "")
        if state.trouble:
            return state.trouble
        if state.ended:
            return "The end. Space plays it again"
        if state.held:
            return "Paused. The recording goes on" if state.live and state.recording else "Paused"
        if state.preparing is not None:
            ready = _getting_ready(state.preparing)
            return ready[0].upper() + ready[1:]
        return of_the_sky if now_s - self._since > _PATIENCE_S else ""


def _getting_ready(preparing: Preparing) -> str:
    if preparing.share is None:
        return f"loading {preparing.engine}"
    return f"building for {preparing.engine}: {preparing.share:.0%}"


def _of_the_sky(state: State) -> str:
    if state.found is None:
        return ""
    if state.found.share < _NO_SKY:
        return "No sky in view"
    return "The sky is hard to make out: the effect is faded out" if state.found.confidence < _UNSURE else ""


def clock(seconds: float) -> str:
    """Such as 0:07, 12:34, 1:02:03."""
    whole = max(0, int(seconds))
    minutes, hours = whole // 60 % 60, whole // 3600
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def size(size_bytes: int) -> str:
    """Such as 0 MB, 34 MB, 1.2 GB."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"
