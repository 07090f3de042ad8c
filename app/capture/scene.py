"""The demo scene: a walk along a meadow before a village, with the truth about its sky and its camera.

World coordinates are metres, x right, y down, z ahead; the walk begins at the origin, 1.7 m above the ground.
Everything but the meadow stands on planes that face the viewer, so each texture reaches the picture by one
exact homography, K R [s right, s down, corner - eye] (Hartley & Zisserman, Multiple View Geometry, 8.1.1).
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from app.capture import scene_textures as paint
from app.colour import yuv_from_rgb
from app.frame import F32, F64, U8, Colour, Planes
from app.jit import jit

COLOUR = Colour("bt709", full_range=False, siting="center", primaries=1, transfer=1)
_EYE_HEIGHT_M = 1.7
_INFINITE_M = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A texture, YUVA uint8 (H, W, 4), and where it stands: its columns run along +x, its rows along `down`.

    `corner` is the world position of texel (0, 0) in metres; `metres` is the size of a texel.
    """

    texture: U8
    corner: tuple[float, float, float]
    down: tuple[float, float, float]
    metres: tuple[float, float]


def build_layers() -> list[Layer]:
    """The scene from the farthest layer to the nearest; the first is the sky."""
    rng = np.random.default_rng(7)
    upright = (0.0, 1.0, 0.0)

    def standing(texture: F32, z: float, metres: float, sunk: float = 0.0) -> Layer:
        height, width = texture.shape[:2]
        top = _EYE_HEIGHT_M + sunk - height * metres
        return Layer(_yuva(texture), (-width * metres / 2, top, z), upright, (metres, metres))

    far = _INFINITE_M / 1150  # the sky's texel, about one pixel of a picture 1280 wide
    sky = paint.sky(rng, (1050, 2500))
    sky_layer = Layer(_yuva(sky), (-1250 * far, -950 * far, _INFINITE_M), upright, (far, far))
    ground = paint.meadow(rng, (1500, 1400), 200.0)
    ground_layer = Layer(_yuva(ground), (-100.0, _EYE_HEIGHT_M, 124.0), (0.0, 0.0, -1.0), (200 / 1400, 0.084))
    return [
        sky_layer,
        standing(paint.mountains(rng, (300, 2500)), 6000.0, 5.2, 60),
        standing(paint.woods(rng, (240, 2400)), 700.0, 0.62, 15),
        standing(paint.village(rng, (260, 2300)), 120.0, 0.105, 1.0),
        ground_layer,
        standing(paint.trees(rng, (460, 2600), [270, 930, 1700, 2330], 360), 42.0, 0.03),
        standing(paint.trees(rng, (760, 2700), [560], 700), 15.0, 0.0125),
    ]


def intrinsics(size_wh: tuple[int, int]) -> F64:
    """The camera matrix K, float64 (3, 3): square pixels, 58 degrees wide, principal point in the middle."""
    width, height = size_wh
    focal = 0.9 * max(width, height)
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])


def camera_rotation(seconds: float) -> F64:
    """Rotation from world to camera coordinates, float64 (3, 3): looking about while walking."""
    yaw = math.radians(
        9 * math.sin(2 * math.pi * seconds / 17) + 0.25 * math.sin(2 * math.pi * seconds * 1.3)
    )
    pitch = math.radians(
        6.5 + 1.5 * math.sin(2 * math.pi * seconds / 11) + 0.2 * math.sin(2 * math.pi * 1.9 * seconds)
    )
    roll = math.radians(1.3 * math.sin(2 * math.pi * seconds / 7))
    turn_y = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
    turn_x = np.array(
        [[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]]
    )
    turn_z = np.array([[math.cos(roll), math.sin(roll), 0], [-math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return np.asarray(turn_z @ turn_x @ turn_y, np.float64)


def camera_position(seconds: float) -> F64:
    """The eye in metres, float64 (3,): to and fro along the meadow, bobbing with each step."""
    return np.array(
        [
            2.2 * math.sin(2 * math.pi * seconds / 23),
            0.03 * math.sin(2 * math.pi * 1.9 * seconds),
            1.6 - 1.6 * math.cos(2 * math.pi * seconds / 29),
        ]
    )


def sky_motion(size_wh: tuple[int, int], start_s: float, end_s: float) -> F64:
    """True homography, float64 (3, 3), that takes pixels of the sky at one time to those at another."""
    camera = intrinsics(size_wh)
    turn = camera_rotation(end_s) @ camera_rotation(start_s).T
    motion = camera @ turn @ np.linalg.inv(camera)
    return np.asarray(motion / motion[2, 2], np.float64)


def render(layers: list[Layer], size_wh: tuple[int, int], seconds: float) -> tuple[Planes, U8]:
    """(I420 planes in `COLOUR`, true alpha uint8 (H, W), 255 = sky) at a time of the walk."""
    width, height = size_wh
    camera = intrinsics(size_wh) @ camera_rotation(seconds)
    eye = camera_position(seconds)
    picture = _warped(layers[0], camera, np.zeros(3), size_wh, (0, height), cv2.BORDER_REPLICATE)
    picture[..., 3] = 255
    for layer in layers[1:]:
        rows = _rows_seen(layer, camera, eye, size_wh)
        if rows[0] < rows[1]:
            _cover(
                picture[rows[0] : rows[1]], _warped(layer, camera, eye, size_wh, rows, cv2.BORDER_CONSTANT)
            )
    half = ((width + 1) // 2, (height + 1) // 2)
    y, u, v, alpha = (np.ascontiguousarray(channel) for channel in cv2.split(picture))
    chroma = [np.asarray(cv2.resize(plane, half, interpolation=cv2.INTER_AREA), np.uint8) for plane in (u, v)]
    return Planes(np.asarray(y, np.uint8), *chroma), np.asarray(alpha, np.uint8)


def _yuva(texture: F32) -> U8:
    matrix, offset = yuv_from_rgb(COLOUR)
    affine = np.zeros((4, 5))
    affine[:3, :3], affine[:3, 4], affine[3, 3] = matrix * 255, offset, 255
    return np.clip(np.rint(cv2.transform(texture, affine)), 0, 255).astype(np.uint8)


def _homography(layer: Layer, camera: F64, eye: F64) -> F64:
    """Texel to pixel; `camera` is K R."""
    columns = np.array([layer.metres[0], 0.0, 0.0])
    rows = np.array(layer.down) * layer.metres[1]
    return np.asarray(camera @ np.column_stack([columns, rows, np.array(layer.corner) - eye]), np.float64)


def _warped(
    layer: Layer, camera: F64, eye: F64, size_wh: tuple[int, int], rows: tuple[int, int], border: int
) -> U8:
    shift = np.array([[1, 0, 0], [0, 1, -rows[0]], [0, 0, 1.0]])
    return np.asarray(
        cv2.warpPerspective(
            layer.texture,
            shift @ _homography(layer, camera, eye),
            (size_wh[0], rows[1] - rows[0]),
            flags=cv2.INTER_LINEAR,
            borderMode=border,
        ),
        np.uint8,
    )


def _rows_seen(layer: Layer, camera: F64, eye: F64, size_wh: tuple[int, int]) -> tuple[int, int]:
    """The rows of the picture that the layer may touch."""
    height, width = layer.texture.shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64).T
    _, y, depth = _homography(layer, camera, eye) @ corners
    bottom = size_wh[1] if (depth <= 0).any() else math.ceil((y / depth).max()) + 1
    top = math.floor((y[depth > 0] / depth[depth > 0]).min())
    return max(0, top), min(size_wh[1], bottom)


@jit
def _cover(picture: U8, layer: U8) -> None:
    """Draw a layer over the picture; the picture's fourth channel is what is left of the sky."""
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            weight = np.int32(layer[row, column, 3])
            if weight == 0:
                continue
            rest = 255 - weight
            for channel in range(3):
                mixed = picture[row, column, channel] * rest + layer[row, column, channel] * weight
                picture[row, column, channel] = (mixed + 127) // 255
            picture[row, column, 3] = (picture[row, column, 3] * rest + 127) // 255
