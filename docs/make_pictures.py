"""Makes the README's pictures: `python docs/make_pictures.py` writes into docs/images."""

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.frame import U8  # noqa: E402
from app.looks import list_looks, load_look, look_folders  # noqa: E402
from app.sky.library import list_skies, sky_folders  # noqa: E402

SHOWN = 30
TILE_WH = (400, 225)
# The sky under which a look that names none is shown.
SKY_OF_LOOK = {"natural": "clear_day", "skyar": "floating_island", "skyar_night": "super_moon"}
SKY_OF_OTHERS = "golden_sunset"


def result(sky: str, look: str) -> U8:
    """The demo's frame number `SHOWN` with another sky, BGR uint8 (H, W, 3)."""
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, str(ROOT / "run_live.py"), "demo", "--headless"]
        options = ["--sky", sky, "--look", look, "--frames", str(SHOWN + 1), "--dump-frames", folder]
        subprocess.run(program + options, check=True)
        picture = cv2.imread(str(Path(folder) / f"{SHOWN:06d}.png"))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def tile(picture: U8, text: str) -> U8:
    """The picture, smaller, with its name in a corner."""
    small = np.asarray(cv2.resize(picture, TILE_WH, interpolation=cv2.INTER_AREA), np.uint8)
    for offset, colour in ((1, (0, 0, 0)), (0, (255, 255, 255))):
        at = (8 + offset, TILE_WH[1] - 9 + offset)
        cv2.putText(small, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
    return small


def write_sheet(name: str, columns: int, tiles: list[U8]) -> None:
    """Write the tiles in rows into docs/images."""
    blank = np.full_like(tiles[0], 255)
    tiles = tiles + [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[at : at + columns]) for at in range(0, len(tiles), columns)]
    folder = ROOT / "docs" / "images"
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / name), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 86])


def main() -> None:
    """Write skies.jpg, the demo under every sky of the program, and looks.jpg, under every look."""
    skies = list_skies(sky_folders()[:1])
    write_sheet("skies.jpg", 4, [tile(result(sky.name, "natural"), sky.title) for sky in skies])
    looks = [(look, look_sky(look.name)) for look in list_looks(look_folders()[:1])]
    write_sheet(
        "looks.jpg", 5, [tile(result(sky, look.name), f"{look.title} ({sky})") for look, sky in looks]
    )


def look_sky(look: str) -> str:
    """The sky that shows a look."""
    return load_look(look).sky or SKY_OF_LOOK.get(look, SKY_OF_OTHERS)


if __name__ == "__main__":
    main()
