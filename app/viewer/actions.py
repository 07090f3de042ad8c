"""All that can be asked of the window: words, keys and tooltips in one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QWidget

from app.viewer.pictograms import icon


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to ask for. `keys` as Qt writes them; `icon` names a picture, empty = none.

    `plain` keys are those that buttons, sliders and lists need for themselves; the window sees them only
    where the widget in focus did not take them, whereas the others are shortcuts of the whole window.
    `repeats`: as long as the key is held.
    """

    text: str
    keys: tuple[str, ...]
    tip: str
    icon: str = ""
    checkable: bool = False
    plain: bool = False
    repeats: bool = False


ACTS: dict[str, Act] = {
    "open file": Act(
        "Open file…", ("O", "Ctrl+O"), "Open a video, or a picture, and replace its sky", "open"
    ),
    "open address": Act("Open address…", ("A",), "Open a stream: rtsp, rtmp, http or udp"),
    "open camera": Act("Camera", ("C",), "List the cameras of this machine"),
    "hold": Act("Pause", ("Space",), "Pause, or go on", "pause", plain=True),
    "back": Act("Back 5 s", ("Shift+Left",), "Go back five seconds in a file", plain=True),
    "forward": Act("Forward 5 s", ("Shift+Right",), "Go on five seconds in a file", plain=True),
    "record": Act("Record", ("R",), "Record the picture with its new sky, whatever view is shown", "record"),
    "snapshot": Act("Snapshot", ("S",), "Save the newest picture as PNG", "snapshot"),
    "webcam": Act(
        "Virtual camera",
        ("W",),
        "Show the picture as a camera to other programs",
        "webcam",
        checkable=True,
    ),
    "previous sky": Act("Previous sky", ("Left",), "The sky before this one", "previous", plain=True),
    "next sky": Act("Next sky", ("Right",), "The sky after this one", "next", plain=True),
    "sky left": Act(
        "Turn the sky left", ("Alt+Left",), "Turn the sky to the left by 5 degrees", repeats=True
    ),
    "sky right": Act(
        "Turn the sky right", ("Alt+Right",), "Turn the sky to the right by 5 degrees", repeats=True
    ),
    "sky up": Act("Raise the sky", ("Alt+Up",), "Raise the sky by 2 degrees", repeats=True),
    "sky down": Act("Lower the sky", ("Alt+Down",), "Lower the sky by 2 degrees", repeats=True),
    "later": Act(
        "Later in the day", ("Alt+PgUp",), "Make it a quarter of an hour later in the sky", repeats=True
    ),
    "earlier": Act(
        "Earlier in the day", ("Alt+PgDown",), "Make it a quarter of an hour earlier in the sky", repeats=True
    ),
    "show": Act("Show mode", ("N",), "Change to the next sky every few seconds", "show", checkable=True),
    "next view": Act("Next view", ("V",), "Go through the views"),
    "gallery": Act("Skies", ("G",), "Show or hide the skies", "gallery", checkable=True),
    "look": Act("Look", ("L",), "Show or hide the controls of the look", "look", checkable=True),
    "statistics": Act(
        "Statistics", ("I",), "Show or hide the numbers of this run", "statistics", checkable=True
    ),
    "full screen": Act(
        "Full screen", ("F", "F11"), "Fill the screen with the picture", "full screen", checkable=True
    ),
    "help": Act("Keys", ("F1", "?"), "Show all keys", "help"),
    "leave": Act("Leave", ("Esc",), "Leave full screen; otherwise close the window", plain=True),
    "quit": Act("Quit", ("Ctrl+Q",), "Close the window"),
}


def key_name(keys: tuple[str, ...]) -> str:
    """What the user reads: the first key, as the system writes it."""
    return QKeySequence(keys[0]).toString(QKeySequence.SequenceFormat.NativeText)


def tip_with_key(tip: str, keys: tuple[str, ...]) -> str:
    """A tooltip that names the key."""
    return f"{tip}  ({key_name(keys)})"


def build_actions(owner: QWidget, calls: Mapping[str, Callable[[], object]]) -> dict[str, QAction]:
    """An action for each entry of the table, connected to the call of its name and added to the window."""
    actions = {}
    for name, act in ACTS.items():
        action = QAction(act.text, owner)
        action.setToolTip(tip_with_key(act.tip, act.keys))
        if act.icon:
            action.setIcon(icon(act.icon))
        if not act.plain:
            action.setShortcuts([QKeySequence(key) for key in act.keys])
        action.setAutoRepeat(act.repeats)
        action.setCheckable(act.checkable)
        action.triggered.connect(_calling(calls[name]))
        owner.addAction(action)
        actions[name] = action
    return actions


def plain_action(actions: Mapping[str, QAction], keys: QKeySequence) -> QAction | None:
    """The action whose plain key was pressed."""
    for name, act in ACTS.items():
        if act.plain and keys in [QKeySequence(key) for key in act.keys]:
            return actions[name]
    return None


def _calling(call: Callable[[], object]) -> Callable[[bool], None]:
    def triggered(_checked: bool) -> None:
        call()

    return triggered
