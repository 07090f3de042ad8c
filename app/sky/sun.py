"""Where the sun, or the moon, stands in a panorama."""

import cv2
import numpy as np

from app.frame import F32, F64, U8

_WIDTH = 720
"""The panorama is looked at with two samples to a degree."""
_LOWEST_DEG = -3.0
_NEAR_DEG = 2.0
"""What is bright is looked for through a blur of this width: no lamp or glint is taken for the sun."""
_GLOW_DEG = 6.0
_OUTSHINES = 2.5
"""How much brighter than the sky as a whole the light of a sky is, at least."""
_LEAST = 0.05


def find_sun(rgb: U8) -> tuple[float, float, F64] | None:
    """(x, y, colour) of the brightest spot above the horizon of a whole panorama, uint8 (H, W, 3).

    x and y are shares of the width and height; colour is float64 (3,), its largest value 255. None for a sky
    that has no spot that clearly outshines the rest, such as an overcast one.
    """
    size = _WIDTH, _WIDTH // 2
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32) / 255
    light = np.asarray(small**2.2 @ np.array([0.2126, 0.7152, 0.0722]), np.float32)
    elevation = 90 - (np.arange(size[1]) + 0.5) * 180 / size[1]
    rows = int((elevation > _LOWEST_DEG).sum())
    near = _blurred(light, elevation, _NEAR_DEG)[:rows]
    row, column = np.unravel_index(int(np.argmax(near)), near.shape)
    weights = np.cos(np.radians(elevation[:rows]))[:, None] * np.ones(size[0])
    typical = float((light[:rows] * weights).sum() / weights.sum())
    if near[row, column] < max(_LEAST, _OUTSHINES * typical):
        return None
    x, y = _centre(light, int(row), int(column), elevation)
    glow = _blurred(np.asarray(small**2.2, np.float32), elevation, _GLOW_DEG)[int(row), int(column)].astype(
        np.float64
    )
    colour = (glow / glow.max()) ** (1 / 2.2) * 255
    return (x + 0.5) / size[0], (y + 0.5) / size[1], colour


def _blurred(picture: F32, elevation: F64, degrees: float) -> F32:
    """A Gaussian blur of about equal width on the sphere everywhere; it closes at the sides."""
    scale = _WIDTH / 360
    down = cv2.GaussianBlur(picture, (1, 0), 0, sigmaY=degrees * scale, borderType=cv2.BORDER_REPLICATE)
    frequency = np.fft.rfftfreq(_WIDTH)
    widths = degrees * scale / np.maximum(np.cos(np.radians(elevation)), 0.02)
    low = np.exp(-2 * (np.pi * widths[:, None] * frequency) ** 2)
    low = low[..., None] if picture.ndim == 3 else low
    return np.asarray(np.fft.irfft(np.fft.rfft(down, axis=1) * low, n=_WIDTH, axis=1), np.float32)


def _centre(light: F32, row: int, column: int, elevation: F64) -> tuple[float, float]:
    """Column and row of the middle of what is about as bright as the brightest, near a spot."""
    reach = round(2 * _NEAR_DEG * _WIDTH / 360)
    wide = round(reach / max(np.cos(np.radians(elevation[row])), 0.1))
    rows = np.arange(max(0, row - reach), min(len(light), row + reach + 1))
    columns = np.arange(column - wide, column + wide + 1)
    patch = light[rows[:, None], columns[None] % light.shape[1]].astype(np.float64)
    weights = np.maximum(patch - 0.8 * patch.max(), 0.0)
    x = float((weights * columns).sum() / weights.sum())
    y = float((weights * rows[:, None]).sum() / weights.sum())
    return x % light.shape[1], y
