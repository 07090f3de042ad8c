"""The one line on the picture that says how things are."""

from app.state import State

_NO_SKY = 0.01
_PATIENCE_S = 2.0


class Banner:
    """Words for a state. Remembers since when there has been no sky, and speaks of it after two seconds."""

    def __init__(self) -> None:
        self._without_sky_since: float | None = None

    def text(self, state: State, now_s: float) -> str:
        """What matters most just now; empty when all is well. `now_s`: any steady clock."""
        no_sky = state.found is not None and state.found.share < _NO_SKY
        if not no_sky:
            self._without_sky_since = None
        elif self._without_sky_since is None:
            self._without_sky_since = now_s
        if state.opening:
            return f"Opening {state.opening} …"
        if state.trouble:
            return state.trouble
        if state.ended:
            return "The end. Space plays it again"
        if state.held:
            return "Paused. The recording goes on" if state.live and state.recording else "Paused"
        if self._without_sky_since is not None and now_s - self._without_sky_since > _PATIENCE_S:
            return "No sky in view"
        return ""


def clock(seconds: float) -> str:
    """Such as 0:07, 12:34, 1:02:03."""
    whole = max(0, int(seconds))
    minutes, hours = whole // 60 % 60, whole // 3600
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def size(size_bytes: int) -> str:
    """Such as 0 MB, 34 MB, 1.2 GB."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"
