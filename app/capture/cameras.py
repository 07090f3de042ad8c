"""The cameras of this machine."""

from pathlib import Path


def list_cameras() -> list[tuple[str, str]]:
    """(device, name) of each video4linux camera, by device number; empty on other systems."""
    folders = sorted(Path("/sys/class/video4linux").glob("video*"), key=lambda folder: int(folder.name[5:]))
    return [(f"/dev/{folder.name}", (folder / "name").read_text().strip()) for folder in folders]
