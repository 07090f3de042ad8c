"""Lightning: when it flickers, where it lights the cloud, and the shape of a bolt."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from skyboxes.view import Picture


@dataclass(frozen=True, slots=True)
class Flash:
    """One discharge; the loop repeats it."""

    start_s: float
    azimuth: float
    """Radians from the picture's middle."""
    distance: float
    """From the camera, m."""
    height: float
    """Of the light's centre above the camera, m."""
    power: float
    bolt: bool
    """Whether a channel comes down to the ground under it."""
    seed: int


def brightness(flash: Flash, time_s: float, loop_s: float) -> float:
    """Light of a flash at a time, 0 to about 1: a few strokes some 80 ms apart, each fading within 70 ms."""
    rng = np.random.default_rng(flash.seed)
    strokes = np.cumsum(np.concatenate([[0.0], rng.uniform(0.04, 0.13, int(rng.integers(2, 5)))]))
    powers = rng.uniform(0.45, 1.0, strokes.size)
    age = (time_s - flash.start_s) % loop_s - strokes
    fading = np.where(age >= 0.0, np.exp(-np.maximum(age, 0.0) / 0.07), 0.0)
    return float((powers * fading).max())


def channel(seed: int, length: float, wander: float) -> list[NDArray[np.float64]]:
    """A bolt from (0, 0) down to about (0, length): its main channel first, then branches; (N, 2) points.

    Midpoint displacement: every segment is broken in two and its middle pushed sideways, again and again.
    """
    rng = np.random.default_rng(seed)

    def broken(start: NDArray[np.float64], end: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
        points = np.stack([start, end])
        push = wander * float(np.hypot(*(end - start)))
        for _ in range(levels):
            step = points[1:] - points[:-1]
            side = np.stack([step[:, 1], -step[:, 0]], axis=1)
            side /= np.maximum(np.hypot(side[:, 0], side[:, 1])[:, None], 1e-9)
            middle = 0.5 * (points[1:] + points[:-1]) + side * (push * rng.normal(size=(len(step), 1)))
            merged = np.empty((len(points) + len(middle), 2))
            merged[0::2], merged[1::2] = points, middle
            points, push = merged, push * 0.57
        return points

    main = broken(np.zeros(2), np.array([rng.normal() * 0.12 * length, length]), 7)
    paths = [main]
    for _ in range(int(rng.integers(5, 9))):
        origin = main[int(rng.integers(len(main) // 10, int(0.8 * len(main))))]
        angle = rng.uniform(0.25, 0.9) * rng.choice([-1.0, 1.0])
        reach = rng.uniform(0.12, 0.38) * length
        paths.append(broken(origin, origin + reach * np.array([np.sin(angle), np.cos(angle)]), 6))
    return paths


def draw(picture: Picture, paths: list[NDArray[np.float64]], top: tuple[float, float], light: float) -> None:
    """Add a bolt to the picture in place; `top` is the pixel (x, y) it leaves the cloud at.

    The core is white, the air around it glows blue-violet; branches are dimmer and thin out.
    """
    height, width = picture.shape[:2]
    core = np.zeros((height, width), np.float32)
    unit = width / 1920.0
    for number, path in enumerate(paths):
        points = np.round((path + np.asarray(top)) * 16.0).astype(np.int32)
        if number == 0:
            cv2.polylines(core, [points], False, 1.0, max(1, round(2 * unit)), cv2.LINE_AA, 4)
            continue
        for part, piece in enumerate(np.array_split(np.arange(len(points) - 1), 4)):
            layer = np.zeros_like(core)
            span = points[piece[0] : piece[-1] + 2]
            cv2.polylines(layer, [span], False, 0.5 - 0.11 * part, 1, cv2.LINE_AA, 4)
            core = np.maximum(core, layer)
    # the channel leaves the cloud gradually
    rows = (np.arange(height) - top[1]) / (0.05 * height)
    core *= np.clip(rows, 0.0, 1.0)[:, None].astype(np.float32)
    picture += light * (5.0 * cv2.GaussianBlur(core, (0, 0), 0.7 * unit + 0.3))[..., None]
    for sigma, gain in ((4.0, 2.2), (16.0, 2.6), (60.0, 3.0)):
        halo = cv2.GaussianBlur(core, (0, 0), sigma * unit)
        picture += light * gain * halo[..., None] * np.asarray([0.62, 0.66, 1.0], np.float32)
