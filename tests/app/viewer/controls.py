"""A program for the window to control: it notes what it was asked for and says what the test wants."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from app.config import Look, Placement
from app.frame import Found
from app.sky.library import SkyFile
from app.state import Message, State
from living.specs import Clock


class FakeControls:
    """`app.state.Controls`. `now` is what `state` says; `error`, if set, is what it raises."""

    def __init__(self) -> None:
        self.now = State(source="clip.mp4", size_wh=(160, 90), sky_name="clear_day", found=Found(0.4, 0.97))
        self.error: BaseException | None = None
        self.asked: list[Any] = []
        self.captured: list[int] = []

    def change(self, **values: Any) -> None:
        """From now on the state has these values."""
        self.now = replace(self.now, **values)

    def say(self, text: str, *, bad: bool = False) -> None:
        """The state has a new message."""
        self.change(message=Message(self.now.message.number + 1, text, bad))

    def state(self) -> State:
        if self.error is not None:
            raise self.error
        return self.now

    def open(self, spec: str) -> None:
        self.asked.append(("open", spec))

    def choose_sky(self, sky: SkyFile) -> None:
        self.asked.append(("sky", sky.name))

    def place_sky(self, placement: Placement | None) -> None:
        self.asked.append(("place", placement))

    def set_clock(self, clock: Clock | None) -> None:
        self.asked.append(("clock", clock))

    def set_look(self, look: Look) -> None:
        self.asked.append(("look", look))

    def toggle_hold(self) -> None:
        self.asked.append("hold")

    def seek(self, seconds: float) -> None:
        self.asked.append(("seek", round(seconds, 3)))

    def record(self, path: Path) -> None:
        self.asked.append(("record", path))

    def stop_recording(self) -> None:
        self.asked.append("stop")

    def toggle_virtual_camera(self) -> None:
        self.asked.append("webcam")

    def save_picture(self, path: Path) -> None:
        self.asked.append(("save", path))

    def painted(self, captured_ns: int) -> None:
        self.captured.append(captured_ns)
