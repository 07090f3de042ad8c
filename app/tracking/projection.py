"""Where points should be seen, and how far from there they are: the loops over all points, compiled.

Arrays are those of `Landmarks`, of which `which`, int (N,), chooses N; `rotation`, float64 (3, 3), takes the
camera's coordinates into the world's. Places are pixels of a picture of the size (`width`, `height`) and the
focal length `focal`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from app.frame import F64
from app.jit import jit

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@jit
def expected(
    alive: Bools,
    ray: F64,
    aside: F64,
    seen: Ints,
    good: Ints,
    rotation: F64,
    focal: float,
    width: int,
    height: int,
    margin: int,
    last: int,
    trusted: int,
    most: int,
) -> tuple[Ints, F64, Bools]:
    """Points that should be in view: which, where, float64 (N, 2), and which of them were not seen lately.

    Those that were seen in frame `last` are where they are expected but for what they were `aside` then; of
    the others at most `most` are given. Points that leave the picture, `margin` pixels inside of its rim,
    are no longer alive unless they agreed in `trusted` frames.
    """
    which = np.empty(len(alive), np.int64)
    at = np.empty((len(alive), 2))
    dormant = np.empty(len(alive), np.bool_)
    count = dormants = 0
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    for i in range(len(alive)):
        if not alive[i]:
            continue
        rx, ry, rz = ray[i, 0], ray[i, 1], ray[i, 2]
        ahead = rotation[0, 2] * rx + rotation[1, 2] * ry + rotation[2, 2] * rz
        if ahead <= 0.2:
            continue
        x = focal * (rotation[0, 0] * rx + rotation[1, 0] * ry + rotation[2, 0] * rz) / ahead + middle_x
        y = focal * (rotation[0, 1] * rx + rotation[1, 1] * ry + rotation[2, 1] * rz) / ahead + middle_y
        unseen = seen[i] < last
        if not unseen:
            x += aside[i, 0]
            y += aside[i, 1]
        if not (margin - 1 < x < width - margin and margin - 1 < y < height - margin):
            if good[i] < trusted:
                alive[i] = False
            continue
        if unseen:
            dormants += 1
            if dormants > most:
                continue
        which[count], at[count, 0], at[count, 1], dormant[count] = i, x, y, unseen
        count += 1
    return which[:count], at[:count], dormant[:count]


@jit
def affine_maps(
    which: Ints, first_xy: F64, first_rotation: F64, rotation: F64, focal: float, width: int, height: int
) -> F64:
    """How the surroundings of points are drawn here beside where they were first seen: the maps (xx, xy, yx,
    yy), float64 (N, 4)."""
    maps = np.empty((len(which), 4))
    turn = np.empty((3, 3))
    for n in range(len(which)):
        i = which[n]
        _between(rotation, first_rotation[i], turn)
        x, y = (first_xy[i, 0] - (width - 1) / 2) / focal, (first_xy[i, 1] - (height - 1) / 2) / focal
        ahead = max(turn[2, 0] * x + turn[2, 1] * y + turn[2, 2], 0.1)
        u = (turn[0, 0] * x + turn[0, 1] * y + turn[0, 2]) / ahead
        v = (turn[1, 0] * x + turn[1, 1] * y + turn[1, 2]) / ahead
        maps[n, 0] = (turn[0, 0] - u * turn[2, 0]) / ahead
        maps[n, 1] = (turn[0, 1] - u * turn[2, 1]) / ahead
        maps[n, 2] = (turn[1, 0] - v * turn[2, 0]) / ahead
        maps[n, 3] = (turn[1, 1] - v * turn[2, 1]) / ahead
    return maps


@jit
def shifts(
    which: Ints, first_xy: F64, first_rotation: F64, rotation: F64, focal: float, width: int, height: int
) -> F64:
    """How far, in pixels, the camera's turn has moved points since they were first seen, float64 (N,)."""
    out = np.empty(len(which))
    turn = np.empty((3, 3))
    for n in range(len(which)):
        i = which[n]
        _between(rotation, first_rotation[i], turn)
        x, y = (first_xy[i, 0] - (width - 1) / 2) / focal, (first_xy[i, 1] - (height - 1) / 2) / focal
        ahead = max(turn[2, 0] * x + turn[2, 1] * y + turn[2, 2], 0.1)
        across = (turn[0, 0] * x + turn[0, 1] * y + turn[0, 2]) / ahead - x
        down = (turn[1, 0] * x + turn[1, 1] * y + turn[1, 2]) / ahead - y
        out[n] = focal * math.sqrt(across * across + down * down)
    return out


@jit
def offsets(which: Ints, ray: F64, places: F64, rotation: F64, out: F64) -> None:
    """Where points are seen, `places` (N, 2) at z = 1, less where they should be, into out (N, 2)."""
    for n in range(len(which)):
        x, y, z = ray[which[n], 0], ray[which[n], 1], ray[which[n], 2]
        ahead = max(rotation[0, 2] * x + rotation[1, 2] * y + rotation[2, 2] * z, 1e-3)
        out[n, 0] = places[n, 0] - (rotation[0, 0] * x + rotation[1, 0] * y + rotation[2, 0] * z) / ahead
        out[n, 1] = places[n, 1] - (rotation[0, 1] * x + rotation[1, 1] * y + rotation[2, 1] * z) / ahead


@jit
def give_way(
    which: Ints,
    ray: F64,
    places: F64,
    rotation: F64,
    off: F64,
    least: float,
    most: float,
    share: float,
) -> None:
    """Turn the rays of points that are `off` (N,) by more than `least` and less than `most` towards where
    they are seen: by none of the way at least, by `share` of it at most."""
    for n in range(len(which)):
        if not least < off[n] < most:
            continue
        part = share * (off[n] - least) / (most - least)
        x, y = places[n, 0], places[n, 1]
        far = math.sqrt(x * x + y * y + 1)
        i = which[n]
        length = 0.0
        for k in range(3):
            towards = (rotation[k, 0] * x + rotation[k, 1] * y + rotation[k, 2]) / far
            ray[i, k] += part * (towards - ray[i, k])
            length += ray[i, k] * ray[i, k]
        length = math.sqrt(length)
        for k in range(3):
            ray[i, k] /= length


@jit
def _between(rotation: F64, first: F64, turn: F64) -> None:
    """rotation^T @ first into turn."""
    for i in range(3):
        for j in range(3):
            turn[i, j] = (
                rotation[0, i] * first[0, j] + rotation[1, i] * first[1, j] + rotation[2, i] * first[2, j]
            )
