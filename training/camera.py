"""What cameras do to pictures: exposure, colours, blur of focus and motion, noise, compression, bars."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]


def change_colours(image: Array, rng: np.random.Generator, dark: bool = False) -> Array:
    """Random exposure, contrast, gamma and white balance in one table look-up, then random saturation.

    A dark picture is lifted, never lowered, or nothing would be left of it.
    """
    ramp = np.linspace(0.0, 1.0, 256)[:, None]
    gamma = rng.normal(0.0, 0.25)
    curve = ramp ** np.exp(-abs(gamma) if dark else gamma)
    gain = np.exp(rng.normal(0.0, 0.17)) * np.exp(rng.normal(0.0, 0.07, 3))
    lift = rng.normal(0.0, 0.05)
    if dark:
        curve = curve * np.exp(rng.normal(0.2, 0.3)) + abs(lift)
    else:
        curve = (curve - 0.5) * np.exp(rng.normal(0.0, 0.15)) + 0.5 + lift
    table = np.clip(curve * gain * 255.0, 0, 255).astype(np.uint8)
    out = cv2.LUT(image, table[:, None, :])
    if rng.random() < 0.35:
        saturation = rng.uniform(0.0, 1.5)
        luma = np.array([0.299, 0.587, 0.114])
        matrix = saturation * np.eye(3) + (1.0 - saturation) * np.ones((3, 1)) @ luma[None, :]
        out = cv2.transform(out, matrix)
    return np.asarray(out, np.uint8)


def overexpose(image: Array, alpha: Array, rng: np.random.Generator) -> Array:
    """The picture exposed for its ground: the sky clips, and its light creeps over thin things before it."""
    sky = image[alpha > 200]
    level = float(np.median(sky)) if len(sky) else 255.0
    gain = min(4.0, 255.0 / max(40.0, level) * rng.uniform(1.0, 1.8))
    bright = np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8)
    _, clipped = cv2.threshold(bright, 225, 255, cv2.THRESH_TOZERO)
    bloom = cv2.GaussianBlur(clipped, (0, 0), float(rng.uniform(0.8, 5.0)))
    share = float(rng.uniform(0.1, 0.6))
    return np.asarray(
        cv2.max(bright, cv2.addWeighted(bright, 1.0 - 0.5 * share, bloom, share, 0.0)), np.uint8
    )


def blur_by_motion(
    image: Array, alpha: Array, valid: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """(image, alpha, valid) smeared along one direction, as a moving camera does; alpha is smeared alike."""
    length = int(rng.integers(2, 10))
    heading = rng.uniform(0.0, np.pi)
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.uint8)
    reach = np.array([np.cos(heading), np.sin(heading)]) * length / 2
    start, end = (tuple(int(part) for part in np.round(length + side * reach)) for side in (-1, 1))
    cv2.line(kernel, start, end, 255, 1, cv2.LINE_AA)
    weights = kernel.astype(np.float32) / float(kernel.sum())
    smeared = [np.asarray(cv2.filter2D(plane, -1, weights), np.uint8) for plane in (image, alpha, valid)]
    return smeared[0], smeared[1], np.where(smeared[2] >= 254, 255, 0).astype(np.uint8)


def add_camera_faults(image: Array, rng: np.random.Generator, dark: bool = False) -> Array:
    """Sometimes blur, sometimes noise, sometimes JPEG blocks; in the dark more often and more of it."""
    if rng.random() < 0.12:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.5))), np.uint8)
    if rng.random() < (0.6 if dark else 0.2):
        image = _add_noise(image, rng.uniform(2.0, 16.0), rng)
    if rng.random() < (0.45 if dark else 0.2):
        low = rng.random() < 0.4
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(10, 35) if low else rng.integers(35, 92))]
        _, code = cv2.imencode(".jpg", image, quality)
        image = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    return image


def add_bars(image: Array, alpha: Array, valid: Array, rng: np.random.Generator) -> None:
    """Puts black bars, which are not sky, on two sides of all three planes, in place."""
    side = rng.random() < 0.5
    length = image.shape[1] if side else image.shape[0]
    width = int(length * rng.uniform(0.03, 0.2))
    bars = np.r_[:width, length - width : length]
    index = np.s_[:, bars] if side else np.s_[bars]
    image[index] = rng.integers(0, 12)
    alpha[index] = 0
    valid[index] = 255


def _add_noise(image: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Noise of the sensor, or, coarser than a pixel, what remains of it after a camera's own smoothing."""
    rows, columns = image.shape[:2]
    coarse = rng.random() < 0.4
    shape = (rows // 2, columns // 2, 3) if coarse else image.shape
    noise: NDArray[np.float32] = np.empty(shape, np.float32)
    cv2.setRNGSeed(int(rng.integers(2**31)))  # OpenCV draws three times as fast as NumPy
    cv2.randn(noise, np.zeros(3), np.full(3, sigma))
    if coarse:
        noise = np.asarray(cv2.resize(noise, (columns, rows)), np.float32)
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)
