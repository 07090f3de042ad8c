"""The camera as a pinhole with square pixels, and where it looks.

Camera coordinates are x to the right, y down, z ahead; pixels are (x, y, 1) with pixel centres at integers.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

_AHEAD = 1e-3
"""The cosine down to which the middle of the first picture still counts as in front of the camera."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole: the picture's size and the focal length in pixels; the principal point is in the middle."""

    size_wh: tuple[int, int]
    focal_px: float

    @classmethod
    def from_fov(cls, size_wh: tuple[int, int], fov_deg: float) -> "Camera":
        """The camera whose picture is `fov_deg` degrees wide; its width spans `size_wh[0]` whole pixels."""
        return cls(size_wh, size_wh[0] / (2 * math.tan(math.radians(fov_deg) / 2)))

    @property
    def fov_deg(self) -> float:
        """Width of the view in degrees."""
        return math.degrees(2 * math.atan2(self.size_wh[0] / 2, self.focal_px))

    @property
    def matrix(self) -> F64:
        """K, float64 (3, 3): from camera coordinates to pixels, up to their third coordinate."""
        width, height = self.size_wh
        focal = self.focal_px
        return np.array([[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]])

    @property
    def inverse(self) -> F64:
        """K^-1, float64 (3, 3): from pixels to camera coordinates with z = 1."""
        width, height = self.size_wh
        inverse = 1 / self.focal_px
        return np.array(
            [
                [inverse, 0.0, -inverse * (width - 1) / 2],
                [0.0, inverse, -inverse * (height - 1) / 2],
                [0.0, 0.0, 1.0],
            ]
        )


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A camera and where it looks.

    `rotation`, float64 (3, 3), takes this frame's camera coordinates into the world's, which are those of the
    first frame, levelled.
    """

    camera: Camera
    rotation: F64

    def homography(self, reference: Camera) -> F64:
        """K R^T K_ref^-1, float64 (3, 3): from the first frame's pixels, seen by `reference`, to this one's.

        Points in front of this camera get w > 0, and the first frame's middle w = 1 if it is one of them.
        """
        return rotated(self.camera, self.rotation.T, reference)


def first_view(camera: Camera) -> View:
    """The view of the first frame: straight ahead."""
    return View(camera, np.eye(3))


def rotated(camera: Camera, rotation: F64, reference: Camera) -> F64:
    """K R K_ref^-1, float64 (3, 3): pixels of `reference` to those of `camera`.

    `rotation` takes coordinates of `reference` into those of `camera`. w as in `View.homography`.
    """
    # Focal lengths are divided first and the centres kept out of products: no turn is exactly no motion.
    matrix = rotation * np.array(
        [[camera.focal_px / reference.focal_px] * 2 + [camera.focal_px]] * 2
        + [[1 / reference.focal_px] * 2 + [1.0]]
    )
    matrix[:2] += np.outer((np.array(camera.size_wh) - 1) / 2, matrix[2])
    matrix[:, 2] -= matrix[:, :2] @ ((np.array(reference.size_wh) - 1) / 2)
    ahead = rotation[2, 2]
    return np.asarray(matrix / ahead if ahead > _AHEAD else matrix, np.float64)
