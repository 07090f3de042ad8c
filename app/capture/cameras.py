"""The cameras of this machine."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from app.capture.formats import Format

NOT_PERMITTED = "no permission to use it: add yourself to the group video and log in again"
_DEVICES = Path("/sys/class/video4linux")


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera and what it offers; `trouble` says why that could not be asked, empty = it could."""

    device: str
    name: str
    formats: tuple[Format, ...] = ()
    trouble: str = ""


def list_cameras() -> list[Camera]:
    """Each video4linux camera by device number, without the nodes that give no pictures; empty elsewhere."""
    folders = sorted(_DEVICES.glob("video[0-9]*"), key=lambda folder: (len(folder.name), folder.name))
    cameras = (_camera(f"/dev/{folder.name}", folder) for folder in folders)
    return [camera for camera in cameras if camera is not None]


def camera_lines() -> list[str]:
    """The cameras for people to read: device and name, below it each format with its sizes and rates."""
    if sys.platform != "linux":
        return ["cameras are listed on Linux only; they can be opened by their number, from 0"]
    lines = []
    for camera in list_cameras():
        lines.append(f"{camera.device}  {camera.name}")
        lines += [f"    {camera.trouble}"] if camera.trouble else []
        lines += [f"    {line}" for format in camera.formats for line in _format_lines(format)]
    return lines or ["no cameras found"]


def _format_lines(format: Format) -> list[str]:
    """One line for each run of sizes that have the same rates."""
    title = f"{format.code} {format.name}"
    if not format.modes:
        return [title]
    lines = []
    for rates, modes in groupby(format.modes, key=lambda mode: mode.rates):
        sizes = " ".join("{}x{}".format(*mode.size_wh) for mode in modes)
        listed = " ".join(f"{float(rate):.4g}" for rate in rates)
        lines.append(f"{title}  {sizes}" + (f"  at {listed} fps" if listed else ""))
    return lines


def _camera(device: str, folder: Path) -> Camera | None:
    if sys.platform != "linux":
        return None
    from app.capture.v4l2 import read_formats

    name = device
    with suppress(OSError):
        name = (folder / "name").read_text().strip()
    try:
        formats = read_formats(device)
    except FileNotFoundError:  # unplugged in the meantime
        return None
    except PermissionError:
        return Camera(device, name, trouble=NOT_PERMITTED)
    except OSError as error:
        return Camera(device, name, trouble=str(error.strerror))
    return None if formats is None else Camera(device, name, formats)
