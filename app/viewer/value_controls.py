"""Controls for single values: a slider with its number, a check box, and a choice."""

from typing import Protocol

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo
from PyQt6.QtCore import QRect, QRectF, QSignalBlocker, Qt, pyqtBoundSignal, pyqtSignal
from PyQt6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from app.viewer import style

_FINE, _COARSE = 0.01, 0.5
"""Steps of a slider: for shares and factors, and for angles in degrees."""
_WIDE = 8.0
"""From this range on the coarse steps are taken."""
_NUMBER_STEPS = 5
_PAGE = 10
LABEL_WIDTH = 76
"""Of the words before a control."""
_NUMBER_WIDTH = 52


class ValueControl(Protocol):
    """What the user changes one value with."""

    moved: pyqtBoundSignal
    """(value): the user changed it."""

    def show_value(self, value: float) -> None:
        """Show this value; nothing is emitted."""


def control_for(name: str, info: FieldInfo, group: str) -> "NumberControl | CheckControl":
    """The control of a field: bounded numbers and booleans have one, TypeError for others."""
    label = info.title or name.replace("_", " ").capitalize()
    said = (info.description or label).replace("`", "")
    tip = said[:1].upper() + said[1:]
    if info.annotation is bool:
        return CheckControl(label, tip, f"{group}: {label}")
    lows = [float(str(limit.ge)) for limit in info.metadata if isinstance(limit, Ge)]
    highs = [float(str(limit.le)) for limit in info.metadata if isinstance(limit, Le)]
    if info.annotation is not float or not lows or not highs:
        raise TypeError(f"{name}: no control for {info.annotation} with {info.metadata}")
    return NumberControl(label, tip, f"{group}: {label}", lows[-1], highs[-1])


class NumberControl(QWidget):
    """A label, a slider and its number, from `low` to `high` in steps of 0.01, or 0.5 for a wide range."""

    moved = pyqtSignal(float)

    def __init__(self, label: str, tip: str, name: str, low: float, high: float) -> None:
        super().__init__()
        self._low = low
        self._step = _FINE if high - low <= _WIDE else _COARSE
        self._decimals = 2 if self._step == _FINE else 1
        self.setToolTip(tip)
        text = QLabel(label)
        text.setFixedWidth(LABEL_WIDTH)
        self.slider = _Slider(round((high - low) / self._step), round(-low / self._step))
        self.slider.setAccessibleName(name)
        self.slider.setAccessibleDescription(tip)
        self.number = _Number()
        self.number.setDecimals(self._decimals)
        self.number.setRange(low, high)
        self.number.setSingleStep(_NUMBER_STEPS * self._step)
        self.number.setAccessibleName(f"{name}, number")
        self.number.setAccessibleDescription(tip)
        self.slider.valueChanged.connect(self._slid)
        self.number.valueChanged.connect(self._numbered)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(text)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.number)

    def show_value(self, value: float) -> None:
        """Show this value, to the step's decimals; nothing is emitted."""
        with QSignalBlocker(self.slider), QSignalBlocker(self.number):
            self.slider.setValue(round((value - self._low) / self._step))
            self.number.setValue(value)

    def _slid(self, step: int) -> None:
        value = round(self._low + step * self._step, self._decimals)
        with QSignalBlocker(self.number):
            self.number.setValue(value)
        self.moved.emit(value)

    def _numbered(self, value: float) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(round((value - self._low) / self._step))
        self.moved.emit(round(value, self._decimals))


class CheckControl(QCheckBox):
    """A check box."""

    moved = pyqtSignal(bool)

    def __init__(self, label: str, tip: str, name: str) -> None:
        super().__init__(label)
        self.setToolTip(tip)
        self.setAccessibleName(name)
        self.setAccessibleDescription(tip)
        self.toggled.connect(self.moved)

    def show_value(self, value: float) -> None:
        """Show this value; nothing is emitted."""
        with QSignalBlocker(self):
            self.setChecked(bool(value))


class Choice(QComboBox):
    """A choice that the wheel does not change in passing."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Not by chance."""
        if event is not None:
            event.ignore()


class _Slider(QSlider):
    """Filled from `zero`. Goes where it is clicked; the wheel scrolls the panel unless it has the focus."""

    def __init__(self, steps: int, zero: int) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, steps)
        self.setPageStep(_PAGE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._zero = zero
        self.setProperty("from", "middle" if zero > 0 else "left")

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The style sheet can only fill from the left."""
        super().paintEvent(event)
        if self._zero <= 0:
            return
        handle = self._handle()
        reach = self.width() - handle.width()
        zero = QStyle.sliderPositionFromValue(0, self.maximum(), self._zero, reach) + handle.width() / 2
        left, right = (zero, handle.left()) if handle.center().x() > zero else (handle.right() + 1, zero)
        painter = QPainter(self)
        painter.fillRect(QRectF(left, self.height() / 2 - 2, max(right - left, 0.0), 4), QColor(style.FILL))
        painter.end()

    def _handle(self) -> QRect:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        drawn = self.style()
        assert drawn is not None  # a widget has one as long as it lives
        return drawn.subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Bring the handle under the mouse first, so that it can be dragged on from there."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            handle = self._handle()
            if not handle.contains(event.position().toPoint()):
                at = round(event.position().x()) - handle.width() // 2
                reach = self.width() - handle.width()
                self.setValue(QStyle.sliderValueFromPosition(0, self.maximum(), at, reach))
        super().mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Not by chance."""
        if event is not None and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)


class _Number(QDoubleSpinBox):
    """A plain number; a typed one counts once it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setKeyboardTracking(False)
        self.setFixedWidth(_NUMBER_WIDTH)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Not by chance."""
        if event is not None and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)
