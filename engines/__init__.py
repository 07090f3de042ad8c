"""Engines run networks; they know nothing of skies or video."""

import os

# Else ONNX Runtime's released builds number this device and report to their maker what is run on it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
