"""The names by which engines are asked for."""

from typing import Literal

Backend = Literal["auto", "ort", "ort-cuda", "tensorrt", "tensorrt-rtx"]
"""`auto` takes the first that works of TensorRT, TensorRT-RTX, ONNX Runtime with CUDA, ONNX Runtime on the
CPU. Any other name is that engine and no other."""
