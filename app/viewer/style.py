"""The dark look of the whole window: colours, one style sheet, and how an application puts it on.

Lengths are device-independent pixels, so a screen with scale factor 2 draws everything twice as fine.
A widget may set the dynamic property `role` to be drawn in a way of its own:
QLabel `heading`, `dim`, `error`; QPushButton and QToolButton `primary`, `danger` (while checked).
"""

from pathlib import Path
from string import Template

from PyQt6.QtCore import QDir
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QApplication

BACKGROUND = "#111417"
PANEL = "#171b1f"
FIELD = "#20262c"
RAISED = "#2a3138"
BORDER = "#323a43"
TEXT = "#d6dce2"
DIM = "#98a3ae"
FAINT = "#66717c"
ACCENT = "#6cb4ee"
FILL = "#4c86b5"
ON_ACCENT = "#0e1317"
DANGER = "#e5645b"

# Style sheets find the icons by this name, whatever characters the path of the clone has.
QDir.addSearchPath("icons", str(Path(__file__).parent / "icons"))

STYLE = Template("""
* { font-size: 13px; color: $TEXT; selection-background-color: $ACCENT; selection-color: $ON_ACCENT; }
QMainWindow, QDialog, QMessageBox { background: $BACKGROUND; }
QMainWindow::separator { background: $BACKGROUND; width: 4px; height: 4px; }
QMainWindow::separator:hover { background: $BORDER; }
QWidget:disabled { color: $FAINT; }

QLabel { background: transparent; }
QLabel[role="heading"] { font-weight: 600; }
QLabel[role="dim"] { color: $DIM; }
QLabel[role="error"] { color: $DANGER; }
QToolTip {
    background: $RAISED; color: $TEXT; border: 1px solid $BORDER; padding: 4px 6px;
}

QDockWidget { color: $DIM; font-weight: 600; }
QDockWidget::title { background: $PANEL; padding: 8px 10px; }
QToolBar { background: $PANEL; border: none; spacing: 4px; padding: 4px 6px; }
QToolBar::separator { background: $BORDER; width: 1px; margin: 5px 5px; }
QStatusBar { background: $PANEL; color: $DIM; }
QStatusBar::item { border: none; }
QMenuBar { background: $PANEL; }
QMenuBar::item { background: transparent; padding: 5px 9px; border-radius: 4px; }
QMenuBar::item:selected { background: $RAISED; }
QMenu { background: $PANEL; border: 1px solid $BORDER; padding: 4px; }
QMenu::item { padding: 6px 24px 6px 12px; border-radius: 4px; }
QMenu::item:selected { background: $RAISED; }
QMenu::item:disabled { color: $FAINT; }
QMenu::separator { height: 1px; background: $BORDER; margin: 4px 8px; }

QPushButton, QToolButton {
    background: $FIELD; border: 1px solid $BORDER; border-radius: 5px; padding: 5px 11px; min-height: 18px;
}
QToolButton { padding: 5px 8px; }
QToolBar QToolButton { background: transparent; border-color: transparent; }
QPushButton:hover, QToolButton:hover { background: $RAISED; border-color: $FAINT; }
QPushButton:pressed, QToolButton:pressed { background: $BORDER; }
QPushButton:checked, QToolButton:checked { background: $RAISED; border-color: $FAINT; color: $ACCENT; }
QPushButton:disabled, QToolButton:disabled { background: transparent; border-color: $RAISED; color: $FAINT; }
QPushButton:focus, QToolButton:focus { border-color: $ACCENT; }
QPushButton[role="primary"], QToolButton[role="primary"] {
    background: $ACCENT; border-color: $ACCENT; color: $ON_ACCENT; font-weight: 600;
}
QPushButton[role="primary"]:hover, QToolButton[role="primary"]:hover { background: #86c3f4; }
QPushButton[role="primary"]:focus, QToolButton[role="primary"]:focus { border-color: $TEXT; }
QPushButton[role="primary"]:disabled, QToolButton[role="primary"]:disabled {
    background: $FIELD; border-color: $RAISED; color: $FAINT;
}
QPushButton[role="danger"]:checked, QToolButton[role="danger"]:checked {
    background: $DANGER; border-color: $DANGER; color: $ON_ACCENT; font-weight: 600;
}
QPushButton[role="danger"]:checked:focus, QToolButton[role="danger"]:checked:focus { border-color: $TEXT; }
QToolButton::menu-indicator { image: none; }
QToolButton[popupMode="1"] { padding-right: 20px; }
QToolButton[popupMode="2"] { padding-right: 22px; }
QToolButton[popupMode="2"]::menu-indicator {
    image: url(icons:down.svg); subcontrol-origin: padding; subcontrol-position: right center; right: 5px;
}
QToolButton::menu-button { border: none; width: 16px; }
QToolButton::menu-arrow { image: url(icons:down.svg); width: 12px; height: 12px; }

QLineEdit, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QTextEdit {
    background: $FIELD; border: 1px solid $BORDER; border-radius: 5px; padding: 4px 7px; min-height: 18px;
}
QLineEdit:hover, QSpinBox:hover, QDoubleSpinBox:hover { border-color: $FAINT; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QPlainTextEdit:focus, QTextEdit:focus {
    border-color: $ACCENT;
}
QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::down-button {
    background: transparent; border: none; width: 16px;
}
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url(icons:up.svg); width: 10px; height: 10px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url(icons:down.svg); width: 10px; height: 10px; }

QComboBox {
    background: $FIELD; border: 1px solid $BORDER; border-radius: 5px;
    padding: 4px 8px; min-height: 18px; combobox-popup: 0;
}
QComboBox:hover { border-color: $FAINT; }
QComboBox:focus, QComboBox:on { border-color: $ACCENT; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url(icons:down.svg); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: $PANEL; border: 1px solid $BORDER; padding: 3px; outline: none; }
QComboBox QAbstractItemView::item { min-height: 26px; padding: 0 6px; border-radius: 4px; }
QComboBox QAbstractItemView::item:selected, QComboBox QAbstractItemView::item:hover {
    background: $RAISED; color: $TEXT;
}

QCheckBox, QRadioButton { background: transparent; spacing: 8px; }
QCheckBox::indicator, QRadioButton::indicator {
    width: 14px; height: 14px; background: $FIELD; border: 1px solid $FAINT; border-radius: 4px;
}
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: $DIM; }
QCheckBox::indicator:checked { background: $ACCENT; border-color: $ACCENT; image: url(icons:check.svg); }
QRadioButton::indicator:checked { background: $ACCENT; border-color: $ACCENT; }
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border-color: $TEXT; }

QSlider { background: transparent; min-height: 20px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $BORDER; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: $FILL; }
QSlider[from="middle"]::sub-page:horizontal { background: $BORDER; }
QSlider::handle:horizontal {
    width: 12px; height: 12px; margin: -5px 0; border-radius: 7px;
    background: $TEXT; border: 1px solid $PANEL;
}
QSlider::handle:horizontal:hover { background: #ffffff; }
QSlider::handle:horizontal:focus { background: $ACCENT; border-color: $TEXT; }
QSlider::sub-page:horizontal:disabled, QSlider::handle:horizontal:disabled { background: $FAINT; }
QProgressBar {
    background: $FIELD; border: none; border-radius: 3px; max-height: 6px; text-align: center;
}
QProgressBar::chunk { background: $ACCENT; border-radius: 3px; }

QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: $BORDER; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $FAINT; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QAbstractItemView {
    background: $PANEL; alternate-background-color: $FIELD; border: 1px solid $BORDER; border-radius: 5px;
    outline: none;
}
QAbstractItemView:focus { border-color: $ACCENT; }
QAbstractItemView::item:selected { background: $RAISED; color: $TEXT; }
QHeaderView::section {
    background: $PANEL; color: $DIM; border: none; border-bottom: 1px solid $BORDER; padding: 5px 8px;
}
QSplitter::handle { background: $BORDER; }
QGroupBox { border: none; margin-top: 22px; padding: 0; }
QGroupBox::title { subcontrol-origin: margin; left: 0; color: $DIM; font-weight: 600; }

DayDial { min-height: 44px; max-height: 44px; }
NumberControl QDoubleSpinBox { padding: 2px 6px; min-height: 16px; }
QListWidget#skies { background: transparent; border: none; }
QLabel#dropTarget {
    background: rgba(17, 20, 23, 215); border: 2px dashed $ACCENT; border-radius: 8px; font-weight: 600;
}
QFrame[role="panel"], QWidget[role="panel"] { background: $PANEL; }
""").substitute(
    BACKGROUND=BACKGROUND,
    PANEL=PANEL,
    FIELD=FIELD,
    RAISED=RAISED,
    BORDER=BORDER,
    TEXT=TEXT,
    DIM=DIM,
    FAINT=FAINT,
    ACCENT=ACCENT,
    FILL=FILL,
    ON_ACCENT=ON_ACCENT,
    DANGER=DANGER,
)


def dress(application: QApplication) -> None:
    """Give the application the style: all of its windows, its dialogs and tooltips included."""
    application.setStyle("Fusion")
    application.setPalette(_palette())
    application.setStyleSheet(STYLE)


def _palette() -> QPalette:
    """The same colours for what the style sheet does not reach."""
    role = QPalette.ColorRole
    colours = {
        role.Window: BACKGROUND,
        role.WindowText: TEXT,
        role.Base: PANEL,
        role.AlternateBase: FIELD,
        role.Text: TEXT,
        role.Button: FIELD,
        role.ButtonText: TEXT,
        role.BrightText: DANGER,
        role.Highlight: ACCENT,
        role.HighlightedText: ON_ACCENT,
        role.ToolTipBase: RAISED,
        role.ToolTipText: TEXT,
        role.PlaceholderText: FAINT,
        role.Link: ACCENT,
        role.Light: RAISED,
        role.Midlight: RAISED,
        role.Mid: BORDER,
        role.Dark: BACKGROUND,
        role.Shadow: "#000000",
    }
    palette = QPalette()
    for which, colour in colours.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(FAINT))
    return palette
