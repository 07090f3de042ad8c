import numpy as np
import pytest

from app.colour import rgb_from_planes
from app.frame import U8, Colour, Composited, Motion, PointKind, Tracking
from app.rotation import rotation_from_vector
from app.viewer.views import KIND_RGB, STATE_RGB, View, caption, draw, fitted
from tests.app.motions import motion
from tests.app.viewer.pictures import composited, plain

RED, BLUE, GREY = (200, 30, 40), (20, 60, 210), (120, 120, 120)
WIDTH, HEIGHT = 320, 180
SIZE = (WIDTH, HEIGHT)


def rgb(pixels: U8) -> U8:
    return pixels[..., 2::-1]


def noise(size_wh: tuple[int, int]) -> U8:
    return np.random.default_rng(3).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)


def sky_above(row: int) -> U8:
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[:row] = 255
    return alpha


def turned(x: float, y: float, z: float = 0, state: Tracking = Tracking.TRACKED) -> Motion:
    """The camera after a turn by this rotation vector, in degrees."""
    return motion(state, rotation=rotation_from_vector(np.radians([x, y, z])), size_wh=SIZE)


@pytest.mark.parametrize("size_wh", [(64, 48), (65, 47), (1, 1)])
@pytest.mark.parametrize("colour", [Colour("bt709"), Colour("bt601", full_range=True)])
def test_at_its_own_size_a_picture_keeps_every_sample(size_wh: tuple[int, int], colour: Colour) -> None:
    packet = composited(noise(size_wh), original=noise(size_wh)[::-1], colour=colour)
    result, original = draw(packet, View.RESULT, 0.5, size_wh), draw(packet, View.ORIGINAL, 0.5, size_wh)
    assert np.array_equal(rgb(result), rgb_from_planes(packet.planes, colour))
    assert np.array_equal(rgb(original), rgb_from_planes(packet.frame.planes, colour))
    assert (result[..., 3] == 255).all()


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("size_wh", [(64, 64), (641, 359), (90, 160), (1300, 64), (1920, 1080)])
@pytest.mark.parametrize("room_wh", [(320, 180), (1000, 999), (1, 1)])
def test_every_view_of_any_size_fits_into_any_room(
    view: View, size_wh: tuple[int, int], room_wh: tuple[int, int]
) -> None:
    points = np.array([[1, 2, 3, 4]], np.float32)
    still = motion(points=points, size_wh=size_wh)
    packet = composited(plain(GREY, size_wh), alpha=np.full(size_wh[::-1], 255, np.uint8), motion=still)
    drawn = draw(packet, view, 0.3, room_wh)
    width, height = fitted(size_wh, room_wh)
    assert drawn.shape == (height, width, 4)
    assert drawn.dtype == np.uint8
    assert drawn.flags.c_contiguous


@pytest.mark.parametrize("room_wh", [(160, 90), SIZE, (640, 360)])
@pytest.mark.parametrize("split_x", [0.0, 0.25, 0.7, 1.0])
def test_split_shows_the_original_left_of_the_divider(room_wh: tuple[int, int], split_x: float) -> None:
    packet = composited(plain(BLUE, SIZE), original=plain(RED, SIZE))
    middle = rgb(draw(packet, View.SPLIT, split_x, room_wh))[room_wh[1] // 2]
    divider = round(split_x * room_wh[0])
    away_from_red, away_from_blue = (np.abs(middle.astype(int) - rgb).max(axis=1) for rgb in (RED, BLUE))
    assert (away_from_red[: max(0, divider - 4)] <= 3).all()
    assert (away_from_blue[divider + 4 :] <= 3).all()


def test_split_leaves_the_frames_as_they_are() -> None:
    packet = composited(noise(SIZE), original=noise(SIZE)[::-1])
    before = [plane.copy() for plane in (*packet.planes, *packet.frame.planes)]
    draw(packet, View.SPLIT, 0.5, SIZE)
    after = (*packet.planes, *packet.frame.planes)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_alpha_is_the_amount_of_blue_over_the_grey_original() -> None:
    alpha = np.broadcast_to(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, WIDTH))
    packet = composited(plain(BLUE, SIZE), original=plain((150, 150, 150), SIZE), alpha=alpha)
    drawn = rgb(draw(packet, View.ALPHA, 0.5, SIZE)).astype(int)
    blueness = drawn[90, :, 2] - drawn[90, :, 0]
    assert blueness[0] == 0
    assert blueness[-1] > 80
    assert (np.diff(blueness) >= 0).all()
    assert drawn[90, 0, 0] == pytest.approx(0.7 * 150, abs=2)


def test_tracking_shows_the_original_dimmed() -> None:
    packet = composited(plain(BLUE, SIZE), original=plain((200, 150, 100), SIZE))
    drawn = rgb(draw(packet, View.TRACKING, 0.5, SIZE))
    assert drawn[20, 20] == pytest.approx(np.array([84, 63, 42]), abs=3)


def lit(packet: Composited) -> U8:
    """Where the grid is drawn."""
    drawn = draw(packet, View.TRACKING, 0.5, SIZE)[..., 1].astype(int)
    return np.asarray(drawn > np.median(drawn) + 25, np.uint8)


def test_the_grid_is_fixed_to_the_world() -> None:
    """Lines stand 10 degrees apart: a turn by 10 shows the same ones, by 5 those between."""
    sky = sky_above(HEIGHT)
    first, far, half = (
        lit(composited(plain(GREY, SIZE), alpha=sky, motion=turned(0, degrees))) for degrees in (0, 10, 5)
    )
    assert first.mean() > 0.02
    assert np.array_equal(first, far)
    assert (first & half).sum() < 0.7 * first.sum()
    focal = 160 / np.tan(np.radians(30))
    for degrees in (-20, -10, 0, 10, 20):
        column = 159.5 + focal * np.tan(np.radians(degrees))
        assert first[80, round(column) - 1 : round(column) + 2].any()


def test_the_grid_turns_with_the_camera() -> None:
    packet = composited(plain(GREY, SIZE), alpha=sky_above(0), motion=turned(0, 0, 90))
    drawn = lit(packet)
    assert drawn[:, 158:162].any(axis=1).all()  # the horizon stands upright
    assert not drawn[:, :150].any()


def test_looking_up_lowers_the_horizon() -> None:
    """About x by the right hand is from y, down, to z, ahead: the camera looks up."""
    drawn = lit(composited(plain(GREY, SIZE), alpha=sky_above(0), motion=turned(8, 0)))
    row = 89.5 + 160 / np.tan(np.radians(30)) * np.tan(np.radians(8))
    assert drawn[round(row) - 1 : round(row) + 2].any(axis=0).all()
    assert not drawn[:100].any()


def test_the_grid_is_drawn_on_the_sky_and_the_horizon_everywhere() -> None:
    packet = composited(plain(GREY, SIZE), alpha=sky_above(60))
    drawn = draw(packet, View.TRACKING, 0.5, SIZE)[..., 1]
    horizon = HEIGHT // 2
    assert np.ptp(drawn[:58]) > 40
    assert np.ptp(drawn[66 : horizon - 4]) == 0
    assert (drawn[horizon - 2 : horizon + 2].max(axis=0) > drawn[70, 70] + 40).all()
    assert np.ptp(drawn[horizon + 4 :]) == 0


@pytest.mark.parametrize("scale", [0.5, 1, 2, 3])
def test_the_horizon_of_a_level_camera_is_the_middle_of_the_picture(scale: float) -> None:
    room_wh = round(WIDTH * scale), round(HEIGHT * scale)
    drawn = rgb(draw(composited(plain(GREY, SIZE)), View.TRACKING, 0.5, room_wh))[..., 1].astype(int)
    lit = (drawn - drawn[5, 5])[:, room_wh[0] // 2]
    middle = (lit * np.arange(len(lit))).sum() / lit.sum()
    assert middle == pytest.approx((room_wh[1] - 1) / 2, abs=0.15)


@pytest.mark.parametrize("turn", [(0, 90), (90, 0), (0, 180), (170, 30)])
def test_the_grid_can_be_seen_from_everywhere(turn: tuple[float, float]) -> None:
    packet = composited(plain(GREY, SIZE), alpha=sky_above(HEIGHT), motion=turned(*turn))
    assert 0.01 < lit(packet).mean() < 0.5


@pytest.mark.parametrize("scale", [0.5, 1, 2])
@pytest.mark.parametrize("kind", PointKind)
def test_points_are_where_they_went_in_the_colour_of_their_kind(kind: PointKind, scale: float) -> None:
    points = np.array([[40, 20, 50, 30], [200, 120, 190, 120]], np.float32)
    still = motion(points=points, kind=kind, size_wh=SIZE)
    room_wh = round(WIDTH * scale), round(HEIGHT * scale)
    drawn = rgb(draw(composited(plain(GREY, SIZE), motion=still), View.TRACKING, 0.5, room_wh))

    def at(x: float, y: float) -> U8:
        row, column = (round((place + 0.5) * scale - 0.5) for place in (y, x))
        return np.asarray(drawn[row, column])

    ground, colour = drawn[10, 10].astype(int), np.array(KIND_RGB[kind])
    assert at(50, 30) == pytest.approx(colour, abs=25)
    assert at(190, 120) == pytest.approx(colour, abs=25)
    assert np.ptp(at(205, 120) - ground) > 40  # the tail: four times the motion, to where it came from
    assert at(180, 120) == pytest.approx(ground, abs=2)


def test_captions_say_what_is_seen() -> None:
    points = np.zeros((14, 4), np.float32)
    tracked = composited(
        plain(GREY, SIZE),
        alpha=sky_above(45),
        motion=motion(rotation=rotation_from_vector(np.radians([-3, 12.5, 0])), points=points),
    )
    lost = composited(plain(GREY, SIZE), motion=turned(0, 0, 0, Tracking.LOST))
    share = caption(tracked, View.ALPHA)
    assert share is not None
    assert share.text == "sky 25 %"
    followed, gone = caption(tracked, View.TRACKING), caption(lost, View.TRACKING)
    assert followed is not None and gone is not None
    assert followed.text.startswith("tracked  ·  14 of 14 points  ·  yaw 12.5° pitch -3.0° roll")
    assert followed.text.endswith("± 0.01°  ·  60.0° wide")
    assert followed.rgb == STATE_RGB[Tracking.TRACKED]
    assert gone.text.startswith("lost  ·  0 of 0 points")
    assert gone.rgb == STATE_RGB[Tracking.LOST]
    assert [caption(tracked, view) for view in (View.RESULT, View.ORIGINAL, View.SPLIT)] == [None] * 3


def test_fitted_keeps_the_aspect() -> None:
    assert fitted((1920, 1080), (960, 960)) == (960, 540)
    assert fitted((100, 1000), (50, 50)) == (5, 50)
    assert fitted((4096, 64), (10, 10)) == (10, 1)
