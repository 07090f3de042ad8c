"""Built plans on disk: what each was made for, and whether it is whole.

A plan is machine code for a GPU, so plans are only taken from a folder that belongs to the user alone, never
from a download. Each is two files: `NAME.plan` and `NAME.json`, which says what the plan was made for and
holds its checksum. Both are written whole or not at all; one that does not fit the other is no plan. Beside
them may be `NAME.cache`, what TensorRT-RTX has compiled of the plan for one GPU.
"""

import contextlib
import hashlib
import json
import logging
import os
import platform
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from platformdirs import user_cache_path

from engines.base import EngineError
from engines.driver import Driver
from engines.tensorrt_build import FLAGS
from engines.tensorrt_library import Flavour

log = logging.getLogger(__name__)

Shapes = Mapping[str, tuple[int, ...]]

_SCHEMA = 1
"""To be raised when the plans there are must not be used any more, and no other part of a key tells."""

_KEPT = 24
_STALE_S = 30.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class PlanKey:
    """What a plan is made for: where anything here is different, it is another plan.

    `network` is the ONNX file's name, `sha256` that of its content. `gpu` is empty for TensorRT-RTX, whose
    plans are finished for the GPU when they are loaded.
    """

    network: str
    sha256: str
    flavour: Flavour
    version: str
    gpu: str
    shapes: str
    flags: str = FLAGS
    schema: int = _SCHEMA

    @property
    def name(self) -> str:
        """Of the plan's files, without their endings."""
        parts = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return f"{Path(self.network).stem}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


def plan_key(onnx: Path, flavour: Flavour, version: str, driver: Driver, shapes: Shapes) -> PlanKey:
    """The key of the plan of an ONNX file; raises EngineError when the file cannot be read."""
    digest = hashlib.sha256()
    try:
        digest.update(onnx.read_bytes())
        weights = onnx.with_name(f"{onnx.name}.data")  # where an exporter puts what is too large for one file
        if weights.is_file():
            digest.update(weights.read_bytes())
    except OSError as error:
        raise EngineError(f"{onnx}: {error.strerror}; expected an ONNX network") from error
    compute = ".".join(map(str, driver.compute or ()))
    gpu = "" if flavour == "tensorrt-rtx" else f"{driver.gpu} sm {compute}"
    return PlanKey(onnx.name, digest.hexdigest(), flavour, version, gpu, shapes_text(shapes))


def shapes_text(shapes: Shapes) -> str:
    """Such as "image=1x3x224x384"; sorted by name."""
    return " ".join(f"{name}={'x'.join(map(str, shape))}" for name, shape in sorted(shapes.items()))


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan that is kept, as its `NAME.json` has it.

    `sha256` is the plan's. `seconds`: what building took. `proven`: GPU and driver on which its answers were
    last found to be right, `wrong`: on which they were wrong though it had been built anew; empty: on none.
    """

    key: PlanKey
    sha256: str
    size_bytes: int
    seconds: float
    proven: str = ""
    wrong: str = ""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError, TypeError or KeyError when it is not the text of a stored plan."""
        values: dict[str, Any] = json.loads(text)
        return cls(PlanKey(**values.pop("key")), **values)

    def to_json(self) -> str:
        """The text from which `from_json` makes it."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def plan_folder() -> Path:
    """Where the user's plans are; it need not exist."""
    return user_cache_path("skyar-live", appauthor=False) / "engines"


@dataclass(frozen=True, slots=True)
class PlanStore:
    """The plans in one folder; several processes may use it at once.

    The folder is made, for its owner alone, when the first plan is kept. Of more than `most` plans those go
    that were not used for longest. A lock whose process is dead, or that has not been renewed for `stale_s`,
    belongs to nobody any more. What cannot be read or written is an EngineError.
    """

    folder: Path = field(default_factory=plan_folder)
    most: int = _KEPT
    stale_s: float = _STALE_S

    def find(self, key: PlanKey) -> StoredPlan | None:
        """What is kept for a key, its plan not looked at; None without one."""
        stored = self._described(self.folder / f"{key.name}.json")
        return stored if stored is not None and stored.key == key else None

    def read(self, key: PlanKey) -> bytes:
        """The plan for a key, which counts as used now. Raises EngineError unless all of it is there."""
        stored = self.find(key)
        if stored is None:
            raise EngineError(f"{key.name}: no plan is kept")
        self._own_folder()
        path = self.folder / f"{key.name}.plan"
        try:
            plan = path.read_bytes()
            with contextlib.suppress(OSError):  # in a folder that can only be read nothing is ever pruned
                os.utime(path)
        except OSError as error:
            raise EngineError(f"{path}: {error.strerror}") from error
        if hashlib.sha256(plan).hexdigest() != stored.sha256:
            raise EngineError(f"{path}: damaged: its checksum is not the one it was kept with")
        return plan

    def keep(self, key: PlanKey, plan: bytes, seconds: float) -> StoredPlan:
        """Keep a plan, and let go of those that are too many."""
        stored = StoredPlan(key, hashlib.sha256(plan).hexdigest(), len(plan), round(seconds, 2))
        self._own_folder()
        self._write(f"{key.name}.plan", plan)
        self._write(f"{key.name}.json", stored.to_json().encode())
        self._prune()
        return stored

    def mark_proven(self, key: PlanKey, proven: str) -> None:
        """Note where the plan's answers were found to be right."""
        self._note(key, proven=proven, wrong="")

    def mark_wrong(self, key: PlanKey, wrong: str) -> None:
        """Note where the plan's answers were wrong: it need not be built there time and again."""
        self._note(key, proven="", wrong=wrong)

    def read_runtime_cache(self, key: PlanKey, where: str) -> bytes:
        """What TensorRT-RTX has compiled of a plan for this GPU and driver; empty if it is not kept."""
        with contextlib.suppress(OSError):
            mark, cache = _split((self.folder / f"{key.name}.cache").read_bytes())
            if mark == _mark(where, cache):
                return cache
        return b""

    def keep_runtime_cache(self, key: PlanKey, where: str, cache: bytes) -> None:
        """Keep that; what was kept for another GPU or driver goes."""
        self._write(f"{key.name}.cache", _mark(where, cache) + cache)

    def discard(self, key: PlanKey) -> bool:
        """Let go of the plan for a key; whether there was one."""
        return self._remove(key.name)

    def plans(self) -> list[StoredPlan]:
        """All that is kept and can be read, by name."""
        found = (self._described(path) for path in sorted(self.folder.glob("*.json")))
        return [stored for stored in found if stored is not None]

    def clear(self) -> int:
        """Let go of all plans, and of whatever was left lying about; how many plans there were."""
        names = {path.stem for path in self.folder.glob("*.plan")} | {
            path.stem for path in self.folder.glob("*.json")
        }
        for leftover in (*self.folder.glob(".*.part"), *self.folder.glob("*.lock")):
            leftover.unlink(missing_ok=True)
        return sum(self._remove(name) for name in names)

    @contextlib.contextmanager
    def locked(self, key: PlanKey, go_on: Callable[[], bool]) -> Iterator[None]:
        """Hold the plan's lock: who holds it builds the plan, and who waited for it finds the plan built.

        `go_on` is asked while another process holds it; False ends the wait with EngineError. Two processes
        that find a lock of nobody's at the same moment may both get it: then the plan is built twice.
        """
        self._own_folder()
        path = self.folder / f"{key.name}.lock"
        mark = f"{platform.node()} {os.getpid()} {time.time_ns()}"
        while not self._taken(path, mark):
            if not go_on():
                raise EngineError(f"{key.name}: another process is building it")
            time.sleep(_LOOK_S)
        released = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(path, released), name="plan lock", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            released.set()
            renewing.join()
            with contextlib.suppress(OSError):
                if path.read_text() == mark:
                    path.unlink()

    def _taken(self, path: Path, mark: str) -> bool:
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                unused_s = abs(time.time() - path.stat().st_mtime)  # abs: clocks are set back
                if unused_s > self.stale_s or _is_of_the_dead(path.read_text()):
                    path.unlink()
            return False
        except OSError as error:
            raise EngineError(f"{path}: {error.strerror}") from error
        with os.fdopen(handle, "w") as file:
            file.write(mark)
        return True

    def _renew(self, path: Path, released: threading.Event) -> None:
        while not released.wait(self.stale_s / 6):
            with contextlib.suppress(OSError):  # it is gone: whoever took it for stale builds as well
                os.utime(path)

    def _own_folder(self) -> None:
        """Make the folder; raises EngineError if others could put plans into it."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not hasattr(os, "getuid"):
                return  # on Windows a profile's folders are its user's
            status = self.folder.stat()
            if status.st_uid != os.getuid():
                raise EngineError(f"{self.folder}: belongs to another user; plans are not kept there")
            if status.st_mode & 0o077:
                self.folder.chmod(0o700)
        except OSError as error:
            raise EngineError(f"{self.folder}: {error.strerror}") from error

    def _note(self, key: PlanKey, *, proven: str, wrong: str) -> None:
        stored = self.find(key)
        if stored is not None and (stored.proven, stored.wrong) != (proven, wrong):
            noted = replace(stored, proven=proven, wrong=wrong)
            self._write(f"{key.name}.json", noted.to_json().encode())

    def _described(self, path: Path) -> StoredPlan | None:
        try:
            return StoredPlan.from_json(path.read_text("utf-8"))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def _write(self, name: str, content: bytes) -> None:
        """A file that others see whole or not at all."""
        path = self.folder / name
        try:
            handle, part = tempfile.mkstemp(".part", f".{name}.", self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(handle)
                Path(part).replace(path)
            except BaseException:
                Path(part).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise EngineError(f"{path}: {error.strerror}") from error

    def _remove(self, name: str) -> bool:
        found = False
        for ending in ("json", "plan", "cache"):
            path = self.folder / f"{name}.{ending}"
            try:
                path.unlink()
                found = True
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                raise EngineError(f"{path}: {error.strerror}") from error
        return found

    def _prune(self) -> None:
        """Lets go of what is too much, and of files that a process which died left half-written."""
        used = sorted(self.folder.glob("*.plan"), key=_modified_ns, reverse=True)
        for path in used[self.most :]:
            log.info("%s: not used for longest of %d plans; removed", path.name, len(used))
            self._remove(path.stem)
        for part in self.folder.glob(".*.part"):
            if time.time_ns() - _modified_ns(part) > 3600e9:
                part.unlink(missing_ok=True)


def _is_of_the_dead(mark: str) -> bool:
    """Whether a lock belongs to a process of this machine that is no more."""
    node, _, rest = mark.partition(" ")
    pid = rest.partition(" ")[0]
    if os.name != "posix" or node != platform.node() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is another user's
        return False
    return False


def _mark(where: str, cache: bytes) -> bytes:
    return hashlib.sha256(where.encode() + b"\n" + cache).digest()


def _split(content: bytes) -> tuple[bytes, bytes]:
    size = hashlib.sha256().digest_size
    return content[:size], content[size:]


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # another process has removed it
        return 0
