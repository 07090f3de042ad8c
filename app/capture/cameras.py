"""The cameras of this machine."""

from contextlib import suppress
from pathlib import Path


def list_cameras() -> list[tuple[str, str]]:
    """(device, name) of each video4linux camera, by device number; empty on other systems."""
    cameras = []
    for folder in sorted(
        Path("/sys/class/video4linux").glob("video[0-9]*"), key=lambda f: (len(f.name), f.name)
    ):
        with suppress(OSError):  # unplugged in the meantime
            cameras.append((f"/dev/{folder.name}", (folder / "name").read_text().strip()))
    return cameras
