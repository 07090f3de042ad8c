"""The edges of made-up pictures whose foreground and sky are known."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from app.frame import F64, I32, U8, Planes
from app.grid import grid_for
from app.matting.foreground import EdgeFinder

SKY, OWN = np.array([210.0, 140.0, 120.0]), np.array([60.0, 120.0, 130.0])
SIZES = [(320, 180), (321, 179), (1283, 721)]


def frozen(array: NDArray[np.uint8]) -> U8:
    array.setflags(write=False)
    return array


def levels(values: F64) -> U8:
    return frozen(np.rint(values).astype(np.uint8))


def slope(size_wh: tuple[int, int], softness: float, shift: float = 0) -> F64:
    """Sky above a slanting edge, in [0, 1], from 1 to 0 over `softness` rows."""
    width, height = size_wh
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.clip(0.5 + (height / 2 + shift + 0.3 * (x - width / 2) - y) / softness, 0, 1)


def seen(share: F64, sky: F64 = SKY, own: F64 = OWN) -> Planes:
    """What a camera sees of two colours."""
    padded = np.pad(share, [(0, length % 2) for length in share.shape], mode="edge")
    block = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2).mean((1, 3))
    shares = (share, block, block)
    return Planes(*(levels(f + a * (b - f)) for a, b, f in zip(shares, sky, own, strict=True)))


class Edges(NamedTuple):
    alpha: U8
    planes: Planes
    spans: I32


def find(planes: Planes, alpha: U8) -> Edges:
    better, foreground = EdgeFinder(grid_for(planes.size_wh)).find(planes, alpha)
    return Edges(better, *foreground)


def inside(edges: Edges, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """The blocks in the spans."""
    rows = grid_for(size_wh).row
    blocks = np.zeros(((size_wh[1] + 1) // 2, (size_wh[0] + 1) // 2), np.bool_)
    for row, line in enumerate(blocks):
        for begin, end in edges.spans[int(rows[row])]:
            line[begin:end] = True
    return blocks


@pytest.mark.parametrize("size_wh", SIZES, ids=str)
def test_the_old_sky_is_taken_out_of_a_soft_edge(size_wh: tuple[int, int]) -> None:
    share = slope(size_wh, 8)
    planes, alpha = seen(share), levels(255 * share)
    edges = find(planes, alpha)
    blocks = inside(edges, size_wh)
    pixels = blocks.repeat(2, 0).repeat(2, 1)[: size_wh[1], : size_wh[0]]
    half = pixels & (alpha > 20) & (alpha < 235)
    whole = size_wh[0] // 2 * 2  # an odd last column is left as it is
    assert half[:, :whole].sum() > 0.9 * ((alpha > 20) & (alpha < 235))[:, :whole].sum()
    left = 1 - edges.alpha[half] / 255.0
    rim = left * (edges.planes.y[half] - OWN[0])  # what would be seen of it
    assert np.abs(rim).max() < 6
    assert (left * (planes.y[half] - OWN[0])).max() > 30
    assert np.abs(edges.planes.u[blocks & (edges.planes.u > 0)].mean() - OWN[1]) < 10


def errors(size_wh: tuple[int, int], alpha: U8) -> tuple[float, float]:
    """How far an alpha is from a sharp edge, before and after, in pixels; not the odd last column."""
    share = slope(size_wh, 2)
    whole = np.s_[:, : size_wh[0] // 2 * 2]
    before, after = (
        float(np.abs(a / 255.0 - share)[whole].sum()) for a in (alpha, find(seen(share), alpha).alpha)
    )
    return before, after


@pytest.mark.parametrize("size_wh", SIZES, ids=str)
def test_sky_that_is_too_large_by_some_pixels_is_cut(size_wh: tuple[int, int]) -> None:
    before, after = errors(size_wh, levels(255 * slope(size_wh, 2, 4)))
    assert after < 0.2 * before


@pytest.mark.parametrize("size_wh", SIZES, ids=str)
def test_an_edge_that_is_too_soft_is_sharpened(size_wh: tuple[int, int]) -> None:
    before, after = errors(size_wh, levels(255 * slope(size_wh, 12)))
    assert after < 0.4 * before


def test_what_has_the_colour_of_the_sky_becomes_no_sky_where_alpha_sees_none() -> None:
    size_wh = SIZES[0]
    before, after = errors(size_wh, levels(255 * slope(size_wh, 2, -4)))
    assert 0.8 * before < after <= before


def test_alpha_of_an_edge_without_contrast_is_kept() -> None:
    share = slope((320, 180), 6)
    alpha = levels(255 * slope((320, 180), 6, 3))
    corrected = find(
        seen(share, np.array([120.0, 128.0, 128.0]), np.array([116.0, 128.0, 128.0])), alpha
    ).alpha
    assert np.abs(corrected.astype(int) - alpha).max() <= 4


def test_away_from_edges_nothing_is_touched() -> None:
    size_wh = (640, 360)
    rng = np.random.default_rng(0)
    planes = Planes(
        *(frozen(rng.integers(0, 256, shape, np.uint8)) for shape in ((360, 640), (180, 320), (180, 320)))
    )
    alpha = np.zeros((360, 640), np.uint8)
    alpha[:100] = 255
    edges = find(planes, frozen(alpha))
    blocks = inside(edges, size_wh)
    assert blocks[48:52].all()
    assert not blocks[:38].any() and not blocks[62:].any()
    assert np.array_equal(edges.alpha[:76], alpha[:76]) and np.array_equal(edges.alpha[124:], alpha[124:])
    for level in (0, 255):
        whole = frozen(np.full((360, 640), level, np.uint8))
        edges = find(planes, whole)
        assert not edges.spans.any() and np.array_equal(edges.alpha, whole)
