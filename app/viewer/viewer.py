"""The viewer as the rest of the program sees it."""

import logging

from app.state import Controls
from app.user import Settings
from app.viewer.application import open_application
from app.viewer.screen import ScreenSink
from app.viewer.style import dress
from app.viewer.window import Window, show

log = logging.getLogger(__name__)


class Viewer:
    """A screen to send pictures to, and the window that shows it.

    Raises SkyLiveError where no window can be shown. Belongs to the main thread.
    """

    def __init__(self) -> None:
        self._application = open_application()
        dress(self._application)
        self.screen = ScreenSink()

    def show(self, controls: Controls, settings: Settings, leave_at_end: bool) -> Settings:
        """Show the window until it is closed or, if wished, the source has ended; what to remember of it.

        Ctrl-C closes it like any other way to leave.
        settings: what is in use at the beginning, sky and look included. Raises what `controls.state` raised,
        and what went wrong in the window.
        """
        window = Window(self.screen, controls, settings, leave_at_end=leave_at_end)
        try:
            show(self._application, window)
        except KeyboardInterrupt:
            log.info("stopped")
        return window.settings
