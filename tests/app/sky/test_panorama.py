"""Panoramas as files: what they say of themselves, parts of a sphere, and their suns."""

import logging
import math
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.camera import Camera, View, first_view
from app.config import Placement
from app.errors import SkyError
from app.frame import F64, U8, Colour
from app.sky.gpano import Area, read_area
from app.sky.library import SkyFile, find_sky, list_skies, open_sky
from app.sky.panorama import whole_sphere
from app.sky.standing import sky_to_world
from app.sky.sun import find_sun
from app.sky.video import VideoSky
from tests.media import write_video

FRAME_WH = 96, 54
CAMERA = Camera.from_fov(FRAME_WH, 60)
COLOUR = Colour(full_range=True)
ATTRIBUTES = (
    'GPano:ProjectionType="equirectangular" '
    'GPano:CroppedAreaLeftPixels="100" GPano:CroppedAreaTopPixels="50" '
    'GPano:CroppedAreaImageWidthPixels="200" GPano:CroppedAreaImageHeightPixels="80" '
    'GPano:FullPanoWidthPixels="400" GPano:FullPanoHeightPixels="200"'
)


def packet(attributes: str = "", elements: str = "", before: str = "") -> bytes:
    """An XMP packet as cameras write it."""
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{before}'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" {attributes}>{elements}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def with_packet(path: Path, rgb: U8, xmp: bytes) -> Path:
    """A JPEG, PNG or WebP picture that carries an XMP packet."""
    encoded = cv2.imencode(path.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()
    if path.suffix == ".jpg":
        data = b"http://ns.adobe.com/xap/1.0/\0" + xmp
        other = b"\xff\xe1" + struct.pack(">H", 10) + b"Exif\0\0??"
        encoded = encoded[:2] + other + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + encoded[2:]
    elif path.suffix == ".png":
        chunk = b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + xmp
        chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        encoded = encoded[:33] + chunk + encoded[33:]
    else:
        chunk = b"XMP " + struct.pack("<I", len(xmp)) + xmp + bytes(len(xmp) % 2)
        encoded = b"RIFF" + struct.pack("<I", len(encoded) - 8 + len(chunk)) + encoded[8:] + chunk
    path.write_bytes(encoded)
    return path


def plain(width: int = 200, height: int = 80, level: int = 90) -> U8:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp"])
def test_a_panorama_says_so_in_its_metadata(tmp_path: Path, ending: str) -> None:
    path = with_packet(tmp_path / f"a{ending}", plain(), packet(ATTRIBUTES))
    assert read_area(path) == Area(0.25, 0.25, 0.75, 0.65)
    assert find_sky(str(path)).kind == "panorama"
    assert cv2.imread(str(path)) is not None  # still a picture


def test_properties_may_be_elements_and_say_where_to_look_first(tmp_path: Path) -> None:
    elements = "<GPano:ProjectionType>equirectangular</GPano:ProjectionType>" + "".join(
        f"<GPano:{name}>{value}</GPano:{name}>"
        for name, value in (("PoseHeadingDegrees", 350), ("InitialViewHeadingDegrees", 20))
    )
    path = with_packet(tmp_path / "a.jpg", plain(), packet(elements=elements))
    assert read_area(path) == Area(heading=30)
    assert find_sky(str(path)).placement == Placement(heading=-30)
    path.with_suffix(".toml").write_text("heading = 5\ntilt = 1\n")
    assert find_sky(str(path)).placement == Placement(heading=5, tilt=1)


@pytest.mark.parametrize(
    "xmp",
    [
        packet(ATTRIBUTES.replace("equirectangular", "cylindrical")),
        packet('xmlns:other="urn:x" other:ProjectionType="equirectangular"'),
        packet(ATTRIBUTES)[:-80],
        packet(ATTRIBUTES, before='<!DOCTYPE x [<!ENTITY a "b">]>'),
        b"",
    ],
)
def test_other_pictures_are_no_panoramas(tmp_path: Path, xmp: bytes) -> None:
    path = with_packet(tmp_path / "a.jpg", plain(200, 100), xmp)
    assert read_area(path) is None
    assert find_sky(str(path)).kind == "still"  # whatever its shape


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('AreaLeftPixels="100"', 'AreaLeftPixels="300"', "outside"),
        ('WidthPixels="200"', 'WidthPixels="600"', "larger"),
        ('TopPixels="50"', 'TopPixels="nan"', "CroppedAreaTopPixels is nan"),
        ('GPano:FullPanoWidthPixels="400"', "", "FullPanoWidthPixels is missing"),
        ('TopPixels="50"', 'TopPixels="fifty"', "fifty"),
    ],
)
def test_numbers_that_make_no_sense_are_told(
    tmp_path: Path, old: str, new: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = with_packet(tmp_path / "a.jpg", plain(), packet(ATTRIBUTES.replace(old, new)))
    with caplog.at_level(logging.WARNING):
        assert read_area(path) == Area()
    assert reason in caplog.text and "a.jpg" in caplog.text


def save(path: Path, rgb: U8) -> Path:
    assert cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return path


def test_a_panorama_is_known_by_its_toml_or_by_its_name(tmp_path: Path) -> None:
    path = save(tmp_path / "all.png", plain(200, 100))
    assert find_sky(str(path)).kind == "still"
    forced = find_sky(f"pano:{path}")
    assert (forced.kind, forced.path, forced.name) == ("panorama", path, "all")
    assert find_sky(forced.address) == forced
    path.with_suffix(".toml").write_text('kind = "panorama"\n')
    assert find_sky(str(path)).kind == "panorama"
    assert [sky.kind for sky in list_skies([tmp_path])] == ["panorama"]


def luma_at(sky: SkyFile, heading: float, elevation: float) -> float:
    """The level in the middle of a frame that looks there, degrees."""
    opened = open_sky(sky, FRAME_WH, COLOUR, None)
    view = View(CAMERA, sky_to_world(Placement(heading=heading, elevation=elevation)))
    luma = opened.render(0.0, view, (0, FRAME_WH[1])).planes.y
    return float(luma[FRAME_WH[1] // 2, FRAME_WH[0] // 2])


def columns_by_level(width: int, height: int) -> U8:
    """Each column's level tells its place: 40 at the left, 220 at the right."""
    levels = 40 + 180 * (np.arange(width) + 0.5) / width
    return np.rint(np.broadcast_to(levels[None, :, None], (height, width, 3))).astype(np.uint8)


def test_a_part_of_a_sphere_lies_where_it_was_taken(tmp_path: Path) -> None:
    path = with_packet(tmp_path / "part.png", columns_by_level(200, 80), packet(ATTRIBUTES))
    sky = find_sky(str(path))
    for heading in (-70, -20, 0, 45, 80):  # it covers 180 degrees around the middle
        assert luma_at(sky, heading, 10) == pytest.approx(130 + heading, abs=2)
    # Behind the viewer its ends meet without a jump.
    behind = [luma_at(sky, heading, 10) for heading in (90, 120, 150, 179, -179, -150, -120, -90)]
    assert np.abs(np.diff(behind)).max() < 75
    assert behind[3] == pytest.approx(behind[4], abs=5)


def test_a_band_all_around_has_its_horizon_level(tmp_path: Path) -> None:
    rgb = plain(400, 100, 60)
    rgb[:70] = 200
    path = save(tmp_path / "band.png", rgb)
    path.with_suffix(".toml").write_text('kind = "panorama"\nhorizon = 0.7\n')
    sky = find_sky(str(path))
    assert luma_at(sky, 100, 5) > 190 and luma_at(sky, -100, -5) < 70
    assert luma_at(sky, 0, 89) == pytest.approx(200, abs=3)  # beyond its rows it goes on


def test_a_sphere_is_whole_around_any_part() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    rgb = cv2.GaussianBlur(rgb, (0, 0), 4).astype(np.uint8)
    for area in (Area(0.9, 0.2, 1.0, 0.5), Area(0.0, 0.0, 0.3, 1.0), Area(0.2, 0.4, 0.9, 0.6), Area()):
        whole = whole_sphere(rgb, area, (256, 128)).astype(int)
        assert whole.shape == (128, 256, 3)
        assert np.abs(np.diff(whole, axis=1, append=whole[:, :1])[:, :-1]).max() < 30 or area == Area()
        if area != Area():
            assert np.abs(whole[:, 0] - whole[:, -1]).max() < 30


def test_what_is_no_panorama_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "tall.png", plain(160, 90))
    with pytest.raises(SkyError, match=r"tall\.png: not a panorama: 160x90 is more than half"):
        open_sky(find_sky(f"pano:{path}"), FRAME_WH, COLOUR, None)


def with_spot(azimuth: float, elevation: float, level: int = 255, size: int = 4) -> U8:
    """A dim sphere with a bright round spot, degrees."""
    rgb = np.full((256, 512, 3), 70, np.uint8)
    rgb[128:] = 40
    x, y = (azimuth / 360 + 0.5) * 512, (0.5 - elevation / 180) * 256
    for column in range(512):
        for row in range(256):
            away = (column + 0.5 - x + 256) % 512 - 256
            if (away * math.cos(math.radians(elevation))) ** 2 + (row + 0.5 - y) ** 2 < size**2:
                rgb[row, column] = (level, level, level * 0.8)
    return rgb


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 30), (-179.5, 12), (75, 3), (120, 70)])
def test_the_sun_is_the_brightest_spot(tmp_path: Path, azimuth: float, elevation: float) -> None:
    path = save(tmp_path / "day.png", with_spot(azimuth, elevation))
    for placement in (Placement(), Placement(heading=50, elevation=-10)):
        opened = open_sky(find_sky(f"pano:{path}"), FRAME_WH, COLOUR, None, placement)
        sun = opened.render(0.0, first_view(CAMERA), (0, 0)).sun
        assert sun is not None
        expected = sky_to_world(placement) @ direction(azimuth, elevation)
        assert math.degrees(math.acos(min(1.0, float(sun.direction @ expected)))) < 1.5
        assert sun.rgb.max() == 255 and sun.rgb[0] > sun.rgb[2]


def direction(azimuth: float, elevation: float) -> F64:
    a, e = math.radians(azimuth), math.radians(elevation)
    return np.array([math.cos(e) * math.sin(a), -math.sin(e), math.cos(e) * math.cos(a)])


def test_neither_lamps_below_nor_small_glints_nor_grey_skies_are_suns() -> None:
    assert find_sun(with_spot(10, -40)) is None
    assert find_sun(with_spot(10, 20, level=90)) is None
    glint = with_spot(-60, 40)
    glint[100, 400] = 255
    found = find_sun(glint)
    assert found is not None and (found[0] - 0.5) * 360 == pytest.approx(-60, abs=1)


def test_a_sun_that_is_given_goes_before(tmp_path: Path) -> None:
    path = save(tmp_path / "day.png", with_spot(0, 30))
    path.with_suffix(".toml").write_text('kind = "panorama"\nsun = [0.75, 0.25]\n')
    sun = open_sky(find_sky(str(path)), FRAME_WH, COLOUR, None).render(0.0, first_view(CAMERA), (0, 0)).sun
    assert sun is not None and sun.direction == pytest.approx(direction(90, 45), abs=1e-6)


def test_a_video_may_be_a_panorama(tmp_path: Path) -> None:
    def halves(index: int, size_wh: tuple[int, int]) -> U8:
        rgb = np.full((size_wh[1], size_wh[0], 3), 60, np.uint8)
        rgb[:, : size_wh[0] // 4] = rgb[:, -size_wh[0] // 4 :] = 200  # all that is behind
        return rgb

    path = write_video(tmp_path / "round.mp4", size_wh=(256, 128), frames=3, draw=halves)
    sky = open_sky(find_sky(f"pano:{path}"), FRAME_WH, COLOUR, None)
    try:
        assert isinstance(sky, VideoSky)
        for heading, dark in ((0, True), (180, False), (-60, True), (130, False)):
            view = View(CAMERA, sky_to_world(Placement(heading=heading, elevation=60)))
            luma = sky.render(0.0, view, (0, FRAME_WH[1])).planes.y
            assert bool(luma[FRAME_WH[1] // 2, FRAME_WH[0] // 2] < 100) == dark
    finally:
        sky.close()
    flat = write_video(tmp_path / "flat.mp4", size_wh=(128, 96), frames=2)
    with pytest.raises(SkyError, match=r"flat\.mp4: not a panorama"):
        open_sky(find_sky(f"pano:{flat}"), FRAME_WH, COLOUR, None)
