"""Makes the README's pictures of the window: `xvfb-run -a python docs/make_screenshots.py`.

The program runs with its demo scene; its window is operated by its own actions and written into docs/images.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
HOME = tempfile.TemporaryDirectory(prefix="skyar-live-screenshots-")
for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_VIDEOS_DIR"):  # nothing of one's own is in the pictures
    os.environ[name] = HOME.name

import cv2  # noqa: E402
from PyQt6.QtCore import Qt, QTimer  # noqa: E402

from app.config import Config  # noqa: E402
from app.live import open_session  # noqa: E402
from app.looks import load_look  # noqa: E402
from app.options import Options  # noqa: E402
from app.studio import Studio  # noqa: E402
from app.user import Settings  # noqa: E402
from app.viewer.application import open_application  # noqa: E402
from app.viewer.screen import ScreenSink  # noqa: E402
from app.viewer.style import dress  # noqa: E402
from app.viewer.views import View  # noqa: E402
from app.viewer.window import Window, show  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SKY, OTHER_SKY, LOOK = "golden_sunset", "milky_way", "natural"
SIZE, SHOWN_WIDTH, QUALITY = (1280, 720), 960, 84
SETTLED_MS = 5000


def scenes(window: Window) -> Iterator[str]:
    """Bring the window into one state after the other, each by the name of its picture."""
    actions = window.commands
    for panel in ("gallery", "look"):
        actions[panel].trigger()
    for action, view in zip(window.views, View, strict=True):
        action.trigger()
        yield view.value
    window.views[0].trigger()
    actions["statistics"].trigger()
    yield "statistics"
    actions["statistics"].trigger()
    actions["gallery"].trigger()
    names = [sky.name for sky in window.gallery.skies]
    window.gallery.choose_number(names.index(OTHER_SKY) + 1)
    actions["record"].trigger()
    yield "gallery"
    actions["look"].trigger()
    window.gallery.choose_number(names.index(SKY) + 1)
    yield "window"


def photographed(window: Window, ended: Callable[[], object]) -> Callable[[], None]:
    """What is to be called again and again: it takes a picture of each scene, once it has settled."""
    shown = scenes(window)
    current: list[str] = []

    def step() -> None:
        if current:
            path = IMAGES / f"{current.pop()}.jpg"
            height = SHOWN_WIDTH * window.height() // window.width()
            smooth = Qt.TransformationMode.SmoothTransformation
            window.grab().scaled(SHOWN_WIDTH, height, transformMode=smooth).save(str(path), "JPG", QUALITY)
        scene = next(shown, None)
        if scene is None:
            ended()
        else:
            current.append(scene)

    return step


def main() -> None:
    """Write the pictures."""
    cv2.setNumThreads(1)
    application = open_application()
    dress(application)
    screen, look = ScreenSink(), load_look(LOOK)
    studio = Studio(Options("demo", SKY), Config(), look, screen, open_session)
    window = Window(screen, studio, Settings(look=look, look_name=LOOK, sky=SKY))
    window.resize(*SIZE)
    timer = QTimer()
    timer.setInterval(SETTLED_MS)
    timer.timeout.connect(photographed(window, window.close))
    waiting = QTimer()
    waiting.setInterval(100)

    def begin() -> None:
        if screen.latest() is not None and window.gallery.skies:
            waiting.stop()
            timer.start()

    waiting.timeout.connect(begin)
    waiting.start()
    try:
        show(application, window)
    finally:
        studio.close()


if __name__ == "__main__":
    main()
