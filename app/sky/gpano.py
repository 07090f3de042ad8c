"""What a picture says of itself as a panorama: Google's GPano properties in its XMP packet."""

import logging
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

log = logging.getLogger(__name__)

_GPANO = "{http://ns.google.com/photos/1.0/panorama/}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_JPEG_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_KEYWORD = b"XML:com.adobe.xmp\0"
_MOST_BYTES = 1 << 20
_BOX = ("CroppedAreaLeftPixels", "CroppedAreaTopPixels", "CroppedAreaImageWidthPixels",
        "CroppedAreaImageHeightPixels", "FullPanoWidthPixels", "FullPanoHeightPixels")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Area:
    """The part of the whole sphere that a picture shows: edges as shares of the sphere's width and height.

    `heading` is how far the direction to look at first is to the right of the sphere's middle, in degrees.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0
    heading: float = 0.0


def read_area(path: Path) -> Area | None:
    """The area of a picture that says that it is an equirectangular panorama; None for any other.

    A panorama whose numbers make no sense is taken as the whole sphere, with a warning.
    """
    try:
        with path.open("rb") as file:
            packet = _packet(file)
    except OSError:
        return None  # whoever opens it as a picture says why
    if packet is None:
        return None
    properties = _properties(packet)
    if properties.get("ProjectionType", "").strip().lower() != "equirectangular":
        return None
    try:
        return _area(properties)
    except ValueError as error:
        log.warning("%s: its panorama properties are wrong (%s); it is taken as a whole sphere", path, error)
        return Area()


def _area(properties: dict[str, str]) -> Area:
    heading = _number(properties, "InitialViewHeadingDegrees", 0) - _number(
        properties, "PoseHeadingDegrees", 0
    )
    heading = (heading + 180) % 360 - 180 if "InitialViewHeadingDegrees" in properties else 0.0
    if not any(name in properties for name in _BOX):
        return Area(heading=heading)
    left, top, width, height, full_width, full_height = (_number(properties, name, None) for name in _BOX)
    if not (0 < width <= full_width and 0 < height <= full_height and left >= 0 and top >= 0):
        raise ValueError("a part that is larger than the whole")
    if left + width > full_width + 1 or top + height > full_height + 1:
        raise ValueError("a part that lies outside of the whole")
    right, bottom = min(1.0, (left + width) / full_width), min(1.0, (top + height) / full_height)
    return Area(left / full_width, top / full_height, right, bottom, heading)


def _number(properties: dict[str, str], name: str, default: float | None) -> float:
    text = properties.get(name)
    if text is None:
        if default is None:
            raise ValueError(f"{name} is missing")
        return default
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{name} is {text}")
    return value


def _properties(packet: bytes) -> dict[str, str]:
    """The GPano properties, by name, written as attributes or as elements; none where it is not XML."""
    if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return {}
    try:
        root = ElementTree.fromstring(packet.strip(b"\0 \t\r\n"))
    except (ElementTree.ParseError, ValueError):
        return {}
    found: dict[str, str] = {}
    for description in root.iter(f"{_RDF}Description"):
        found.update({key: value for key, value in description.attrib.items() if key.startswith(_GPANO)})
        found.update(
            {element.tag: element.text or "" for element in description if element.tag.startswith(_GPANO)}
        )
    return {key.removeprefix(_GPANO): value for key, value in found.items()}


def _packet(file: BinaryIO) -> bytes | None:
    """The XMP packet of a JPEG, PNG or WebP file."""
    head = file.read(12)
    if head.startswith(b"\xff\xd8"):
        return next((data for data in _jpeg_packets(file)), None)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_packet(file)
    if head.startswith(b"RIFF") and head[8:] == b"WEBP":
        return _webp_packet(file)
    return None


def _jpeg_packets(file: BinaryIO) -> Iterator[bytes]:
    file.seek(2)
    while len(segment := file.read(4)) == 4 and segment[0] == 0xFF and segment[1] not in (0xD9, 0xDA):
        kind, length = struct.unpack(">xBH", segment)
        data = file.read(max(0, length - 2))
        if kind == 0xE1 and data.startswith(_JPEG_HEADER):
            yield data.removeprefix(_JPEG_HEADER)


def _png_packet(file: BinaryIO) -> bytes | None:
    file.seek(8)
    while len(chunk := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", chunk)
        if kind == b"iTXt" and length < _MOST_BYTES:
            data = file.read(length)
            if data.startswith(_PNG_KEYWORD) and data[len(_PNG_KEYWORD) : len(_PNG_KEYWORD) + 1] == b"\0":
                # Behind two bytes on compression: language and translated keyword, each ended by a zero.
                return data[len(_PNG_KEYWORD) + 2 :].split(b"\0", 2)[-1]
            length = 0
        file.seek(length + 4, 1)
    return None


def _webp_packet(file: BinaryIO) -> bytes | None:
    while len(chunk := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", chunk)
        if kind == b"XMP " and length < _MOST_BYTES:
            return file.read(length)
        file.seek(length + length % 2, 1)
    return None
