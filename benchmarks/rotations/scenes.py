"""The clips that trackers are measured on: what is seen, how the camera turns, what gets in the way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from app.camera import Camera
from benchmarks.rotations.paths import Path, Swing

CAMERA = Camera.from_fov((1280, 720), 60.0)
FPS = 30
FRAMES = 10 * FPS

Sky = Literal["own", "flat"]

MEADOW = "immenstadter_horn_1k_tonemapped.jpg"
ROCK = "panolens_rock.jpg"
PIER = "panolens_pier.jpg"
NIGHT = "dikhololo_night_1k_tonemapped.jpg"


@dataclass(frozen=True, slots=True)
class Scene:
    """A clip to be rendered.

    `panorama` is a file of the folder of panoramas; a `flat` sky has its own colours and no texture. `noise`
    is the deviation of each sample's noise in levels, before compression with x264's `crf`.
    """

    name: str
    kind: str
    panorama: str
    path: Path
    sky: Sky = "own"
    noise: float = 2.0
    crf: int = 23


def _easy() -> list[Scene]:
    """The camera's motions one by one, then together."""
    pan = Path(120, 10, pan_deg_s=8)
    tilt = Path(-90, 10, pitch=Swing(9, 5))
    roll = Path(60, 8, roll=Swing(10, 4))
    shake = Path(150, 8, shake_deg=0.35, seed=1)
    walk = Path(20, 9, 5, Swing(4, 6), Swing(4, 3.7), Swing(3, 5), 0.25, 2)
    return [
        Scene("pan", "textured", MEADOW, pan),
        Scene("tilt", "textured", ROCK, tilt),
        Scene("roll", "textured", MEADOW, roll),
        Scene("shake", "textured", ROCK, shake),
        Scene("walk", "textured", MEADOW, walk),
    ]


def scenes() -> list[Scene]:
    """All of them, in the order in which they are shown."""
    easy = _easy()
    flat = [
        replace(scene, name=f"{scene.name}-flat", kind="textureless", panorama=panorama, sky="flat")
        for scene, panorama in zip(easy, (MEADOW, PIER, MEADOW, ROCK, PIER), strict=True)
    ]
    return [*easy, *flat]
