from fractions import Fraction

import pytest

from app.capture.formats import Choice, Format, Mode, choose_format


def _format(code: str, *modes: tuple[int, int, tuple[float, ...]]) -> Format:
    rates = (tuple(Fraction(rate).limit_denominator(1001) for rate in mode[2]) for mode in modes)
    return Format(code, code, tuple(Mode(mode[:2], r) for mode, r in zip(modes, rates, strict=True)))


YUYV = _format("YUYV", (640, 480, (30, 15)), (1280, 720, (10, 5)), (1920, 1080, (5,)))
MJPG = _format("MJPG", (640, 480, (60, 30)), (1280, 720, (60, 30, 24)), (1920, 1080, (30,)))
H264 = _format("H264", (1280, 720, (60, 30)), (1920, 1080, (60, 30)), (3840, 2160, (30,)))
HEVC = _format("HEVC", (1280, 720, (30,)))
HD = (1280, 720)


@pytest.mark.parametrize(
    ("formats", "size_wh", "fps", "chosen"),
    [
        pytest.param((H264, MJPG, YUYV), (640, 480), 30, ("yuyv422", (640, 480), 30), id="raw reaches it"),
        pytest.param((H264, MJPG, YUYV), HD, 30, ("mjpeg", HD, 30), id="raw is too slow"),
        pytest.param((YUYV, H264, MJPG), HD, 10, ("yuyv422", HD, 10), id="raw is fast enough"),
        pytest.param((H264, YUYV), HD, 30, ("h264", HD, 30), id="no Motion-JPEG"),
        pytest.param((MJPG, YUYV, H264), (3840, 2160), 30, ("h264", (3840, 2160), 30), id="size goes first"),
        pytest.param((YUYV,), HD, 30, ("yuyv422", HD, 10), id="nothing reaches the rate"),
        pytest.param((YUYV, HEVC), HD, 30, ("yuyv422", HD, 10), id="unreadable is left out"),
        pytest.param((MJPG,), HD, 25, ("mjpeg", HD, 30), id="the nearest rate that reaches it"),
        pytest.param((MJPG,), HD, 100, ("mjpeg", HD, 60), id="faster than it can"),
        pytest.param((MJPG,), (1000, 700), 30, ("mjpeg", HD, 30), id="what is missing counts twice"),
        pytest.param((MJPG,), (64, 64), 30, ("mjpeg", (640, 480), 30), id="smaller than any"),
    ],
)
def test_the_cheapest_at_the_wanted_size_and_rate(
    formats: tuple[Format, ...], size_wh: tuple[int, int], fps: int, chosen: tuple[str, tuple[int, int], int]
) -> None:
    name, chosen_wh, rate = chosen
    assert choose_format(formats, size_wh, Fraction(fps)) == Choice(name, chosen_wh, Fraction(rate))


def test_planes_cost_less_than_mixed_samples_and_those_less_than_rgb() -> None:
    size = (640, 480, (30.0,))
    formats = [_format(code, size) for code in ("RGB3", "UYVY", "YUYV", "NV12", "YU12")]
    chosen = []
    while choice := choose_format(tuple(formats), (640, 480), Fraction(30)):
        chosen.append(choice.pixel_format)
        formats.pop()
    assert chosen == ["yuv420p", "nv12", "yuyv422", "uyvy422", "rgb24"]


def test_a_rate_just_below_the_wanted_one_reaches_it() -> None:
    choice = choose_format((_format("YUYV", (640, 480, (60, 30000 / 1001))), MJPG), (640, 480), Fraction(30))
    assert choice == Choice("yuyv422", (640, 480), Fraction(30000, 1001))


def test_of_formats_too_slow_the_fastest() -> None:
    slow = _format("YUYV", (1280, 720, (5,))), _format("H264", (1280, 720, (15,)))
    assert choose_format(slow, HD, Fraction(30)) == Choice("h264", HD, Fraction(15))


def test_sizes_and_rates_that_the_driver_does_not_list_are_asked_for() -> None:
    assert choose_format((_format("YUYV"),), HD, Fraction(25)) == Choice("yuyv422", HD, Fraction(25))
    assert choose_format((_format("YUYV", (640, 480, ())),), HD, Fraction(25)) == Choice(
        "yuyv422", (640, 480), Fraction(25)
    )


def test_nothing_that_can_be_read() -> None:
    assert choose_format((HEVC,), HD, Fraction(30)) is None
    assert choose_format((), HD, Fraction(30)) is None
