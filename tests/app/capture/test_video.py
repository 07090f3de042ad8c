"""Video files as frames: pictures, times, colours, damage."""

import gc
import logging
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from av.video.stream import VideoStream

from app.capture.convert import Converter, Orientation
from app.capture.open import open_source
from app.capture.source import SourceInfo
from app.capture.video import VideoFile
from app.colour import planes_from_rgb
from app.errors import CaptureError
from app.frame import U8, Colour, Frame, Siting
from tests.media import picture, write_late_sound, write_video

SITINGS: tuple[Siting, ...] = ("left", "center", "topleft")


def read(path: Path, size_wh: tuple[int, int] | None = None) -> tuple[SourceInfo, list[Frame]]:
    with open_source(str(path), size_wh, 30) as source:
        return source.info, list(source)


def same(frame: Frame, other: Frame) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(frame.planes, other.planes, strict=True))


def error(planes: tuple[U8, ...], truth: tuple[U8, ...]) -> float:
    """Largest mean difference of a plane, in levels."""
    return max(
        float(np.abs(a.astype(int) - b.astype(int)).mean()) for a, b in zip(planes, truth, strict=True)
    )


def packets(path: Path) -> list[tuple[int, int]]:
    """(position, size) of the video packets in a file."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.pos is not None and p.size]


def damage(path: Path, numbers: Iterable[int], share: float = 1) -> None:
    """Overwrite the end of some packets, or all of them, with zeros."""
    data = bytearray(path.read_bytes())
    extents = packets(path)
    for position, size in [extents[number] for number in numbers]:
        zeros = round(size * share)
        data[position + size - zeros : position + size] = bytes(zeros)
    path.write_bytes(data)


# --- pictures


@pytest.mark.parametrize("size_wh", [(64, 64), (128, 96), (144, 80), (98, 130)])
def test_planes_are_the_decoders(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    """128 wide lines need no padding (views), the others are padded (copies)."""
    path = write_video(tmp_path / "v.mkv", size_wh=size_wh, frames=4)
    info, frames = read(path)
    assert info.size_wh == size_wh
    with av.open(str(path)) as container:
        for frame, decoded in zip(frames, container.decode(video=0), strict=True):
            stacked = np.concatenate([plane.ravel() for plane in frame.planes])
            assert np.array_equal(stacked, decoded.to_ndarray(format="yuv420p").ravel())


def test_planes_are_read_only_contiguous_and_outlive_the_source(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(128, 96), frames=6)
    _, frames = read(path)
    before = [plane.copy() for frame in frames for plane in frame.planes]
    read(path)
    for plane, copy in zip((plane for frame in frames for plane in frame.planes), before, strict=True):
        assert plane.dtype == np.uint8 and plane.flags.c_contiguous and not plane.flags.writeable
        assert np.array_equal(plane, copy)


def test_a_frame_is_freed_with_its_last_reference(tmp_path: Path) -> None:
    """In reference cycles they would pile up, hundreds of megabytes, until the garbage collector runs."""
    path = write_video(tmp_path / "v.mp4", size_wh=(128, 96), frames=40)
    with open_source(str(path), None, 30) as source:
        frames = iter(source)
        next(frames)
        gc.collect()
        gc.disable()
        try:
            for _ in frames:
                pass
            assert gc.collect() < 20
        finally:
            gc.enable()


def test_odd_sizes_round_the_chroma_up(tmp_path: Path) -> None:
    info, frames = read(write_video(tmp_path / "v.mkv", size_wh=(67, 65), codec="ffv1", options={}))
    assert info.size_wh == (67, 65)
    assert [plane.shape for plane in frames[0].planes] == [(65, 67), (33, 34), (33, 34)]


@pytest.mark.parametrize(
    ("pix_fmt", "codec"),
    [
        ("nv12", "rawvideo"),
        ("yuyv422", "rawvideo"),
        ("uyvy422", "rawvideo"),
        ("yuv422p", "ffv1"),
        ("yuv444p", "ffv1"),
        ("yuv420p10le", "ffv1"),
        ("yuv422p10le", "ffv1"),
        ("yuva420p", "ffv1"),
        ("rgb24", "rawvideo"),
        ("bgra", "ffv1"),
        ("gbrp", "libx264rgb"),
    ],
)
@pytest.mark.parametrize("full_range", [False, True])
def test_every_format_becomes_i420(tmp_path: Path, pix_fmt: str, codec: str, full_range: bool) -> None:
    """A smooth picture through each format, against the project's own conversion."""
    x, y = np.meshgrid(np.arange(96), np.arange(80))
    rgb = np.stack([40 + 2 * x, 220 - 2 * y, 60 + x + y], axis=2).astype(np.uint8)
    layout = av.VideoFormat(pix_fmt)

    def draw(_index: int, _size_wh: tuple[int, int]) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
        if layout.is_rgb:
            return frame.reformat(format=pix_fmt)
        levels = 2 if full_range else 1
        return frame.reformat(
            format=pix_fmt, src_color_range=2, dst_color_range=levels, dst_colorspace="itu601"
        )

    path = write_video(
        tmp_path / ("v.nut" if layout.is_rgb else "v.mkv"),
        size_wh=(96, 80),
        frames=2,
        codec=codec,
        pix_fmt="bgr0" if codec == "libx264rgb" else pix_fmt,
        options={"qp": "0"} if codec == "libx264rgb" else {},
        tags={} if layout.is_rgb else {"color_range": 2 if full_range else 1, "colorspace": 6},
        draw=draw,
    )
    info, frames = read(path)
    assert (info.colour.matrix, info.colour.full_range) == ("bt601", full_range and not layout.is_rgb)
    truth = planes_from_rgb(rgb, info.colour)
    assert error(frames[1].planes, truth) < 0.75


def test_grey_becomes_luma_of_the_same_range(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(96, dtype=np.uint8) * 2, (80, 1))
    path = write_video(
        tmp_path / "v.mkv",
        size_wh=(96, 80),
        frames=1,
        codec="ffv1",
        pix_fmt="gray",
        options={},
        draw=lambda _i, _s: av.VideoFrame.from_ndarray(ramp, "gray"),
    )
    info, frames = read(path)
    assert info.colour.full_range
    assert error(frames[0].planes[:1], (ramp,)) < 0.1
    assert all((plane == 128).all() for plane in frames[0].planes[1:])


@pytest.mark.parametrize("size_wh", [(96, 64), (96, 720)])
def test_rgb_takes_the_matrix_of_its_size(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    path = write_video(
        tmp_path / "v.mov", size_wh=size_wh, frames=1, codec="png", pix_fmt="rgb24", options={}
    )
    info, frames = read(path)
    assert info.colour.matrix == ("bt709" if size_wh[1] >= 720 else "bt601")
    truth = planes_from_rgb(picture(0, info.size_wh), info.colour)
    assert error(frames[0].planes, truth) < 0.1


# --- colour tags


@pytest.mark.parametrize(
    ("tags", "colour"),
    [
        ({}, Colour("bt601", False)),
        ({"color_range": 2}, Colour("bt601", True)),
        (
            {"color_range": 1, "colorspace": 1, "color_primaries": 1, "color_trc": 1},
            Colour("bt709", False, "left", 1, 1),
        ),
        ({"colorspace": 9, "color_primaries": 9, "color_trc": 14}, Colour("bt2020", False, "left", 9, 14)),
        ({"colorspace": 5, "color_primaries": 5}, Colour("bt601", False, "left", 5, 2)),
    ],
)
def test_colour_is_the_streams(tmp_path: Path, tags: dict[str, int], colour: Colour) -> None:
    info, frames = read(write_video(tmp_path / "v.mp4", frames=2, size_wh=(64, 64), tags=tags))
    assert info.colour == frames[1].colour == colour


def test_unspecified_means_bt709_from_720_lines(tmp_path: Path) -> None:
    assert read(write_video(tmp_path / "v.mp4", size_wh=(64, 720), frames=1))[0].colour.matrix == "bt709"


def test_motion_jpeg_is_full_range_and_centred(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "v.mov", size_wh=(64, 64), frames=2, codec="mjpeg", pix_fmt="yuvj420p", options={}
    )
    assert read(path)[0].colour == Colour("bt601", True, "center")


@pytest.mark.parametrize(("location", "siting"), [("1", "center"), ("2", "topleft"), ("0", "left")])
def test_siting_is_the_streams(tmp_path: Path, location: str, siting: str) -> None:
    options = {"qp": "0", "x264-params": f"chromaloc={location}"}
    path = write_video(tmp_path / "v.mp4", size_wh=(64, 64), frames=2, options=options)
    assert read(path)[0].colour.siting == siting


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_gives_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, transfer: int, name: str
) -> None:
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": transfer}
    path = write_video(
        tmp_path / "v.mkv", size_wh=(64, 64), codec="ffv1", pix_fmt="yuv420p10le", options={}, tags=tags
    )
    with caplog.at_level(logging.WARNING):
        info, frames = read(path)
    assert len(frames) == 10 and info.colour.transfer == transfer
    assert [r.getMessage() for r in caplog.records] == [
        f"{path}: HDR ({name}) is not tone-mapped, colours will be off"
    ]


# --- size


@pytest.mark.parametrize(("angle", "turns"), [(90, 1), (180, 2), (-90, 3), (270, 3), (0, 0)])
def test_rotation_metadata_turns_the_picture_upright(tmp_path: Path, angle: float, turns: int) -> None:
    plain = read(write_video(tmp_path / "a.mp4", size_wh=(96, 64), frames=3))[1]
    info, frames = read(write_video(tmp_path / "b.mp4", size_wh=(96, 64), frames=3, rotation=angle))
    assert info.size_wh == ((64, 96) if turns % 2 else (96, 64))
    for frame, lying in zip(frames, plain, strict=True):
        for plane, source in zip(frame.planes, lying.planes, strict=True):
            assert np.array_equal(plane, np.rot90(source, turns))
            assert plane.flags.c_contiguous and not plane.flags.writeable
    assert info.colour.siting == ("center" if turns else "left")


@pytest.mark.parametrize("size_wh", [(96, 64), (97, 65), (96, 65), (97, 64)])
@pytest.mark.parametrize("siting", ["left", "center", "topleft"])
def test_the_siting_turns_with_the_picture(size_wh: tuple[int, int], siting: Siting) -> None:
    """The siting taken explains the turned chroma at least as well as any other."""
    rgb = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (*size_wh[::-1], 3), np.uint8), (0, 0), 2
    )
    lying = planes_from_rgb(rgb.astype(np.uint8), Colour(siting=siting))
    stacked = av.VideoFrame(*size_wh, "yuv420p")
    for plane, rows in zip(stacked.planes, lying, strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = rows
        plane.update(padded.tobytes())
    for orientation in (Orientation(*flags) for flags in product((False, True), repeat=3)):
        converter = Converter("test", stacked, orientation, siting, Fraction(1), None)
        planes = converter.planes(stacked, orientation)
        upright = rgb.transpose(1, 0, 2) if orientation.transpose else rgb
        upright = upright[:: -1 if orientation.mirror_y else 1, :: -1 if orientation.mirror_x else 1]
        errors = {
            other: error(planes[1:], planes_from_rgb(upright.astype(np.uint8), Colour(siting=other))[1:])
            for other in SITINGS
        }
        assert errors[converter.colour.siting] <= 1.1 * min(errors.values())


def test_mirrored_footage_is_mirrored_back(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.options = {"qp": "0"}
        stream.set_display_rotation(0, hflip=True)
        frame = av.VideoFrame.from_ndarray(picture(0, (96, 64)), "rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    lying = read(write_video(tmp_path / "plain.mp4", size_wh=(96, 64), frames=1))[1][0]
    assert np.array_equal(read(path)[1][0].planes.y, lying.planes.y[:, ::-1])


@pytest.mark.parametrize(
    ("box", "size_wh"), [((64, 200), (64, 64)), ((100, 71), (70, 70)), ((300, 200), (200, 200))]
)
def test_size_fits_the_picture_inside(tmp_path: Path, box: tuple[int, int], size_wh: tuple[int, int]) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(128, 128), frames=2, draw=_quadrants)
    info, frames = read(path, box)
    assert info.size_wh == frames[0].planes.size_wh == size_wh
    half = size_wh[1] // 2
    y = frames[0].planes.y
    corners = [y[half // 2, half // 2], y[half // 2, -half // 2], y[-half // 2, half // 2]]
    assert np.allclose(corners, [60, 120, 180], atol=2)


def _quadrants(_index: int, size_wh: tuple[int, int]) -> av.VideoFrame:
    width, height = size_wh
    y = np.full((height * 3 // 2, width), 128, np.uint8)
    y[: height // 2, : width // 2], y[: height // 2, width // 2 :] = 60, 120
    y[height // 2 : height, : width // 2], y[height // 2 : height, width // 2 :] = 180, 220
    return av.VideoFrame.from_ndarray(y, "yuv420p")


def test_size_turns_with_the_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(192, 128), frames=2, rotation=90)
    info, frames = read(path, (100, 96))
    assert info.size_wh == frames[0].planes.size_wh == (64, 96)


def test_pixels_become_square(tmp_path: Path) -> None:
    options = {"qp": "0", "x264-params": "sar=4/3"}
    path = write_video(tmp_path / "v.mkv", size_wh=(72, 64), frames=2, options=options)
    info, frames = read(path)
    assert info.size_wh == frames[0].planes.size_wh == (96, 64)


def test_a_change_of_size_on_the_way_is_scaled_back(tmp_path: Path) -> None:
    parts = [
        write_video(
            tmp_path / f"{i}.mjpeg", size_wh=size_wh, frames=3, codec="mjpeg", pix_fmt="yuvj420p",
            options={}, draw=_quadrants,
        )
        for i, size_wh in enumerate([(128, 96), (64, 48), (64, 64)])
    ]  # fmt: skip
    path = tmp_path / "v.mjpeg"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoFile(path, None) as source:
        frames = list(source)
    assert source.rescaled == 6
    assert {frame.planes.size_wh for frame in frames} == {(128, 96)}
    for y in (frame.planes.y.astype(int) for frame in frames[3:6]):
        assert np.abs(y - frames[0].planes.y).mean() < 3
    boxed, first = frames[8].planes, frames[0].planes
    assert (boxed.y[:, :16] == 0).all() and (boxed.u[:, :8] == 128).all()
    assert np.abs(boxed.y[10:38, 20:60].astype(int) - first.y[24, 32]).mean() < 3


def _flat(path: Path, size_wh: tuple[int, int]) -> Path:
    return write_video(
        path,
        size_wh=size_wh,
        frames=1,
        codec="mjpeg",
        pix_fmt="yuvj420p",
        options={},
        draw=lambda _index, size_wh: av.VideoFrame(*size_wh, "yuvj420p"),
    )


@pytest.mark.parametrize("size_wh", [(4096, 64), (64, 4096), (2304, 4096)])
def test_sizes_up_to_4096x2304_either_way(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    path = _flat(tmp_path / "v.mov", size_wh)
    assert read(path)[1][0].planes.size_wh == size_wh


@pytest.mark.parametrize(
    ("size_wh", "text"), [((4112, 64), "4112x64"), ((2400, 2320), "2400x2320"), ((62, 64), "62x64")]
)
def test_other_sizes_are_refused_by_name(tmp_path: Path, size_wh: tuple[int, int], text: str) -> None:
    path = _flat(tmp_path / "v.mov", size_wh)
    with pytest.raises(CaptureError, match=rf"v\.mov: .*{text}"):
        read(path)


def test_too_large_a_picture_runs_scaled_down(tmp_path: Path) -> None:
    path = _flat(tmp_path / "v.mov", (4800, 2400))
    assert read(path, (200, 200))[1][0].planes.size_wh == (200, 100)


# --- time


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    stamps = [900, 3900, 4000, 12_000, 12_001, 90_000]
    info, frames = read(write_video(tmp_path / "v.mp4", size_wh=(64, 64), fps=30, pts=stamps))
    assert info.time_base == Fraction(1, 90_000)
    assert [frame.pts for frame in frames] == stamps
    assert [frame.index for frame in frames] == list(range(6))
    assert frames[0].seconds == pytest.approx(0.01)


def test_stamps_that_do_not_increase_are_replaced_and_counted(tmp_path: Path) -> None:
    stamps = [0, 3000, 3000, 9000, 6000, 12_000, 15_000]
    path = write_video(tmp_path / "v.mp4", size_wh=(64, 64), fps=30, pts=stamps)
    with VideoFile(path, None) as source:
        pts = [frame.pts for frame in source]
    assert source.repaired_pts == 2 and len(pts) == 7
    assert all(a < b for a, b in pairwise(pts))
    assert [pts[i] for i in (0, 1, 3, 5, 6)] == [0, 3000, 9000, 12_000, 15_000]


def test_a_stream_without_stamps_runs_at_its_nominal_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.h264", size_wh=(64, 64), fps=10, frames=12)
    with VideoFile(path, None) as source:
        seconds = [frame.seconds for frame in source]
    assert source.repaired_pts == 12
    assert seconds == pytest.approx([i / 10 for i in range(12)])


def test_info_estimates_frames_and_rate(tmp_path: Path) -> None:
    for name in ("v.mp4", "v.mkv"):
        info, _ = read(write_video(tmp_path / name, size_wh=(64, 64), fps=25, frames=50))
        assert (info.name, info.fps, info.frames) == (name, Fraction(25), 50)


# --- streams


def test_sound_is_named_where_there_is_some(tmp_path: Path) -> None:
    loud = write_video(tmp_path / "a.mp4", size_wh=(64, 64), audio="aac")
    mute = write_video(tmp_path / "b.mp4", size_wh=(64, 64))
    assert (read(loud)[0].sound, read(mute)[0].sound) == (loud, None)


def test_the_default_video_stream_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as container:
        streams: list[tuple[VideoStream, tuple[int, int]]] = []
        for size_wh in ((64, 64), (128, 96)):
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height = size_wh
            stream.pix_fmt = "yuv420p"
            stream.disposition = Disposition.default if streams else Disposition(0)
            streams.append((stream, size_wh))
        for i in range(5):
            for stream, size_wh in streams:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(i, size_wh), "rgb24")))
        for stream, _ in streams:
            container.mux(stream.encode(None))
    info, frames = read(path)
    assert info.size_wh == (128, 96) and len(frames) == 5


# --- damage


def test_broken_frames_are_skipped_and_counted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(64, 64), frames=30, options={"g": "5", "bf": "0"})
    damage(path, range(11, 14))
    with VideoFile(path, None) as source:
        frames = list(source)
    assert (source.broken, len(frames)) == (3, 27)
    assert [round(frame.seconds * 10) for frame in frames] == [*range(11), *range(14, 30)]
    assert [frame.index for frame in frames] == list(range(27))


def test_half_a_picture_is_skipped_too(tmp_path: Path) -> None:
    """The decoder conceals the missing half and flags the frame."""
    options = {"g": "1"}
    intact = read(write_video(tmp_path / "a.mp4", size_wh=(128, 128), codec="mpeg4", options=options))[1]
    path = write_video(tmp_path / "v.mp4", size_wh=(128, 128), codec="mpeg4", options=options)
    damage(path, [4, 7], share=0.5)
    with VideoFile(path, None) as source:
        frames = list(source)
    assert source.broken == 2
    kept = [frame for frame in intact if frame.index not in (4, 7)]
    assert all(same(a, b) and a.pts == b.pts for a, b in zip(frames, kept, strict=True))


def test_many_broken_frames_are_no_reason_to_stop(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(64, 64), frames=90, options={"g": "1"})
    damage(path, [number for number in range(90) if number % 3])
    with VideoFile(path, None) as source:
        assert len(list(source)) == 30
    assert source.broken == 60


def test_a_long_run_of_broken_frames_ends_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", size_wh=(64, 64), frames=60, options={"g": "5", "bf": "0"})
    damage(path, range(20, 55))
    with VideoFile(path, None) as source:
        frames = iter(source)
        assert len([next(frames) for _ in range(20)]) == 20
        with pytest.raises(CaptureError, match=r"v\.mp4: given up after 30 broken frames in a row"):
            list(frames)


@pytest.mark.parametrize("suffix", ["mkv", "ts", "avi"])
def test_a_truncated_file_gives_what_it_has(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = write_video(tmp_path / f"whole.{suffix}", size_wh=(64, 64), frames=40)
    path = tmp_path / f"v.{suffix}"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    frames, intact = read(path)[1], read(whole)[1]
    assert 5 < len(frames) < 40
    assert all(same(a, b) for a, b in zip(frames[:-1], intact, strict=False))
    assert capfd.readouterr().err == ""


def test_a_recording_cut_out_of_a_stream_starts_at_its_first_key_frame(tmp_path: Path) -> None:
    options = {"g": "50", "bf": "0", "sc_threshold": "0"}
    whole = write_video(tmp_path / "whole.ts", size_wh=(64, 64), frames=120, options=options)
    path = tmp_path / "v.ts"
    start = packets(whole)[5][0] // 188 * 188
    path.write_bytes(whole.read_bytes()[start:])
    frames = read(path)[1]
    assert len(frames) >= 70
    assert same(frames[-1], read(whole)[1][-1])


def test_a_jump_leads_to_the_frame_at_that_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", size_wh=(64, 64), frames=60, options={"g": "12", "bf": "2"})
    _, whole = read(path)
    with VideoFile(path, None) as source:
        assert source.span_s == (0.0, 5.9)
        frames = iter(source)
        for seconds, number in ((3.14, 31), (3.16, 32), (0.0, 0), (2.5, 25), (5.9, 59)):
            source.seek(seconds)
            found = next(frames)
            assert found.pts == whole[number].pts
            assert same(found, whole[number])
        source.seek(5.8)
        rest = list(frames)
    assert [frame.pts for frame in rest] == [frame.pts for frame in whole[58:]]
    assert rest[-1].index == 6
    assert source.repaired_pts == 0


def test_a_jump_from_the_last_frame_goes_on(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", size_wh=(64, 64), frames=5)
    with VideoFile(path, None) as source:
        frames = iter(source)
        for _ in range(5):
            next(frames)
        source.seek(0)
        assert len(list(frames)) == 5


def test_a_file_that_does_not_know_its_length_takes_no_jumps(tmp_path: Path) -> None:
    with VideoFile(write_video(tmp_path / "clip.h264", size_wh=(64, 64), frames=5), None) as source:
        assert source.span_s is None


def test_a_stream_that_is_found_late_does_no_harm(tmp_path: Path) -> None:
    with VideoFile(write_late_sound(tmp_path / "late.flv", 1000), None) as source:
        assert source.info.sound is None
        assert len(list(source)) == 1000
