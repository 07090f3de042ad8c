"""The clips that trackers are measured on: what is seen, how the camera turns, what gets in the way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from app.camera import Camera
from app.frame import F64
from benchmarks.rotations.obstacles import Truck
from benchmarks.rotations.paths import Path, Swing
from benchmarks.rotations.street import Place

CAMERA = Camera.from_fov((1280, 720), 60.0)
FPS = 30
FRAMES = 10 * FPS

BLANK_S = (4.0, 6.0)
"""When there is nothing to see in a scene with a blank."""

_CUTS_S = (3.1, 6.7)
_DROPPED = 0.1
_GAPS_S = (2.4, 5.0, 7.7)
_GAP = 5
"""A scene with dropped frames misses every tenth, and so many in a row at some times."""

Sky = Literal["own", "flat"]
Blank = Literal["dark", "fog"]

MEADOW = "immenstadter_horn_1k_tonemapped.jpg"
ROCK = "panolens_rock.jpg"
PIER = "panolens_pier.jpg"
CITY = "panolens_building.jpg"
NIGHT = "dikhololo_night_1k_tonemapped.jpg"
HARBOUR = "venice_sunset_1k_tonemapped.jpg"
CLOUDS = "kloofendal_puresky.cube.rgbe8.png"


@dataclass(frozen=True, slots=True)
class Scene:
    """A clip to be rendered.

    `panoramas` are files of the folder of panoramas, with cuts from one to the next; a `flat` sky has its own
    colours and no texture. `noise` is the deviation of each sample's noise in levels, before compression with
    x264's `crf`. `drifting` is the panorama of a sky that moves by a pixel per frame. In a `place` the camera
    drives; panorama and sky are then what is far away.
    """

    name: str
    kind: str
    panoramas: tuple[str, ...]
    path: Path
    sky: Sky = "own"
    noise: float = 1.5
    crf: int = 19
    truck: Truck | None = None
    drifting: str | None = None
    place: Place | None = None
    blank: Blank | None = None
    drops: bool = False
    dashboard: bool = False

    def part(self, seconds: float) -> int:
        """Which of the panoramas is seen at a time."""
        return sum(seconds >= cut for cut in _CUTS_S[: len(self.panoramas) - 1])

    def is_blank(self, seconds: float) -> bool:
        """Whether there is nothing to see at a time."""
        return self.blank is not None and BLANK_S[0] <= seconds < BLANK_S[1]

    def indices(self, count: int) -> list[int]:
        """The source's frames, of the first `count`, that are not dropped."""
        if not self.drops:
            return list(range(count))
        kept = np.random.default_rng(self.path.seed).random(count) >= _DROPPED
        kept[:2] = True
        for gap_s in _GAPS_S:
            kept[round(gap_s * FPS) : round(gap_s * FPS) + _GAP] = False
        return [int(index) for index in np.flatnonzero(kept)]


def times(indices: list[int]) -> F64:
    """The frames' times in seconds, float64 (N,)."""
    return np.asarray(indices, np.float64) / FPS


def scenes() -> list[Scene]:
    """All of them, in the order in which they are shown."""
    pan = Path(120, 10, pan_deg_s=8)
    tilt = Path(-90, 10, pitch=Swing(9, 5))
    roll = Path(60, 8, roll=Swing(10, 4))
    shake = Path(150, 8, shake_deg=0.35, seed=1)
    walk = Path(20, 9, 5, Swing(4, 6), Swing(4, 3.7), Swing(3, 5), 0.25, 2)
    calm = Path(100, 6, shake_deg=0.1, seed=3)
    slow = Path(-60, 4, pan_deg_s=3, shake_deg=0.1, seed=4)
    drive = Path(0, 3, 0, Swing(7, 9), Swing(0.35, 0.7), Swing(0.8, 2.9), 0.04, 5)
    easy = [
        Scene("pan", "textured", (MEADOW,), pan),
        Scene("tilt", "textured", (ROCK,), tilt),
        Scene("roll", "textured", (MEADOW,), roll),
        Scene("shake", "textured", (ROCK,), shake),
        Scene("walk", "textured", (MEADOW,), walk),
    ]
    flat = [
        replace(scene, name=f"{scene.name}-flat", kind="textureless", panoramas=(panorama,), sky="flat")
        for scene, panorama in zip(easy, (MEADOW, PIER, MEADOW, ROCK, PIER), strict=True)
    ]
    return [
        *easy,
        *flat,
        Scene("city-flat", "textureless", (CITY,), replace(walk, heading_deg=-40, elevation_deg=14)),
        Scene("truck", "truck", (MEADOW,), slow, truck="sways"),
        Scene("truck-passes", "truck", (ROCK,), replace(slow, heading_deg=60), truck="passes"),
        Scene("truck-flat", "truck", (HARBOUR,), replace(slow, heading_deg=-150), "flat", truck="sways"),
        Scene(
            "drifting",
            "drifting",
            (MEADOW,),
            replace(slow, heading_deg=120, elevation_deg=8),
            drifting=CLOUDS,
        ),
        Scene("drifting-still", "drifting", (PIER,), calm, drifting=CLOUDS),
        Scene("drive-street", "drive", (HARBOUR,), drive, "flat", place="street"),
        Scene("drive-open", "drive", (HARBOUR,), drive, "flat", place="open"),
        Scene("blank", "blank", (MEADOW,), calm, blank="dark"),
        Scene("blank-pan", "blank", (MEADOW,), replace(walk, yaw=Swing()), blank="fog"),
        Scene("cuts", "cuts", (MEADOW, PIER, ROCK), walk),
        Scene("drops", "drops", (MEADOW,), walk, drops=True),
        Scene("drops-flat", "drops", (PIER,), walk, "flat", drops=True),
        Scene("night", "hard", (NIGHT,), walk, noise=7, crf=26),
        Scene("coarse", "hard", (PIER,), walk, "flat", noise=5, crf=32),
        Scene("dashboard", "hard", (MEADOW,), slow, "flat", dashboard=True),
    ]
