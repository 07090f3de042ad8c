"""The blending stage against its equations in RGB, and what it must leave alone."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.blending.stage import BlendingStage, shaped_alpha
from app.camera import View
from app.colour import rgb_from_yuv
from app.config import LOOKS, Halo, Light, Look, Matte, Weather
from app.frame import (
    NO_SPANS,
    U8,
    Colour,
    Composited,
    Foreground,
    Found,
    Frame,
    Planes,
    Tracked,
)
from app.grid import grid_for
from app.looks import load_look
from app.matting.foreground import EdgeFinder
from app.sky.base import SkyView
from tests.app.blending.reference import composite, to_rgb, worst_difference
from tests.app.motions import motion

COLOURS = [Colour(matrix, full_range=full) for matrix in ("bt601", "bt709") for full in (False, True)]
UNLIT = Light(recolour=0, relight=1)
PLAIN = Look(light=UNLIT, halo=Halo(strength=0))


class FakeSkies:
    """Shows fixed planes and remembers what it was asked for."""

    def __init__(self, planes: Planes, mean_rgb: tuple[float, float, float]) -> None:
        self.planes = planes
        self.mean_rgb = np.array(mean_rgb, np.float64)
        self.asked: list[tuple[float, tuple[int, int]]] = []

    def render(self, seconds: float, view: View, rows: tuple[int, int]) -> SkyView:
        self.asked.append((seconds, rows))
        return SkyView(self.planes, self.mean_rgb)


def frozen(array: NDArray[np.uint8]) -> U8:
    array.setflags(write=False)
    return array


def picture(
    size_wh: tuple[int, int], seed: int, low: int = 60, high: int = 190, smooth: bool = False
) -> Planes:
    rng = np.random.default_rng(seed)
    width, height = size_wh
    shapes = [(height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2]
    spans = [(low, high), (108, 148), (108, 148)]
    planes = []
    for shape, (first, last) in zip(shapes, spans, strict=True):
        coarse = rng.integers(first, last, (5, 7) if smooth else shape, np.uint8)
        planes.append(
            frozen(np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8))
        )
    return Planes(*planes)


def half_sky(size_wh: tuple[int, int], blur: int = 9) -> U8:
    """Sky in the upper part, above a slope, with a soft edge."""
    width, height = size_wh
    alpha = np.zeros((height, width), np.uint8)
    cv2.fillPoly(alpha, [np.array([(0, 0), (width, 0), (width, height // 3), (0, height // 2)])], 255)
    return frozen(np.asarray(cv2.blur(alpha, (blur, blur)), np.uint8))


def tracked(planes: Planes, alpha: U8, colour: Colour, seconds: float = 0.0) -> Tracked:
    frame = Frame(planes, 0, round(seconds * 1000), Fraction(1, 1000), colour, 0)
    foreground = Foreground(planes, NO_SPANS)
    return Tracked(frame, alpha, motion(), foreground, Found(0.5, 1))


def run(
    look: Look, planes: Planes, skies: FakeSkies, alpha: U8, colour: Colour, seconds: float = 0.0
) -> Composited:
    stage = BlendingStage(skies, look, planes.size_wh, colour)
    return stage.process(tracked(planes, alpha, colour, seconds))


def same(one: Planes, other: Planes) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    "colour", COLOURS, ids=lambda c: f"{c.matrix}-{'full' if c.full_range else 'limited'}"
)
@pytest.mark.parametrize("size_wh", [(96, 64), (97, 65), (65, 98)], ids=str)
@pytest.mark.parametrize(
    "light",
    [
        UNLIT,
        Light(recolour=0.5, relight=0.8),
        Light(recolour=0.3, relight=1.3),
        Light(recolour=0.6, match=True),
    ],
    ids=["unlit", "skyar", "brighter", "match"],
)
def test_light_and_composite_follow_the_equations(
    colour: Colour, size_wh: tuple[int, int], light: Light
) -> None:
    frame, sky = picture(size_wh, 1), picture(size_wh, 2)
    alpha = frozen(np.random.default_rng(3).integers(0, 256, frame.y.shape, np.uint8))
    skies = FakeSkies(sky, (150, 120, 90))
    look = Look(light=light, halo=Halo(strength=0))
    done = run(look, frame, skies, alpha, colour)
    expected = composite(frame, sky, skies.mean_rgb, alpha, look, colour)
    assert worst_difference(done.planes, expected) < 1.0


@pytest.mark.parametrize(
    "colour", COLOURS, ids=lambda c: f"{c.matrix}-{'full' if c.full_range else 'limited'}"
)
@pytest.mark.parametrize("size_wh", [(320, 180), (321, 179), (242, 320)], ids=str)
def test_halo_follows_the_equations(colour: Colour, size_wh: tuple[int, int]) -> None:
    frame, sky = picture(size_wh, 1, smooth=True), picture(size_wh, 2, 120, 235, smooth=True)
    alpha = half_sky(size_wh)
    skies = FakeSkies(sky, (200, 160, 120))
    look = Look()
    done = run(look, frame, skies, alpha, colour)
    expected = composite(frame, sky, skies.mean_rgb, alpha, look, colour)
    assert worst_difference(done.planes, expected) < 2.0


@pytest.mark.parametrize("path", sorted(LOOKS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_look_follows_the_equations(path: Path) -> None:
    look = load_look(path.stem)
    dry = look.model_copy(update={"weather": Weather(), "matte": Matte()})
    size_wh, colour = (480, 270), Colour()
    frame, sky = picture(size_wh, 4, 90, 190, smooth=True), picture(size_wh, 5, smooth=True)
    alpha = half_sky(size_wh)
    skies = FakeSkies(sky, (120, 130, 140))
    done = run(dry, frame, skies, alpha, colour)
    expected = composite(frame, sky, skies.mean_rgb, alpha, dry, colour)
    assert worst_difference(done.planes, expected) < 2.0
    wet = run(look, frame, skies, alpha, colour)
    assert wet.planes.y.shape == frame.y.shape


@pytest.mark.parametrize(("shift", "left"), [(0, 0.1), (-1, 0.5), (-3, 0.6)])
def test_the_rim_of_day_turned_into_night_fades(shift: int, left: float) -> None:
    """A soft edge below a bright sky, alpha `shift` rows off: of the rim at most the share `left` stays."""
    row = np.arange(720)[:, np.newaxis] + np.zeros((1, 1280))
    share, told = (np.clip((edge - row) / 6 + 0.5, 0, 1) for edge in (360, 360 + shift))
    day = Planes(
        frozen(np.rint(50 + share * 170).astype(np.uint8)),
        *(frozen(np.full((360, 640), 128, np.uint8)) for _ in range(2)),
    )
    night = Planes(frozen(np.full((720, 1280), 25, np.uint8)), day.u, day.v)
    alpha = frozen(np.rint(255 * told).astype(np.uint8))
    alpha, foreground = EdgeFinder(grid_for(day.size_wh)).find(day, alpha)
    packet = replace(tracked(day, alpha, Colour()), foreground=foreground)
    stage = BlendingStage(FakeSkies(night, (10, 10, 10)), PLAIN, day.size_wh, Colour())
    done = stage.process(packet)
    plain = day.y + told * (night.y - np.float64(day.y))
    assert done.planes.y.max() - 50 < left * (plain.max() - 50)
    assert done.planes.y.min() >= 24


def test_fog_is_a_haze_of_the_skys_colour_thickest_at_the_horizon() -> None:
    size_wh, colour = (640, 360), Colour("bt601")
    frame, sky = picture(size_wh, 1, smooth=True), picture(size_wh, 2, smooth=True)
    alpha = np.zeros((360, 640), np.uint8)
    alpha[:200] = 255
    skies = FakeSkies(sky, (220, 200, 180))
    clear = run(PLAIN, frame, skies, frozen(alpha), colour).planes
    foggy = run(
        Look(light=UNLIT, halo=Halo(strength=0), weather=Weather(fog=0.5)), frame, skies, alpha, colour
    )
    share = []
    before, after = to_rgb(clear, colour), to_rgb(foggy.planes, colour)
    for row in (20, 110, 200, 280, 340):
        towards = (skies.mean_rgb - before[row]).mean(axis=1)
        share.append(float((after[row] - before[row]).mean(axis=1) @ towards / (towards @ towards)))
    assert max(share) == share[2] > 0.5
    assert share[0] < share[1] < share[2] > share[3] > share[4] > 0


def test_without_sky_and_light_a_frame_passes_bit_for_bit() -> None:
    frame = picture((97, 65), 1, 0, 256)
    sky = picture((97, 65), 2, 0, 256)
    alpha = np.zeros((65, 97), np.uint8)
    skies = FakeSkies(sky, (1, 2, 3))
    assert same(run(Look(), frame, skies, frozen(alpha), Colour()).planes, frame)
    assert skies.asked == []
    # With sky in one corner, all but its edge goes through the kernel and still is what it was.
    alpha = np.zeros((65, 97), np.uint8)
    alpha[:8, :8] = 255
    done = run(PLAIN, frame, skies, frozen(alpha), Colour()).planes
    assert np.array_equal(done.y[32:], frame.y[32:])
    assert np.array_equal(done.u[16:], frame.u[16:])
    assert np.array_equal(done.v[:, 16:], frame.v[:, 16:])


def test_nothing_but_sky_is_the_sky_bit_for_bit() -> None:
    frame, sky = picture((97, 65), 1, 0, 256), picture((97, 65), 2, 0, 256)
    alpha = frozen(np.full((65, 97), 255, np.uint8))
    look = Look(halo=Halo(strength=0))
    assert same(run(look, frame, FakeSkies(sky, (1, 2, 3)), alpha, Colour()).planes, sky)


def test_rows_that_were_not_rendered_do_not_show() -> None:
    frame = picture((96, 64), 1)
    alpha = np.zeros((64, 96), np.uint8)
    alpha[11:21] = 200
    results = []
    for fill in (0, 255):
        sky = picture((96, 64), 2)
        skies = FakeSkies(sky, (100, 110, 120))
        planes = []
        for plane, step in zip(sky, (1, 2, 2), strict=True):
            garbage = np.full_like(plane, fill)
            garbage[10 // step : 22 // step] = plane[10 // step : 22 // step]
            planes.append(garbage)
        skies.planes = Planes(*planes)
        results.append(run(Look(), frame, skies, frozen(alpha.copy()), Colour()).planes)
        assert skies.asked == [(0.0, (10, 22))]
    assert same(*results)


def test_output_is_new_and_read_only_and_time_starts_with_the_first_frame() -> None:
    frame, alpha = picture((96, 64), 1), half_sky((96, 64))
    skies = FakeSkies(picture((96, 64), 2), (100, 110, 120))
    stage = BlendingStage(skies, Look(), (96, 64), Colour())
    first = stage.process(tracked(frame, alpha, Colour(), 5.0))
    second = stage.process(tracked(frame, alpha, Colour(), 5.5))
    assert [seconds for seconds, _ in skies.asked] == [0.0, 0.5]
    for one, other in zip(first.planes, second.planes, strict=True):
        assert not one.flags.writeable
        assert not np.shares_memory(one, other)
    stage.reset()
    stage.process(tracked(frame, alpha, Colour(), 9.0))
    assert skies.asked[-1][0] == 0.0


def test_the_skys_time_goes_on_when_the_source_jumps_back() -> None:
    frame, alpha = picture((96, 64), 1), half_sky((96, 64))
    skies = FakeSkies(picture((96, 64), 2), (100, 110, 120))
    stage = BlendingStage(skies, Look(), (96, 64), Colour())
    for seconds in (5.0, 8.0, 2.0, 2.5):
        stage.process(tracked(frame, alpha, Colour(), seconds))
    assert [seconds for seconds, _ in skies.asked] == [0.0, 3.0, 3.0, 3.5]


def test_a_look_can_be_replaced_while_running() -> None:
    frame, alpha = picture((96, 64), 1), half_sky((96, 64))
    skies = FakeSkies(picture((96, 64), 2), (30, 60, 120))
    stage = BlendingStage(skies, PLAIN, (96, 64), Colour())
    stage.process(tracked(frame, alpha, Colour()))
    stage.look = Look(weather=Weather(rain=1))
    after = stage.process(tracked(frame, alpha, Colour()))
    assert same(after.planes, run(stage.look, frame, skies, alpha, Colour()).planes)


def test_mean_of_the_foreground_is_accurate() -> None:
    size_wh, colour = (1280, 720), Colour()
    frame = picture(size_wh, 7, 20, 235)
    alpha = half_sky(size_wh)
    skies = FakeSkies(picture(size_wh, 8), (0, 0, 0))
    stage = BlendingStage(skies, PLAIN, size_wh, colour)
    stage.process(tracked(frame, alpha, colour))
    matrix, offset = rgb_from_yuv(colour)
    assert stage._scene.foreground is not None
    mean = matrix @ (stage._scene.foreground - offset)
    weight = 1 - alpha[..., np.newaxis] / 255
    expected = (to_rgb(frame, colour) * weight).sum((0, 1)) / weight.sum()
    assert np.abs(mean - expected).max() < 0.5


def luma_of_foreground(done: Composited) -> float:
    return float(done.planes.y[-16:].mean())


def test_light_does_not_flicker_with_alpha() -> None:
    colour = Colour()
    planes = picture((96, 64), 1)
    bright = planes.y.copy()
    bright[16:32] = 250  # what now and then is taken for sky
    frame = Planes(frozen(bright), planes.u, planes.v)
    little, much = np.zeros((64, 96), np.uint8), np.zeros((64, 96), np.uint8)
    little[:16], much[:32] = 255, 255
    look = Look(light=Light(recolour=1, match=True), halo=Halo(strength=0))
    skies = FakeSkies(picture((96, 64), 2), (100, 100, 100))
    jump = abs(
        luma_of_foreground(run(look, frame, skies, frozen(little), colour))
        - luma_of_foreground(run(look, frame, skies, frozen(much), colour))
    )
    stage = BlendingStage(skies, look, (96, 64), colour)
    lumas = [
        luma_of_foreground(stage.process(tracked(frame, alpha, colour, 0.033 * n)))
        for n, alpha in enumerate([little, much] * 5)
    ]
    assert jump > 15
    assert np.abs(np.diff(lumas)).max() < 0.1 * jump


def test_lightning_lights_the_foreground_at_once() -> None:
    frame, alpha = picture((96, 64), 1), half_sky((96, 64))
    skies = FakeSkies(picture((96, 64), 2), (40, 40, 50))
    look = Look(light=Light(recolour=0.5, match=True), halo=Halo(strength=0))
    stage = BlendingStage(skies, look, (96, 64), Colour())
    dark = luma_of_foreground(stage.process(tracked(frame, alpha, Colour(), 0.0)))
    skies.mean_rgb = np.array([200.0, 200.0, 210.0])
    flash = luma_of_foreground(stage.process(tracked(frame, alpha, Colour(), 0.033)))
    assert flash - dark > 60


def test_light_outlasts_the_sky_and_fades_without_a_jump() -> None:
    frame, alpha = picture((96, 64), 1), half_sky((96, 64))
    nothing = frozen(np.zeros((64, 96), np.uint8))
    skies = FakeSkies(picture((96, 64), 2), (40, 40, 50))
    look = Look(light=Light(recolour=0.5, relight=0.4), halo=Halo(strength=0))
    stage = BlendingStage(skies, look, (96, 64), Colour())
    lumas = [luma_of_foreground(stage.process(tracked(frame, alpha, Colour(), 0.0)))]
    for n in range(1, 1200):
        done = stage.process(tracked(frame, nothing, Colour(), n / 30))
        lumas.append(luma_of_foreground(done))
    assert done.planes.y is frame.y
    assert np.abs(np.diff(lumas)).max() < 1.5
    assert lumas[30] < 0.7 * lumas[-1]


def test_weather_depends_on_the_time_alone() -> None:
    frame, alpha = picture((128, 96), 1), half_sky((128, 96))
    skies = FakeSkies(picture((128, 96), 2), (120, 120, 130))
    look = Look(weather=Weather(rain=0.8, snow=0.8, fog=0.2))
    stage = BlendingStage(skies, look, (128, 96), Colour())
    times = [0.0, 0.4, 0.8, 0.8]
    done = [stage.process(tracked(frame, alpha, Colour(), seconds)).planes for seconds in times]
    stage.reset()
    assert same(done[2], done[3])
    assert same(done[0], stage.process(tracked(frame, alpha, Colour(), 0.0)).planes)
    assert not same(done[0], done[1])


def test_matte_shift_moves_the_edge_and_keeps_its_ends() -> None:
    ramp = frozen(np.arange(256, dtype=np.uint8).reshape(4, 64))
    more, less = shaped_alpha(ramp, Matte(shift=0.5)), shaped_alpha(ramp, Matte(shift=-0.5))
    assert (more >= ramp).all() and (less <= ramp).all()
    assert more.mean() > ramp.mean() + 20 > less.mean() + 40
    for shifted in (more, less):
        assert (shifted[0, 0], shifted[-1, -1]) == (0, 255)
    assert np.array_equal(shaped_alpha(ramp, Matte()), ramp)


def test_matte_softness_is_a_share_of_the_width() -> None:
    alpha = np.zeros((64, 400), np.uint8)
    alpha[:, 200:] = 255
    soft = shaped_alpha(frozen(alpha), Matte(softness=1.0))
    between = np.flatnonzero((soft[32] > 0) & (soft[32] < 255))
    assert 3 <= len(between) <= 5
    assert not soft.flags.writeable


def test_a_matte_in_doubt_fades_the_effect_out_and_in_again() -> None:
    size_wh = (96, 64)
    frame, sky = picture(size_wh, 1), picture(size_wh, 2)
    alpha, colour = half_sky(size_wh), Colour()
    stage = BlendingStage(FakeSkies(sky, (120, 130, 140)), PLAIN, size_wh, colour)
    sure = stage.process(tracked(frame, alpha, colour, 0.0)).planes

    def effect(seconds: float, confidence: float) -> float:
        packet = replace(tracked(frame, alpha, colour, seconds), found=Found(0.4, confidence))
        done = stage.process(packet).planes
        moved = np.abs(done.y - np.float64(frame.y)).sum()
        return float(moved / np.abs(sure.y - np.float64(frame.y)).sum())

    assert effect(0.1, 0.7) == pytest.approx(1, abs=0.01)
    fading = [effect(0.1 + seconds, 0.1) for seconds in (0.1, 0.5, 1.0, 8.0)]
    assert all(a > b for a, b in pairwise(fading))
    assert fading[0] > 0.8 and fading[-1] < 0.01
    assert effect(8.2, 1.0) < 0.5
    assert effect(16.0, 1.0) == pytest.approx(1, abs=0.01)
    first = BlendingStage(FakeSkies(sky, (120, 130, 140)), PLAIN, size_wh, colour)
    packet = replace(tracked(frame, alpha, colour), found=Found(0.4, 0.1))
    assert same(first.process(packet).planes, frame)
