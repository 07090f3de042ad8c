"""The pictures on the buttons, drawn for the screen's own resolution."""

from functools import cache

from PyQt6.QtCore import QByteArray, Qt
from PyQt6.QtGui import QIcon, QImage, QPainter, QPixmap
from PyQt6.QtSvg import QSvgRenderer

_SIDE = 20
_RATIOS = (1.0, 1.5, 2.0, 3.0)
_INK, _FAINT = "#d4d9de", "#5b646d"

# Bodies of SVG pictures of 24 x 24, drawn in strokes of the ink's colour.
_SHAPES = {
    "open": '<path d="M3 6h6l2 2h10v11H3z"/>',
    "pause": '<path d="M8 5v14M16 5v14" stroke-width="3.4"/>',
    "play": '<path d="M7 4.5 19 12 7 19.5z" fill="INK"/>',
    "again": '<path d="M5 12a7 7 0 1 0 2.3-5.2M5 4v4h4"/>',
    "record": '<circle cx="12" cy="12" r="6.5" stroke="#e5484d"/>',
    "recording": '<circle cx="12" cy="12" r="6.5" fill="#e5484d" stroke="#e5484d"/>',
    "snapshot": '<path d="M3 7.5h4.5L9 5h6l1.5 2.5H21V19H3z"/><circle cx="12" cy="13" r="3.6"/>',
    "show": '<path d="M3 5h18v12H3zM8 20.5h8"/><path d="M10.5 8v6l4.8-3z" fill="INK"/>',
    "webcam": '<circle cx="12" cy="10" r="6.5"/><circle cx="12" cy="10" r="2"/><path d="M7.5 20h9M12 17v3"/>',
    "statistics": '<path d="M4 20V4M4 20h16M8.5 16v-4M12.5 16V7M16.5 16v-6"/>',
    "gallery": '<path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z"/>',
    "look": (
        '<path d="M4 7h9m4 0h3M4 17h3m4 0h9"/>'
        '<path d="M13 7a2 2 0 1 0 4 0 2 2 0 1 0-4 0M7 17a2 2 0 1 0 4 0 2 2 0 1 0-4 0"/>'
    ),
    "full screen": '<path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"/>',
    "help": '<path d="M8.5 9a3.5 3.5 0 1 1 5 3.2c-1.1.6-1.5 1.2-1.5 2.6"/><circle cx="12" cy="18.6" r=".6"/>',
    "previous": '<path d="M15 5l-7 7 7 7"/>',
    "next": '<path d="M9 5l7 7-7 7"/>',
}


@cache
def icon(name: str) -> QIcon:
    """The picture of that name; faint where its button is disabled."""
    made = QIcon()
    for mode, ink in ((QIcon.Mode.Normal, _INK), (QIcon.Mode.Disabled, _FAINT)):
        for ratio in _RATIOS:
            made.addPixmap(_drawn(_SHAPES[name].replace("INK", ink), ink, ratio), mode)
    return made


def _drawn(body: str, ink: str, ratio: float) -> QPixmap:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none"'
        f' stroke="{ink}" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">{body}</svg>'
    )
    side = round(_SIDE * ratio)
    image = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    image.setDevicePixelRatio(ratio)
    return QPixmap.fromImage(image)
