"""The viewer as the rest of the program sees it."""

from app.viewer.application import open_application
from app.viewer.screen import ScreenSink
from app.viewer.window import Controls, Window, show


class Viewer:
    """A screen to send pictures to, and the window that shows it.

    Raises SkyLiveError where no window can be shown. Belongs to the main thread.
    """

    def __init__(self) -> None:
        self._application = open_application()
        self.screen = ScreenSink()

    def show(self, title: str, controls: Controls) -> None:
        """Show the window until it is closed or the run ends; raises what went wrong meanwhile."""
        show(self._application, Window(title, self.screen, controls), controls)
