"""What was measured on, and how times are told."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from app.stats import cpu_name
from engines.driver import Driver

_PACKAGES = (
    *("numpy", "torch", "onnx", "onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-rtx"),
    "cuda-bindings",
)


def machine(driver: Driver) -> dict[str, Any]:
    """Processor, GPU, driver, and versions of what is installed."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "cpu": cpu_name(),
        "gpu": driver.gpu or None,
        "compute": driver.compute,
        "driver_cuda": driver.version or None,
        "no_gpu_because": driver.reason or None,
        "versions": versions,
    }


def spread(times_ms: list[float]) -> dict[str, float]:
    """{"median_ms", "p99_ms", "runs"}; of fewer than a hundred runs p99 is the longest."""
    median, p99 = np.percentile(times_ms, [50, 99], method="inverted_cdf")
    return {"median_ms": round(float(median), 4), "p99_ms": round(float(p99), 4), "runs": len(times_ms)}


def machine_line(facts: dict[str, Any]) -> str:
    """The same for people."""
    gpu = facts["gpu"] or f"no GPU ({facts['no_gpu_because']})"
    return f"{facts['cpu']}; {gpu}; {', '.join(f'{name} {v}' for name, v in facts['versions'].items())}"
