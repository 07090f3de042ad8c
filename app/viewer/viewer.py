"""The viewer as the rest of the program sees it."""

import threading

from app.state import Controls
from app.user import Settings
from app.viewer.application import open_application
from app.viewer.screen import ScreenSink
from app.viewer.style import dress
from app.viewer.window import Window, show


class Viewer:
    """A screen to send pictures to, and the window that shows it.

    Raises SkyLiveError where no window can be shown. Belongs to the main thread.
    """

    def __init__(self) -> None:
        self._application = open_application()
        dress(self._application)
        self.screen = ScreenSink()

    def show(
        self, controls: Controls, settings: Settings, leave_at_end: bool, interrupted: threading.Event
    ) -> Settings:
        """Show the window until it is closed or, if wished, the source has ended; what to remember of it.

        settings: what is in use at the beginning, sky and look included. interrupted: closes the window, too,
        when it is set. Raises what `controls.state` raised, and what went wrong in the window.
        """
        window = Window(self.screen, controls, settings, leave_at_end=leave_at_end)
        show(self._application, window, interrupted)
        return window.settings
