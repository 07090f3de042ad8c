"""A stand-in for the runtime of TensorRT and TensorRT-RTX on the made-up device of `fake_cuda`.

Its classes have the names, functions and results of the real ones, as far as the program uses them. A plan is
a key of `World.plans`. What the real ones forbid and would answer with wrong results or a crash is an
AssertionError, or where it is found while an object goes, a line in `World.violations`.
"""

import enum
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import TensorSpec
from engines.tensorrt_library import Errors, Flavour, Library
from tests.engines.fake_cuda import FakeCudaRuntime, Work

Arrays = dict[str, NDArray[Any]]


class TensorIOMode(enum.Enum):
    INPUT = 1
    OUTPUT = 2


class TensorLocation(enum.Enum):
    DEVICE = 0
    HOST = 1


class CudaGraphStrategy(enum.Enum):
    DISABLED = 0
    WHOLE_GRAPH_CAPTURE = 1


class DataType(enum.Enum):
    FLOAT = "float32"
    HALF = "float16"
    INT32 = "int32"
    INT64 = "int64"
    BOOL = "bool"
    UINT8 = "uint8"
    BF16 = "bfloat16"


def nptype(trt_type: DataType) -> Any:
    if trt_type is DataType.BF16:
        raise TypeError("Could not resolve TensorRT datatype to an equivalent numpy datatype.")
    return np.dtype(trt_type.value).type


@dataclass(frozen=True)
class FakeNetwork:
    """What a plan computes. `host` tensors are not on the device, `strange` ones of a type that numpy lacks;
    a size of None is free."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    compute: Callable[[Arrays], Arrays]
    host: frozenset[str] = frozenset()
    strange: frozenset[str] = frozenset()

    @property
    def tensors(self) -> dict[str, TensorSpec]:
        return {**self.inputs, **self.outputs}


@dataclass
class World:
    """All that the objects share. `refuse` maps a function's name to how many calls go well before it gives
    None or False, or raises what `throw` holds for it. `made` counts objects, `live` those that are left."""

    cuda: FakeCudaRuntime
    plans: dict[bytes, FakeNetwork]
    errors: Errors = field(default_factory=Errors)
    refuse: dict[str, int] = field(default_factory=dict)
    throw: dict[str, Exception] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    launches: int = 0
    made: Counter[str] = field(default_factory=Counter)
    live: Counter[str] = field(default_factory=Counter)
    strategy: CudaGraphStrategy = CudaGraphStrategy.DISABLED
    known_kernels: bytes = b""

    def refuses(self, function: str) -> bool:
        if function not in self.refuse:
            return False
        self.refuse[function] -= 1
        if self.refuse[function] >= 0:
            return False
        del self.refuse[function]
        if function in self.throw:
            raise self.throw[function]
        self.errors.add(f"{function} was refused")
        return True


class _Counted:
    def __init__(self, world: World) -> None:
        self._world = world
        world.made[type(self).__name__] += 1
        world.live[type(self).__name__] += 1

    def __del__(self) -> None:
        self._world.live[type(self).__name__] -= 1
        for kind in self._outlived_by():
            if self._world.live[kind]:
                self._world.violations.append(f"{type(self).__name__} went before {kind}")

    def _outlived_by(self) -> tuple[str, ...]:
        return ()


class Runtime(_Counted):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        assert any(world.cuda.streams), "a runtime cache needs a thread that uses CUDA already"

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> "ICudaEngine | None":
        if self._world.refuses("deserialize_cuda_engine"):
            return None
        if serialized_engine not in self._world.plans:
            self._world.errors.add("Magic tag does not match")
            return None
        return ICudaEngine(self._world, self._world.plans[serialized_engine])

    def _outlived_by(self) -> tuple[str, ...]:
        return "ICudaEngine", "IExecutionContext"


class ICudaEngine(_Counted):
    def __init__(self, world: World, network: FakeNetwork) -> None:
        super().__init__(world)
        self._network = network
        self._names = list(network.tensors)

    @property
    def num_io_tensors(self) -> int:
        return len(self._names)

    def get_tensor_name(self, index: int) -> str:
        return self._names[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self._network.inputs else TensorIOMode.OUTPUT

    def get_tensor_location(self, name: str) -> TensorLocation:
        return TensorLocation.HOST if name in self._network.host else TensorLocation.DEVICE

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(-1 if size is None else size for size in self._network.tensors[name].shape)

    def get_tensor_dtype(self, name: str) -> DataType:
        return (
            DataType.BF16
            if name in self._network.strange
            else DataType(self._network.tensors[name].dtype.name)
        )

    def create_runtime_config(self) -> "IRuntimeConfig | None":
        return None if self._world.refuses("create_runtime_config") else IRuntimeConfig(self._world)

    def create_execution_context(
        self, runtime_config: "IRuntimeConfig | None" = None
    ) -> "IExecutionContext | None":
        if self._world.refuses("create_execution_context"):
            return None
        return IExecutionContext(self._world, self, self._network, runtime_config)

    def _outlived_by(self) -> tuple[str, ...]:
        return ("IExecutionContext",)


class IRuntimeConfig(_Counted):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._cache: IRuntimeCache | None = None

    @property
    def cuda_graph_strategy(self) -> CudaGraphStrategy:
        return self._world.strategy

    @cuda_graph_strategy.setter
    def cuda_graph_strategy(self, strategy: CudaGraphStrategy) -> None:
        self._world.strategy = strategy

    def create_runtime_cache(self) -> "IRuntimeCache | None":
        return None if self._world.refuses("create_runtime_cache") else IRuntimeCache(self._world)

    def set_runtime_cache(self, cache: "IRuntimeCache") -> bool:
        if self._world.refuses("set_runtime_cache"):
            return False
        self._cache = cache
        return True


class IRuntimeCache(_Counted):
    """Of 8 bytes for each kernel."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._kernels = b""

    def deserialize(self, blob: bytes) -> bool:
        if not blob or len(blob) % 8:
            self._world.errors.add("the runtime cache is of another driver")
            return False
        self._kernels = blob
        return True

    def serialize(self) -> bytearray | None:
        return None if self._world.refuses("serialize") else bytearray(self._kernels)


class IExecutionContext(_Counted):
    def __init__(
        self, world: World, engine: ICudaEngine, network: FakeNetwork, config: IRuntimeConfig | None
    ) -> None:
        super().__init__(world)
        self._engine = weakref.ref(engine)
        self._network = network
        self._config = config
        self._addresses: dict[str, int] = {}
        self._warm = False

    def set_tensor_address(self, name: str, memory: int) -> bool:
        assert memory % 256 == 0
        if self._world.refuses("set_tensor_address"):
            return False
        spec = self._network.tensors[name]
        self._world.cuda.view(memory, _size(spec))
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        world, cuda = self._world, self._world.cuda
        assert self._engine() is not None, "its engine is gone"
        unset = self._network.tensors.keys() - self._addresses.keys()
        assert not unset, f"no address for {sorted(unset)}"
        world.launches += 1
        if world.refuses("execute_async_v3"):
            cuda.spoil_capture(stream_handle)
            return False
        if cuda.capturing(stream_handle):
            assert world.strategy is CudaGraphStrategy.DISABLED, "captured by two"
            if not self._warm:
                cuda.spoil_capture(stream_handle)
                world.errors.add("operation not permitted when stream is capturing")
                return False
        self._compile()
        # The addresses of now: a graph keeps them.
        addresses, network = dict(self._addresses), self._network
        self._warm = True
        cuda.queue(
            stream_handle,
            Work("compute", lambda: _compute(cuda, network, addresses), tuple(addresses.values())),
        )
        return True

    def _compile(self) -> None:
        if self._config is not None and self._config._cache is not None and not self._config._cache._kernels:
            self._config._cache._kernels = b"kernel00"

    def __del__(self) -> None:
        live = self._world.cuda.device_memory
        if gone := [name for name, address in self._addresses.items() if address not in live]:
            self._world.violations.append(f"the memory of {gone} went before the context")
        super().__del__()


def fake_library(world: World, flavour: Flavour = "tensorrt") -> Library:
    """A library as `load_library` gives it, for the world's device and plans."""

    def runtime(logger: Any) -> Runtime | None:
        return None if world.refuses("Runtime") else Runtime(world)

    module = SimpleNamespace(
        Runtime=runtime,
        TensorIOMode=TensorIOMode,
        TensorLocation=TensorLocation,
        nptype=nptype,
        **({"CudaGraphStrategy": CudaGraphStrategy} if flavour == "tensorrt-rtx" else {}),
    )
    return Library(module, flavour, "11.4.0", None, world.errors)


def _compute(cuda: FakeCudaRuntime, network: FakeNetwork, addresses: dict[str, int]) -> None:
    tensors = {
        name: cuda.view(addresses[name], _size(spec)).view(spec.dtype).reshape(_shape(spec))
        for name, spec in network.tensors.items()
    }
    results = network.compute({name: tensors[name].copy() for name in network.inputs})
    for name in network.outputs:
        tensors[name][...] = results[name]


def _shape(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(size or 0 for size in spec.shape)


def _size(spec: TensorSpec) -> int:
    return int(np.prod(_shape(spec))) * spec.dtype.itemsize
