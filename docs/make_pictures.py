"""Makes the README's pictures: `python docs/make_pictures.py` writes into docs/images."""

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.capture.demo import DemoSource  # noqa: E402
from app.colour import rgb_from_planes  # noqa: E402
from app.frame import U8  # noqa: E402

SHOWN = 90
LOOKS = (("golden_sunset", "sunset"), ("milky_way", "galaxy"), ("thunderstorm", "storm"))


def result(sky: str, look: str) -> U8:
    """The demo's frame number `SHOWN` with another sky, BGR uint8 (H, W, 3)."""
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, str(ROOT / "run_live.py"), "demo", "--headless"]
        options = ["--sky", sky, "--look", look, "--frames", str(SHOWN + 1), "--dump-frames", folder]
        subprocess.run(program + options, check=True)
        picture = cv2.imread(str(Path(folder) / f"{SHOWN:06d}.png"))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def main() -> None:
    """Write skies.jpg: the demo as it is and under three skies."""
    with DemoSource(None) as demo:
        frame, _ = demo.frame(SHOWN)
    original = rgb_from_planes(frame.planes, frame.colour)[..., ::-1]
    pictures = [original, *(result(sky, look) for sky, look in LOOKS)]
    small = [cv2.resize(picture, (640, 360), interpolation=cv2.INTER_AREA) for picture in pictures]
    sheet = np.vstack([np.hstack(small[:2]), np.hstack(small[2:])])
    (ROOT / "docs" / "images").mkdir(exist_ok=True)
    cv2.imwrite(str(ROOT / "docs" / "images" / "skies.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
