"""From scene light to eight-bit pixels."""

import numpy as np
from numpy.typing import NDArray

from skyboxes.view import Picture


def film(light: Picture, exposure: float) -> Picture:
    """Display values in [0, 1] (sRGB encoded) by Narkowicz's fit of the ACES film curve (2015)."""
    x = exposure * light
    return encode(np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0))


def encode(linear: Picture) -> Picture:
    """Linear light in [0, 1] as sRGB values (IEC 61966-2-1)."""
    small = 12.92 * linear
    large = 1.055 * np.maximum(linear, 1e-6) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, small, large).astype(np.float32)


def saturate(display: Picture, amount: float) -> Picture:
    """Display values with their distance from grey multiplied."""
    grey = display @ np.asarray([0.2126, 0.7152, 0.0722], np.float32)
    return np.clip(grey[..., None] + amount * (display - grey[..., None]), 0.0, 1.0).astype(np.float32)


def quantise(display: Picture, seed: int) -> NDArray[np.uint8]:
    """Eight-bit values; triangular noise of one step keeps smooth skies from banding."""
    rng = np.random.default_rng(seed)
    shape = (*display.shape[:2], 1)
    noise = rng.random(shape, np.float32) - rng.random(shape, np.float32)
    return np.clip(display * 255.0 + noise + 0.5, 0.0, 255.0).astype(np.uint8)
