"""What the user keeps of a run: recordings and snapshots, under names of the window's own."""

from collections.abc import Callable
from datetime import datetime

from app.errors import SkyLiveError
from app.state import Controls, State
from app.viewer.background import Background
from app.viewer.files import FreeNames

# Looks at the state until a recording that was asked for must have begun or ended.
_PATIENCE = 50


class Keeping:
    """Starts and stops recordings and saves pictures; names are found elsewhere, disks may be slow."""

    def __init__(
        self, controls: Controls, background: Background, failed: Callable[[SkyLiveError], None]
    ) -> None:
        self._controls = controls
        self._background = background
        self._failed = failed
        self._names = FreeNames()
        self._state = State()
        self._looks_left = 0

    def show_state(self, state: State) -> None:
        """See what has become of what was asked for."""
        changed = (state.recording is None) != (self._state.recording is None)
        failed = state.message.bad and state.message.number != self._state.message.number
        self._looks_left = 0 if changed or failed else max(0, self._looks_left - 1)
        self._state = state

    def toggle_recording(self) -> None:
        """Start to record, or stop; does nothing while the last wish is still being met."""
        if self._looks_left:
            return
        self._looks_left = _PATIENCE
        if self._state.recording is not None:
            self._controls.stop_recording()
        else:
            now = datetime.now()
            self._background.start(
                "recording name", lambda: self._names.recording(now), self._controls.record, self._no_name
            )

    def save_picture(self) -> None:
        """Save the newest picture."""
        now = datetime.now()
        self._background.start(
            "snapshot name", lambda: self._names.picture(now), self._controls.save_picture, self._failed
        )

    def _no_name(self, error: SkyLiveError) -> None:
        self._looks_left = 0
        self._failed(error)
