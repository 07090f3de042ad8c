"""Any clip made into a seamless loop: where it is most alike, its end is led over into its beginning.

A loop is the frames from `first` on, before `last`; its last `fade` frames are mixed, more and more, with
those before `first`, so that `first` comes next. What stands elsewhere in the two is moved part of the way to
meet, by optical flow both ways (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016), and
the mixture keeps the contrast of what it is made of.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from app.capture.video import VideoFile
from app.errors import CaptureError
from app.frame import F32, F64, U8, Planes
from living.bar import counted
from living.film import FILMS, Film, check_free
from living.flow import flow_between
from living.loops import contrast_gain

FADE_S = 1.5
LONGEST_FADE_S = 4.5
_HASTE = 0.6
"""The change-over may add this share of its usual motion to a clip before it is made longer."""
_LEAST_FADE = 3
_FADE_SHARE = 4
"""The change-over takes at most a fourth of the clip,"""
_FADE_BYTES = 400_000_000
"""and so many frames as fit into this, twice."""
_MOST_ENDS = 2000
"""Frames, at most, among which the loop's beginning is sought, and its end."""
_ALIKE = 0.5
"""Levels by which two pictures differ at least: below, the longer loop is better."""
_SMALL_WH = (48, 27)
_FLOW_WIDTH = 480
_SMOOTH_FRAMES = 2.0
"""Deviation of the blur of flow along the change-over: by itself it would jitter from frame to frame."""
_WINDOW = 32
"""Contrast is measured over a 32nd of the width."""


@dataclass(frozen=True, slots=True)
class Join:
    """Where a loop begins, where it ends, and how many frames it takes to lead over, as the module says."""

    first: int
    last: int
    fade: int

    @property
    def frames(self) -> int:
        """How long the loop is."""
        return self.last - self.first


def loopify(clip: Path, path: Path, *, force: bool = False) -> Join:
    """Write the loop at the clip's rate, size and colour, without sound. CaptureError, RecordError."""
    check_free(path, FILMS, force=force)
    small = []
    with VideoFile(clip, None) as file:
        size_wh, fps, colour = file.info.size_wh, file.info.fps, file.info.colour
        for frame in counted(file, file.info.frames, "looking"):
            small.append(thumbnail(frame.planes))
    longest = fade_frames(len(small), fps, size_wh, LONGEST_FADE_S)
    if longest < _LEAST_FADE:
        raise CaptureError(f"{clip}: {len(small)} frames are too few for a loop")
    join = calm_join(np.array(small), min(longest, round(FADE_S * fps)), longest)
    with VideoFile(clip, None) as file, Film(path, size_wh, fps, colour, force=force) as film:
        frames = closed((frame.planes for frame in file), join)
        for planes in counted(frames, join.frames, "writing"):
            film.write(planes)
    return join


def fade_frames(frames: int, fps: Fraction, size_wh: tuple[int, int], seconds: float = FADE_S) -> int:
    """How many frames of a clip of so many can be mixed, at most as many as take those seconds."""
    fitting = _FADE_BYTES // (size_wh[0] * size_wh[1] * 3)
    return min(round(seconds * fps), frames // _FADE_SHARE, fitting)


def thumbnail(planes: Planes) -> F32:
    """What frames are compared by: float32 (n,), of all three planes."""
    parts = [cv2.resize(plane, _SMALL_WH, interpolation=cv2.INTER_AREA).ravel() for plane in planes]
    return np.concatenate(parts).astype(np.float32)


def calm_join(small: F32, shortest: int, longest: int) -> Join:
    """The best join whose change-over is just so long that it hardly shows; small: as in `best_join`."""
    usual = float(np.median(_apart(small[1:], small[:-1])))
    for fade in np.unique(np.linspace(shortest, longest, 4).astype(int)):
        join = best_join(small, int(fade))
        end, before = small[join.last - join.fade : join.last], small[join.first - join.fade : join.first]
        # At its middle the share of the second picture grows 1.5 times as fast as on the whole.
        if 1.5 * float(_apart(end, before).mean()) <= _HASTE * usual * join.fade:
            break
    return join


def _apart(a: F32, b: F32) -> F32:
    return np.asarray(np.sqrt(((a - b) ** 2).mean(axis=1)), np.float32)


def best_join(small: F32, fade: int) -> Join:
    """The join of the least difference, of loops of at least half the clip; small: float32 (frames, n).

    Compared are whole stretches of `fade` frames, so that motion counts as well.
    """
    count = len(small)
    half = count // 2
    begins, ends = small[: min(half, _MOST_ENDS)], small[max(half, count - _MOST_ENDS) :]
    offset = count - len(ends)
    mean = small.mean(axis=0)
    begins, ends = begins - mean, ends - mean
    squares = (begins**2).sum(axis=1)[:, None] + (ends**2).sum(axis=1)[None] - 2 * begins @ ends.T
    difference = np.sqrt(np.maximum(squares, 0) / small.shape[1]).astype(np.float64)
    cost = along_diagonals(difference, fade)
    # Row and column of a cost are those of the stretches' first frames.
    firsts = np.arange(cost.shape[0]) + fade
    lasts = np.arange(cost.shape[1]) + fade + offset
    lengths = lasts[None] - firsts[:, None]
    # Of two that are alike the longer loop is the better one.
    score = (cost + _ALIKE) * (1.5 - 0.5 * lengths / count)
    score[lengths < max(half, 2 * fade)] = np.inf
    row, column = np.unravel_index(int(np.argmin(score)), score.shape)
    return Join(int(firsts[row]), int(lasts[column]), fade)


def along_diagonals(matrix: F64, length: int) -> F64:
    """Means of `length` numbers along a matrix's diagonals, from each place down to the right."""
    rows, columns = matrix.shape
    total = np.zeros((rows - length + 1, columns - length + 1))
    for step in range(length):
        total += matrix[step : step + total.shape[0], step : step + total.shape[1]]
    return np.asarray(total / length, np.float64)


def closed(frames: Iterable[Planes], join: Join) -> Iterator[Planes]:
    """The frames of the loop, from those of the clip."""
    ordered = iter(frames)
    before = list(islice(islice(ordered, join.first), join.first - join.fade, None))
    yield from islice(ordered, join.frames - join.fade)
    end = list(islice(ordered, join.fade))
    yield from led_over(end, before)


def led_over(end: Sequence[Planes], before: Sequence[Planes]) -> Iterator[Planes]:
    """Each frame of `end` mixed with that of `before`, from hardly to almost wholly."""
    flows = _flows(end, before)
    for index, (a, b) in enumerate(zip(end, before, strict=True)):
        share = (index + 0.5) / len(end)
        yield mixed(a, b, *flows[index], share * share * (3 - 2 * share))


def mixed(a: Planes, b: Planes, there: F32, back: F32, share: float) -> Planes:
    """A picture between two, of which the second has `share`.

    there, back: float32 (h, w, 2), the flow from a to b and from b to a, of any size, in its own pixels.
    """
    # Where a pixel of the picture in between comes from (Jiang et al., "Super SloMo", 2018).
    to_a = -(1 - share) * share * there + share * share * back
    to_b = (1 - share) * (1 - share) * there - share * (1 - share) * back
    gain: F32 | None = None
    planes = []
    for first, second in zip(a, b, strict=True):
        moved_a, moved_b = _moved(first, to_a), _moved(second, to_b)
        calm_a, calm_b = _calm(moved_a), _calm(moved_b)
        fine_a, fine_b = moved_a - calm_a, moved_b - calm_b
        if gain is None:
            second_share = np.full(local_mean(fine_a * fine_a).shape, share, np.float32)
            gain = contrast_gain(
                second_share,
                local_mean(fine_a * fine_a),
                local_mean(fine_b * fine_b),
                local_mean(fine_a * fine_b),
            )
        fine = sized(gain, fine_a.shape) * ((1 - share) * fine_a + share * fine_b)
        planes.append(np.rint((1 - share) * calm_a + share * calm_b + fine).clip(0, 255).astype(np.uint8))
    return Planes(*planes)


def _flows(end: Sequence[Planes], before: Sequence[Planes]) -> list[tuple[F32, F32]]:
    """Flow there and back for each pair, at a small size."""
    there, back = [], []
    for a, b in zip(end, before, strict=True):
        first = _reduced(a.y)
        second = _as_bright(_reduced(b.y), first)
        forward, backward = flow_between(first, second), flow_between(second, first)
        there.append(_trusted(forward, backward, first, second))
        back.append(_trusted(backward, forward, second, first))
    return list(zip(_over_time(there), _over_time(back), strict=True))


def _trusted(flow: F32, back: F32, a: U8, b: U8) -> F32:
    """The flow where it explains why two pictures differ and leads back to where it came from; else none."""
    width = flow.shape[1]
    ways = np.hypot(*np.moveaxis(flow + _moved(back, flow), -1, 0))
    consistent = np.exp(-((ways / (0.01 * width)) ** 2))
    plain = a.astype(np.float32) - b
    left = a - _moved(b, flow)
    sigma = width / _WINDOW
    before, after = (cv2.GaussianBlur(np.abs(part), (0, 0), sigma) for part in (plain, left))
    explained = ((before - after) / (0.3 * before + 0.5)).clip(0.0, 1.0)
    trust = cv2.GaussianBlur((consistent * explained).astype(np.float32), (0, 0), sigma)
    return np.asarray(flow * trust[..., None], np.float32)


def _over_time(flows: Sequence[F32]) -> list[F32]:
    reach = np.arange(len(flows))
    smooth = []
    for index in range(len(flows)):
        weights = np.exp(-0.5 * ((reach - index) / _SMOOTH_FRAMES) ** 2)
        near = [(weight, flow) for weight, flow in zip(weights, flows, strict=True) if weight > 0.01]
        total = sum(weight * flow for weight, flow in near) / sum(weight for weight, _ in near)
        smooth.append(np.asarray(cv2.GaussianBlur(total.astype(np.float32), (0, 0), 2.0), np.float32))
    return smooth


def _reduced(luma: U8) -> U8:
    shrink = max(1.0, luma.shape[1] / _FLOW_WIDTH)
    size_wh = max(16, round(luma.shape[1] / shrink)), max(16, round(luma.shape[0] / shrink))
    return np.asarray(cv2.resize(luma, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _as_bright(luma: U8, as_of: U8) -> U8:
    """The picture with the mean and the contrast of another: flow takes brightness for constant."""
    scale = float(as_of.std()) / max(float(luma.std()), 1.0)
    alike = np.rint((luma - luma.mean()) * scale + as_of.mean())
    return np.asarray(alike.clip(0, 255), np.uint8)


def _moved(picture: U8 | F32, flow: F32) -> F32:
    """The picture as it is seen at the ends of a flow of any size: float32."""
    height, width = picture.shape[:2]
    far = sized(flow, picture.shape) * np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    x = np.arange(width, dtype=np.float32)[None] + far[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + far[..., 1]
    moved = cv2.remap(np.asarray(picture, np.float32), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.float32)


def sized(picture: F32, shape: tuple[int, ...]) -> F32:
    """A picture or a map at the size of that shape."""
    return np.asarray(cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _calm(picture: F32) -> F32:
    """Local means."""
    return sized(local_mean(picture), picture.shape)


def local_mean(picture: F32) -> F32:
    """Local means of a picture, float32 (H, W), at a small size."""
    height, width = picture.shape
    shrink = max(1.0, max(width, height) / 192)
    small = cv2.resize(
        picture, (max(8, round(width / shrink)), max(8, round(height / shrink))), interpolation=cv2.INTER_AREA
    )
    sigma = small.shape[1] / _WINDOW
    return np.asarray(cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)
