"""The sky goes on behind the land: what will come out from there when it drifts."""

import cv2
import numpy as np

from app.errors import SkyError
from app.frame import F32, U8

SURE = 250
"""Alpha from which on a pixel shows nothing but sky."""
_LEAST = 0.01
"""Share of a photo that has to be sky."""
_SMALL = 1280
"""Width, at most, at which colours are carried on."""
_EDGE_PX = 640
"""The land's rim reaches one pixel further for every so many pixels of width: matte and lens blur it."""
_GRAIN = 60
"""What is finer than a sixtieth of the width is texture; it is mirrored, and the rest is carried on."""


_SPECK = 0.003
"""Share of the photo up to which something is an island."""
_MOST = 0.98
_CALM = 25
"""The line in which texture is mirrored follows the skyline over this part of the width."""


def sure_sky(alpha: U8) -> U8:
    """255 where alpha, uint8 (H, W), shows sky alone, some pixels away from all else, and 0 elsewhere."""
    reach = 1 + alpha.shape[1] // _EDGE_PX
    sure = np.where(alpha >= SURE, 255, 0).astype(np.uint8)
    return np.asarray(cv2.erode(sure, np.ones((2 * reach + 1,) * 2, np.uint8)), np.uint8)


def without_specks(alpha: U8) -> U8:
    """Alpha in which small islands in the sky, such as birds or faults of the network, are sky as well."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((alpha < 255).astype(np.uint8), connectivity=8)
    height, width = alpha.shape
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    free = (left > 0) & (right < width) & (bottom < height)
    specks = free & (stats[:, cv2.CC_STAT_AREA] < _SPECK * alpha.size)
    specks[0] = False  # all that is sky
    return np.where(specks[labels], 255, alpha).astype(np.uint8)


def horizon_of(alpha: U8) -> float:
    """Row of the horizon, in pixels: a little below the lowest sky, or below a picture of sky alone."""
    height = int(alpha.shape[0])
    share = (alpha >= SURE).mean(axis=1)
    rows = np.flatnonzero(share > 0.01)
    lowest = int(rows[-1]) if len(rows) else height // 2
    return 1.15 * height if lowest >= 0.98 * height else lowest + 0.03 * height


def extended(photo: U8, alpha: U8) -> U8:
    """The photo's sky, uint8 (H, W, 3), as if there were nothing before it; unchanged where there is not.

    alpha: uint8 (H, W), 255 = sky. Colours are carried on from the nearest sky, by push and pull (Gortler et
    al., "The Lumigraph", 1996), and texture is that above the skyline, upside down. Raises SkyError for a
    photo that shows next to no sky.
    """
    sure = sure_sky(alpha)
    if sure.mean() < 255 * _LEAST:
        raise SkyError("there is no sky in it that could move")
    if sure.min() == 255:
        return photo
    height, width = alpha.shape
    carried = carried_on(photo, sure)
    sigma = max(1.0, carried.shape[1] / _GRAIN)
    calm = cv2.resize(cv2.GaussianBlur(carried, (0, 0), sigma), (width, height))
    rows = _mirrored_rows(sure)
    columns = np.broadcast_to(np.arange(width), rows.shape)
    known = cv2.erode(sure, np.ones((3, 3), np.uint8))[rows, columns]
    share = np.asarray(cv2.GaussianBlur(known, (0, 0), 1.0 + sigma / 4), np.float32) / 255
    # Next to the sky the colours that are carried on fit best.
    share *= (cv2.distanceTransform(255 - sure, cv2.DIST_L2, 3) * (_GRAIN / width)).clip(0.0, 1.0)
    texture = photo[rows, columns].astype(np.float32) - np.asarray(calm, np.float32)[rows, columns]
    texture[known == 0] = 0
    filled = np.asarray(cv2.resize(carried, (width, height)), np.float32)
    filled = (filled + share[..., None] * texture).clip(0, 255)
    return np.where(sure[..., None] > 0, photo, np.rint(filled)).astype(np.uint8)


def carried_on(photo: U8, sure: U8) -> F32:
    """The colours of a photo where `sure`, uint8 (H, W), is 255, and those carried on from there elsewhere.

    float32 (h, w, 3), not wider than 1280.
    """
    height, width = sure.shape
    shrink = max(1.0, width / _SMALL)
    small_wh = max(2, round(width / shrink)), max(2, round(height / shrink))
    weight = np.asarray(cv2.resize(sure, small_wh, interpolation=cv2.INTER_AREA), np.float32) / 255
    masked = cv2.resize(photo * (sure[..., None] & 1), small_wh, interpolation=cv2.INTER_AREA)
    return _pushed_and_pulled(np.asarray(masked, np.float32), np.asarray(weight, np.float32))


def _pushed_and_pulled(colours: F32, weight: F32) -> F32:
    """Colours, given times their weights, float32 (h, w, 3) and (h, w), everywhere."""
    height, width = weight.shape
    if min(height, width) < 4:
        total = max(float(weight.sum()), 1e-6)
        return np.broadcast_to((colours.sum(axis=(0, 1)) / total).astype(np.float32), colours.shape).copy()
    half = (width + 1) // 2, (height + 1) // 2
    coarse_weight = np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32)
    coarse = np.asarray(cv2.resize(colours, half, interpolation=cv2.INTER_AREA), np.float32)
    # A cell that is known by half is known: its colour is as good.
    gain = np.minimum(1.0, 2.0 * coarse_weight) / np.maximum(coarse_weight, 1e-6)
    below = _pushed_and_pulled(
        np.asarray(coarse * gain[..., None], np.float32), np.asarray(coarse_weight * gain, np.float32)
    )
    pulled = cv2.resize(below, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(colours + (1.0 - weight[..., None]) * pulled, np.float32)


def _mirrored_rows(sure: U8) -> np.ndarray:
    """The row above the skyline from which each pixel has its texture, int (H, W)."""
    height, width = sure.shape
    counts = np.cumsum(sure > 0, axis=0, dtype=np.int32)
    has_sky = np.flatnonzero(counts[-1])
    # Specks of sky below the skyline count for nothing.
    lowest = (counts[:, has_sky] >= _MOST * counts[-1, has_sky]).argmax(axis=0)
    line = np.interp(np.arange(width), has_sky, lowest).astype(np.float32)[None]
    reach = max(1, width // _CALM)
    # Smooth, or texture would follow each roof and tree.
    line = cv2.erode(line, np.ones((1, 2 * reach + 1), np.uint8))
    line = cv2.GaussianBlur(line, (0, 0), reach, borderType=cv2.BORDER_REPLICATE)[0]
    line = np.maximum(np.minimum(line, height - 1), 2.0)
    away = np.abs(np.arange(height)[:, None] - line[None])
    # Deeper than the sky is high it comes back down.
    folded = np.abs((away + line) % (2 * line) - line)
    rows = np.arange(height)[:, None]
    inside = np.where(rows <= line[None], rows, line[None] - folded)
    return np.asarray(np.rint(inside).clip(0, height - 1), np.int64)
