"""How a sky is drawn in the gallery: its picture with number, title and what is going on with it."""

from PyQt6.QtCore import QModelIndex, QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QLinearGradient, QPainter, QPainterPath, QPen, QPixmap
from PyQt6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.viewer import style

PICTURE = Qt.ItemDataRole.UserRole + 1
"""QPixmap; null where there is none."""
NUMBER = Qt.ItemDataRole.UserRole + 2
"""The key that chooses the sky; 0 = none."""
VIDEO = Qt.ItemDataRole.UserRole + 3
PANORAMA = Qt.ItemDataRole.UserRole + 6
SHOWN = Qt.ItemDataRole.UserRole + 4
LOADING = Qt.ItemDataRole.UserRole + 5

_SIDE = 10
_BETWEEN = 8
_ROUND = 7.0
_BADGE = 20.0
_TURN_DEGREES = 12


class SkyCards(QStyledItemDelegate):
    """Draws each sky as a card of 16:9 as wide as the list."""

    def __init__(self, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._view = view
        self._angle = 0

    def turn(self) -> None:
        """Move the sign of loading on; it is drawn anew by the caller."""
        self._angle = (self._angle + _TURN_DEGREES) % 360

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """The list's width, and the height that goes with it."""
        viewport = self._view.viewport()
        width = viewport.width() if viewport else 0
        return QSize(width, (width - 2 * _SIDE) * 9 // 16 + _BETWEEN)

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw one card."""
        if painter is None:
            return
        card = QRectF(option.rect.adjusted(_SIDE, _BETWEEN // 2, -_SIDE, -_BETWEEN // 2))
        shape = QPainterPath()
        shape.addRoundedRect(card, _ROUND, _ROUND)
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.setClipPath(shape)
        _draw_picture(painter, card, index.data(PICTURE))
        _draw_title(painter, card, index.data(Qt.ItemDataRole.DisplayRole))
        if index.data(VIDEO):
            _draw_video_sign(painter, card)
        if index.data(PANORAMA):
            _draw_panorama_sign(painter, card)
        if index.data(LOADING):
            self._draw_loading(painter, card)
        painter.setClipping(False)
        if number := index.data(NUMBER):
            _draw_badge(painter, card, str(number), bool(index.data(SHOWN)))
        _draw_edge(painter, card, option.state, bool(index.data(SHOWN)))
        painter.restore()

    def _draw_loading(self, painter: QPainter, card: QRectF) -> None:
        painter.fillRect(card, QColor(10, 13, 16, 130))
        circle = QRectF(0, 0, 28, 28)
        circle.moveCenter(card.center())
        painter.setPen(QPen(QColor(255, 255, 255, 60), 3))
        painter.drawEllipse(circle)
        painter.setPen(QPen(QColor(style.ACCENT), 3, cap=Qt.PenCapStyle.RoundCap))
        painter.drawArc(circle, -self._angle * 16, 100 * 16)


def _draw_picture(painter: QPainter, card: QRectF, picture: QPixmap) -> None:
    if not picture.isNull():
        painter.drawPixmap(card, picture, QRectF(picture.rect()))
        return
    shade = QLinearGradient(card.topLeft(), card.bottomLeft())
    shade.setColorAt(0.0, QColor(style.RAISED))
    shade.setColorAt(1.0, QColor(style.FIELD))
    painter.fillRect(card, shade)
    cloud = QPainterPath()
    cloud.setFillRule(Qt.FillRule.WindingFill)
    x, y = card.center().x(), card.center().y() - 4
    for dx, dy, radius in ((-13, 4, 8), (-2, -3, 11), (11, 3, 9)):
        cloud.addEllipse(QPointF(x + dx, y + dy), radius, radius)
    cloud.addRoundedRect(QRectF(x - 21, y + 2, 41, 10), 5, 5)
    painter.fillPath(cloud.simplified(), QColor(style.BORDER))


def _draw_title(painter: QPainter, card: QRectF, title: str) -> None:
    band = QRectF(card.left(), card.bottom() - 44, card.width(), 44)
    shade = QLinearGradient(band.topLeft(), band.bottomLeft())
    shade.setColorAt(0.0, QColor(0, 0, 0, 0))
    shade.setColorAt(1.0, QColor(0, 0, 0, 190))
    painter.fillRect(band, shade)
    font = painter.font()
    font.setPixelSize(12)
    painter.setFont(font)
    room = band.adjusted(10, 0, -10, -6)
    text = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, int(room.width()))
    painter.setPen(QColor("#ffffff"))
    painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, text)


def _draw_video_sign(painter: QPainter, card: QRectF) -> None:
    x, y = card.right() - 17, card.top() + 17
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 130))
    painter.drawEllipse(QPointF(x, y), 9, 9)
    painter.setBrush(QColor(255, 255, 255, 220))
    painter.drawPolygon(QPointF(x - 2.5, y - 4), QPointF(x - 2.5, y + 4), QPointF(x + 4, y))


def _draw_panorama_sign(painter: QPainter, card: QRectF) -> None:
    sign = QRectF(card.right() - 43, card.bottom() - 26, 36, 18)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 130))
    painter.drawRoundedRect(sign, 9, 9)
    font = painter.font()
    font.setPixelSize(11)
    painter.setFont(font)
    painter.setPen(QColor(255, 255, 255, 220))
    painter.drawText(sign, Qt.AlignmentFlag.AlignCenter, "360°")


def _draw_badge(painter: QPainter, card: QRectF, text: str, shown: bool) -> None:
    badge = QRectF(card.left() + 7, card.top() + 7, _BADGE, _BADGE)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(style.ACCENT) if shown else QColor(0, 0, 0, 130))
    painter.drawRoundedRect(badge, 5, 5)
    font = painter.font()
    font.setPixelSize(12)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor(style.ON_ACCENT if shown else "#ffffff"))
    painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)


def _draw_edge(painter: QPainter, card: QRectF, state: QStyle.StateFlag, shown: bool) -> None:
    """An edge that says: shown, under the mouse; and a ring around the card that has the focus."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if shown:
        painter.setPen(QPen(QColor(style.ACCENT), 2.5))
    elif state & QStyle.StateFlag.State_MouseOver:
        painter.setPen(QPen(QColor(255, 255, 255, 120), 1.5))
    else:
        painter.setPen(QPen(QColor(255, 255, 255, 28), 1.0))
    painter.drawRoundedRect(card, _ROUND, _ROUND)
    if state & QStyle.StateFlag.State_HasFocus:
        painter.setPen(QPen(QColor(style.TEXT), 2.0))
        painter.drawRoundedRect(card.adjusted(-3.5, -3.5, 3.5, 3.5), _ROUND + 3, _ROUND + 3)
