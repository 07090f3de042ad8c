import logging
import random
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.camera import Camera, first_view
from app.colour import planes_from_rgb, rgb_from_planes
from app.errors import SkyError
from app.frame import U8, Colour
from app.sky.video import VideoSky, read_clip
from tests.media import write_video

FRAME_WH = 64, 48
WHOLE = (0, 48)
NOTHING = (0, 0)
STILL = first_view(Camera.from_fov(FRAME_WH, 60))
COLOUR = Colour("bt601")
STEP = 20


def level(index: int) -> int:
    return 30 + STEP * index


def grey(index: int, size_wh: tuple[int, int]) -> U8:
    """A plain picture whose grey tells its index."""
    return np.full((size_wh[1], size_wh[0], 3), level(index), np.uint8)


@pytest.fixture(autouse=True)
def no_thread_stays() -> object:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def open_video(path: Path, *, colour: Colour = COLOUR, loop: bool = True) -> VideoSky:
    return VideoSky(path, "Clip", FRAME_WH, colour, 1.0, "mirror", loop=loop)


def index_at(sky: VideoSky, seconds: float) -> int:
    """The index of the frame that is shown, from its grey."""
    index = (float(sky.render(seconds, STILL, NOTHING).mean_rgb.mean()) - level(0)) / STEP
    assert index == pytest.approx(round(index), abs=0.15)
    return round(index)


def shown(path: Path, times: list[float], *, loop: bool = True) -> list[int]:
    sky = open_video(path, loop=loop)
    try:
        return [index_at(sky, seconds) for seconds in times]
    finally:
        sky.close()


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("sky.mp4", "libx264", "yuv420p"),
        ("sky.mkv", "libx264", "yuv420p"),
        ("sky.webm", "libvpx-vp9", "yuv420p"),
        ("sky.avi", "mpeg4", "yuv420p"),
        ("sky.mov", "png", "rgb24"),
        ("sky.gif", "gif", "rgb8"),
    ],
)
def test_frames_are_shown_by_time_and_begin_again(
    tmp_path: Path, name: str, codec: str, pix_fmt: str
) -> None:
    def plain(index: int, size_wh: tuple[int, int]) -> av.VideoFrame:
        return av.VideoFrame.from_ndarray(grey(index, size_wh), "rgb24").reformat(format=pix_fmt)

    path = write_video(tmp_path / name, codec=codec, pix_fmt=pix_fmt, frames=10, fps=10, draw=plain)
    sky = open_video(path)
    try:
        first_lap = [sky.render(0.05 + 0.1 * i, STILL, NOTHING).mean_rgb for i in range(10)]
        for index, rgb in enumerate(first_lap):
            assert rgb == pytest.approx([level(index)] * 3, abs=20 if name.endswith("gif") else 5)
        for i in range(23):
            assert np.array_equal(sky.render(1.05 + 0.1 * i, STILL, NOTHING).mean_rgb, first_lap[i % 10])
        assert np.array_equal(sky.render(0.35, STILL, NOTHING).mean_rgb, first_lap[3])
        assert np.array_equal(sky.render(12.75, STILL, NOTHING).mean_rgb, first_lap[7])
    finally:
        sky.close()


def test_a_stream_of_another_rate_takes_the_frame_that_is_due(tmp_path: Path) -> None:
    path = write_video(tmp_path / "sky.mkv", frames=8, fps=10, draw=grey)
    times = [i / 24 for i in range(19)]
    assert shown(path, times) == [int(10 * seconds + 0.02) for seconds in times]
    times = [i / 3 for i in range(9)]
    assert shown(path, times) == [int(10 * seconds + 0.02) % 8 for seconds in times]


def test_time_stamps_rounded_to_milliseconds_delay_no_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "sky.mkv", frames=8, fps=30, draw=grey)
    assert shown(path, [i / 30 for i in range(8)]) == list(range(8))
    assert shown(path, [int(1000 * i / 30) / 1000 for i in range(8)]) == list(range(8))


def test_uneven_time_stamps_are_kept(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "sky.mkv", pts=[500, 600, 1400, 1500], time_base=Fraction(1, 1000), fps=10, draw=grey
    )
    clip = read_clip(path, loop=True)
    assert clip.seconds == pytest.approx(1.1, abs=0.002)  # from the first stamp, and 0.1 s for the last frame
    times = [0.0, 0.05, 0.15, 0.5, 0.85, 0.95, 1.05, 1.15, 1.25]
    assert shown(path, times) == [0, 0, 1, 1, 1, 2, 3, 0, 1]


def test_the_frame_depends_on_the_time_alone(tmp_path: Path) -> None:
    # Key frames every 4 frames, B-frames between, and laps shorter and longer than a far jump.
    options = {"qp": "0", "g": "4", "bf": "2", "threads": "1"}
    path = write_video(tmp_path / "sky.mp4", frames=11, fps=2, options=options, draw=grey)
    times = [i * 0.25 + 0.1 for i in range(60)]
    in_order = shown(path, times)
    assert in_order == [int(2 * (seconds % 5.5)) for seconds in times]
    shuffled = random.Random(1).sample(times, len(times))
    assert shown(path, shuffled) == [in_order[times.index(seconds)] for seconds in shuffled]


def test_without_a_loop_the_last_frame_stays(tmp_path: Path) -> None:
    path = write_video(tmp_path / "sky.mp4", frames=5, fps=10, draw=grey)
    assert shown(path, [0.05, 0.45, 0.6, 7.0, 100.0, 0.25], loop=False) == [0, 4, 4, 4, 4, 2]


def test_a_single_frame_is_a_still_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "sky.mp4", frames=1, draw=grey)
    assert shown(path, [0.0, 0.5, 100.0, 0.0]) == [0, 0, 0, 0]


@pytest.mark.parametrize("target", [Colour("bt601"), Colour("bt709"), Colour("bt709", full_range=True)])
@pytest.mark.parametrize(
    ("tags", "size_wh", "source"),
    [
        ({"colorspace": 1, "color_range": 1}, (64, 48), Colour("bt709")),
        ({"colorspace": 5, "color_range": 2}, (64, 48), Colour("bt601", full_range=True)),
        ({}, (64, 48), Colour("bt601")),
        ({}, (64, 720), Colour("bt709")),
    ],
)
def test_colours_are_converted(
    tmp_path: Path, target: Colour, tags: dict[str, int], size_wh: tuple[int, int], source: Colour
) -> None:
    colours = [(200, 60, 40), (30, 160, 90), (50, 80, 210), (128, 128, 128)]

    def tagged(index: int, size_wh: tuple[int, int]) -> av.VideoFrame:
        rgb = np.full((size_wh[1], size_wh[0], 3), colours[index], np.uint8)
        frame = av.VideoFrame.from_ndarray(
            np.concatenate([plane.ravel() for plane in planes_from_rgb(rgb, source)]).reshape(-1, size_wh[0]),
            "yuv420p",
        )
        frame.colorspace, frame.color_range = tags.get("colorspace", 2), tags.get("color_range", 0)
        return frame

    path = write_video(tmp_path / "sky.mp4", size_wh=size_wh, frames=4, fps=10, draw=tagged, tags=tags)
    sky = open_video(path, colour=target)
    views = []
    for index in range(4):
        view = sky.render(0.1 * index, STILL, WHOLE)
        views.append((rgb_from_planes(view.planes, target), view.mean_rgb))
    sky.close()
    for (shown_rgb, mean_rgb), rgb in zip(views, colours, strict=True):
        assert np.abs(shown_rgb - np.array(rgb, float)).max() <= 6
        assert mean_rgb == pytest.approx(rgb, abs=5)


def quadrants(index: int, size_wh: tuple[int, int]) -> U8:
    """Dark, but for a bright quarter at the upper left."""
    rgb = np.full((size_wh[1], size_wh[0], 3), 40, np.uint8)
    rgb[: size_wh[1] // 2, : size_wh[0] // 2] = 220
    return rgb


@pytest.mark.parametrize(
    ("rotation", "bright"), [(0, (slice(0, 20), slice(0, 28))), (180, (slice(28, 48), slice(36, 64)))]
)
def test_rotated_videos_are_set_upright(tmp_path: Path, rotation: int, bright: tuple[slice, slice]) -> None:
    path = write_video(tmp_path / "sky.mp4", frames=3, rotation=rotation, draw=quadrants)
    sky = open_video(path)
    luma = sky.render(0.0, STILL, WHOLE).planes.y
    assert luma[bright].min() > 150
    assert (luma > 120).mean() == pytest.approx(0.25, abs=0.04)
    sky.close()


def test_a_portrait_recording_is_set_upright(tmp_path: Path) -> None:
    # Stored 96x64 and turned by a quarter counter-clockwise: 64x96, the bright quarter now at the lower left.
    path = write_video(tmp_path / "sky.mp4", size_wh=(96, 64), frames=3, rotation=90, draw=quadrants)
    sky = open_video(path)
    luma = sky.render(0.0, STILL, WHOLE).planes.y
    assert luma[30:, :28].min() > 150
    assert luma[:18].max() < 100 > luma[:, 36:].max()
    sky.close()


@pytest.mark.parametrize("size_wh", [(32, 24), (320, 240), (640, 48)])
def test_small_and_large_videos_lie_where_a_picture_would(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    path = write_video(tmp_path / "sky.mp4", size_wh=size_wh, frames=2, draw=quadrants)
    sky = open_video(path)
    luma = sky.render(0.0, STILL, WHOLE).planes.y
    # The bright quarter's corner lies in the frame's middle.
    assert luma[:20, :28].min() > 150
    assert luma[28:].max() < 100 > luma[:, 36:].max()
    sky.close()


def test_a_video_that_breaks_off_keeps_its_last_good_frame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "sky.mov", frames=8, fps=10, codec="png", pix_fmt="rgb24", draw=grey)
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    content = path.read_bytes()
    path.write_bytes(content.replace(packets[5], bytes(len(packets[5]))))
    with caplog.at_level(logging.WARNING):
        assert shown(path, [0.05 + 0.1 * i for i in range(20)]) == [0, 1, 2, 3, 4, 4, 4, 4] * 2 + [0, 1, 2, 3]
    assert len(caplog.records) == 1
    assert "sky.mov" in caplog.text


@pytest.mark.parametrize("content", [b"", b"this is a text\n" * 50])
def test_a_file_that_is_no_video_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sky.mp4"
    path.write_bytes(content)
    with pytest.raises(SkyError, match=r"sky\.mp4: not a video"):
        open_video(path)


def test_a_name_with_a_colon_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "dusk.mp4", size_wh=FRAME_WH, draw=grey).rename(tmp_path / "dusk:1.mp4")
    monkeypatch.chdir(tmp_path)
    assert shown(Path("dusk:1.mp4"), [0.0, 0.3]) == [0, 3]


def test_missing_files_and_sound_alone_are_named(tmp_path: Path) -> None:
    with pytest.raises(SkyError, match=r"gone\.mp4: .*No such file"):
        open_video(tmp_path / "gone.mp4")
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(SkyError, match=r"sound\.mkv: .*no pictures"):
        open_video(path)


def test_a_truncated_video_shows_what_there_is_or_is_named(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mkv", codec="mpeg2video", frames=30, fps=10).read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole[: int(len(whole) * 0.7)])
    assert 1.0 < read_clip(path, loop=True).seconds < 2.8
    sky = open_video(path)
    sky.render(1.0, STILL, WHOLE)
    sky.close()
    path.write_bytes(whole[:60])
    with pytest.raises(SkyError, match=r"cut\.mkv"):
        open_video(path)


def test_closing_ends_a_thread_that_waits_for_room_and_may_be_repeated(tmp_path: Path) -> None:
    path = write_video(tmp_path / "sky.mp4", frames=10, fps=10, draw=grey)
    before = threading.active_count()
    sky = open_video(path)
    assert index_at(sky, 0.0) == 0
    assert threading.active_count() == before + 1
    sky.close()
    sky.close()
    assert threading.active_count() == before


def test_an_opened_sky_has_its_first_frames_and_no_thread_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "sky.mp4", frames=10, fps=10, draw=grey)
    monkeypatch.setattr(VideoSky, "_decode", lambda *_: None)  # nothing more is decoded
    before = threading.active_count()
    sky = open_video(path)
    assert threading.active_count() == before
    assert [index_at(sky, seconds) for seconds in (0.0, 0.05, 0.15)] == [0, 0, 1]
    sky.close()


def test_frames_that_are_over_already_are_not_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "sky.mp4", frames=10, fps=10, draw=grey)
    converted = []
    textured = VideoSky._textured

    def noted(self: VideoSky, frame: av.VideoFrame) -> object:
        assert frame.time is not None
        converted.append(round(10 * frame.time))
        return textured(self, frame)

    monkeypatch.setattr(VideoSky, "_textured", noted)
    sky = open_video(path, loop=False)
    assert index_at(sky, 0.85) == 8
    sky.close()
    assert 8 in converted
    assert not set(range(4, 8)) & set(converted)


def test_closing_wakes_a_frame_that_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "sky.mp4", frames=30, fps=10, draw=lambda i, wh: grey(i % 8, wh))
    reached, go_on = threading.Event(), threading.Event()
    textured = VideoSky._textured

    def held(self: VideoSky, frame: av.VideoFrame) -> object:
        if threading.current_thread().name == "sky-sky" and frame.time and frame.time > 1.0:
            reached.set()
            go_on.wait()
        return textured(self, frame)

    monkeypatch.setattr(VideoSky, "_textured", held)
    sky = open_video(path)
    viewer = threading.Thread(target=lambda: [sky.render(0.1 * i, STILL, NOTHING) for i in range(20)])
    viewer.start()
    reached.wait()
    closer = threading.Thread(target=sky.close)
    closer.start()
    viewer.join(10)
    go_on.set()
    closer.join(10)
    assert not viewer.is_alive() and not closer.is_alive()


def open_files(path: Path) -> int:
    """How often this process has the file open."""
    places = (descriptor.resolve() for descriptor in Path("/proc/self/fd").iterdir())
    return sum(place == path for place in places)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
def test_a_sky_keeps_one_file_open_and_none_when_it_is_closed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "sky.mp4", size_wh=FRAME_WH, frames=10, fps=5, draw=grey)
    unused = open_video(path)
    unused.close()
    assert open_files(path) == 0
    sky = open_video(path)
    for seconds in (0.0, 1.5, 0.2, 8.1, 0.0):
        sky.render(seconds, STILL, NOTHING)
    assert open_files(path) <= 1
    sky.close()
    assert open_files(path) == 0
