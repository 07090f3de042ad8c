"""White noise that can be moved by any part of a sample and stays the same noise: no softening, no border.

Each level is a sum of all waves that its samples can hold, on a torus, kept finer than it is shown. Such a
sum has the same variance wherever it is sampled, where bilinear look-ups of plain white noise lose up to
three quarters of theirs.
"""

import math

import numpy as np

from app.frame import F32, F64
from app.jit import jit

SMALLEST = 4
"""Side of the coarsest level."""


class NoiseBank:
    """Noise of several sizes on one torus; the side doubles from level to level, up to `res`."""

    def __init__(self, res: int, levels: int, oversample: int = 4, seed: int = 0) -> None:
        """res: side of the finest of the `levels`; the coarsest has res / 2^(levels - 1), even, at least 4.

        Raises ValueError for sizes that do not fit.
        """
        self.sides = tuple(res >> k for k in reversed(range(levels)))
        smallest = self.sides[0] if levels > 0 else 0
        if smallest < SMALLEST or smallest % 2 or smallest << (levels - 1) != res or oversample < 2:
            raise ValueError(f"no {levels} levels of noise, the finest of {res} samples")
        self._masters = tuple(
            _master(side, oversample, np.random.default_rng((seed, level)))
            for level, side in enumerate(self.sides)
        )

    def state(self, motion: F64) -> list[F32]:
        """The noise after a motion: a list of float32 (r, r), mean 0 and variance 1, the coarsest first.

        motion: float64 (3, 3), of coordinates from -1 to 1, or (levels, 3, 3): one for each level.
        """
        motions = np.broadcast_to(motion, (len(self.sides), 3, 3))
        return [
            _moved(master, side, matrix)
            for master, side, matrix in zip(self._masters, self.sides, motions, strict=True)
        ]

    def looped(self, there: F64, back: F64, share: float) -> list[F32]:
        """The noise at `share`, in [0, 1], of a loop: at 1, where `back` is no motion, it is as at 0.

        there: the motion since the loop's start, as in `state`; back: that from the loop's end, against the
        wind. The two copies take over from each other by cosine and sine, which keeps the variance of what is
        unlike; what they have in common would add up, and is scaled.
        """
        leave, come = math.cos(0.5 * math.pi * share), math.sin(0.5 * math.pi * share)
        shown = []
        for a, b in zip(self.state(there), self.state(back), strict=True):
            common = float((a * b).mean())
            scale = 1.0 / math.sqrt(1.0 + 2.0 * leave * come * common)
            shown.append(np.asarray(scale * (leave * a + come * b), np.float32))
        return shown


def _master(side: int, oversample: int, rng: np.random.Generator) -> F32:
    """White noise of `side` samples along a side, without its mean and its fastest waves, drawn finer."""
    waves = np.fft.fft2(rng.standard_normal((side, side)))
    half, fine = side // 2, side * oversample
    waves[0, 0] = 0.0
    waves[half] = waves[:, half] = 0.0  # which of two phases these have cannot be known
    wide = np.zeros((fine, fine), np.complex128)
    places = np.fft.fftfreq(side, 1 / side).astype(int) % fine
    wide[np.ix_(places, places)] = waves
    drawn = np.fft.ifft2(wide).real
    return np.asarray(drawn / drawn.std(), np.float32)


def _moved(master: F32, side: int, motion: F64) -> F32:
    shown = np.empty((side, side), np.float32)
    _look_up(master, np.ascontiguousarray(np.linalg.inv(motion)), shown)
    return shown


@jit
def _cubic(t: float, weights: F64) -> None:
    """Weights of four neighbouring samples at `t` between the inner two (Catmull and Rom 1974)."""
    weights[0] = ((-0.5 * t + 1.0) * t - 0.5) * t
    weights[1] = (1.5 * t - 2.5) * t * t + 1.0
    weights[2] = ((-1.5 * t + 2.0) * t + 0.5) * t
    weights[3] = (0.5 * t - 0.5) * t * t


@jit
def _look_up(master: F32, m: F64, shown: F32) -> None:
    """The master at the middles of the samples shown; m: from their coordinates to the master's."""
    side, fine = shown.shape[0], master.shape[0]
    across, down = np.empty(4), np.empty(4)
    for row in range(side):
        v = (2.0 * row + 1.0) / side - 1.0
        for column in range(side):
            u = (2.0 * column + 1.0) / side - 1.0
            w = m[2, 0] * u + m[2, 1] * v + m[2, 2]
            x = 0.5 * fine * ((m[0, 0] * u + m[0, 1] * v + m[0, 2]) / w + 1.0)
            y = 0.5 * fine * ((m[1, 0] * u + m[1, 1] * v + m[1, 2]) / w + 1.0)
            left, top = math.floor(x), math.floor(y)
            _cubic(x - left, across)
            _cubic(y - top, down)
            total = 0.0
            for j in range(4):
                line = master[(top + j - 1) % fine]
                part = 0.0
                for k in range(4):
                    part += across[k] * line[(left + k - 1) % fine]
                total += down[j] * part
            shown[row, column] = total
