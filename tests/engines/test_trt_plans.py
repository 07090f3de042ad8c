"""Plans on disk: what they are kept under, that only whole ones are taken, locks, and what is let go of."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.config import ROOT
from engines.base import EngineError
from engines.driver import Driver
from engines.plans import PlanKey, PlanStore, plan_folder, plan_key
from tests.engines.plan_fakes import DRIVER, NO_DRIVER

SHAPES = {"image": (1, 3, 224, 384)}


@pytest.fixture
def store(tmp_path: Path) -> PlanStore:
    return PlanStore(tmp_path / "plans")


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    path = tmp_path / "matte.onnx"
    path.write_bytes(b"a network")
    return path


@pytest.fixture
def key(onnx: Path) -> PlanKey:
    return plan_key(onnx, "tensorrt", "11.4", DRIVER, SHAPES)


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_plan_comes_back_as_it_was_kept(store: PlanStore, key: PlanKey) -> None:
    assert store.find(key) is None
    stored = store.keep(key, b"machine code", 12.345)
    assert store.find(key) == stored
    assert store.read(key) == b"machine code"
    assert (stored.size_bytes, stored.seconds, stored.proven) == (12, 12.35, "")
    store.mark_proven(key, "NVIDIA H100")
    assert store.plans() == [dataclasses.replace(stored, proven="NVIDIA H100")]
    assert store.read(key) == b"machine code"
    store.mark_wrong(key, "NVIDIA L4")
    assert store.plans() == [dataclasses.replace(stored, wrong="NVIDIA L4")]
    assert store.keep(key, b"machine code", 12.345) == stored


def test_plans_are_the_users_alone(store: PlanStore, key: PlanKey, monkeypatch: pytest.MonkeyPatch) -> None:
    store.keep(key, b"plan", 1)
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in (store.folder, *store.folder.iterdir())}
    assert modes == {"": 0o700, ".plan": 0o600, ".json": 0o600}
    store.folder.chmod(0o755)
    assert store.read(key) == b"plan"
    assert store.folder.stat().st_mode & 0o777 == 0o700
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    with pytest.raises(EngineError, match="belongs to another user"):
        store.read(key)
    with pytest.raises(EngineError, match="belongs to another user"):
        store.keep(key, b"plan", 1)


def test_the_folder_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert plan_folder() == tmp_path / "skyar-live" / "engines"
    assert PlanStore().folder == plan_folder()


@pytest.mark.parametrize(
    "other",
    [
        {"flavour": "tensorrt-rtx"},
        {"version": "11.5"},
        {"driver": Driver(1, 13000, "NVIDIA L4", (8, 9))},
        {"driver": Driver(1, 13000, "NVIDIA H100", (9, 1))},
        {"shapes": {"image": (1, 3, 384, 224)}},
    ],
)
def test_whatever_differs_is_another_plan(onnx: Path, store: PlanStore, other: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"flavour": "tensorrt", "version": "11.4", "driver": DRIVER, "shapes": SHAPES}
    key = plan_key(onnx, **asked)
    store.keep(key, b"plan", 1)
    assert plan_key(onnx, **asked) == key
    changed = plan_key(onnx, **asked | other)
    assert changed.name != key.name
    assert store.find(changed) is None


def test_another_network_build_or_schema_is_another_plan(onnx: Path, key: PlanKey) -> None:
    def again() -> PlanKey:
        return plan_key(onnx, "tensorrt", "11.4", DRIVER, SHAPES)

    assert dataclasses.replace(key, flags="TF32").name != key.name
    assert dataclasses.replace(key, schema=key.schema + 1).name != key.name
    onnx.write_bytes(b"another network")
    assert (another := again()).name != key.name
    onnx.with_name("matte.onnx.data").write_bytes(b"its weights")
    assert again().name not in (another.name, key.name)


def test_a_driver_is_no_part_of_a_plan_and_rtx_plans_are_for_every_gpu(onnx: Path, key: PlanKey) -> None:
    newer = dataclasses.replace(DRIVER, version=13020)
    assert plan_key(onnx, "tensorrt", "11.4", newer, SHAPES) == key
    keys = {plan_key(onnx, "tensorrt-rtx", "1.7", driver, SHAPES) for driver in (DRIVER, NO_DRIVER)}
    assert len(keys) == 1


def test_a_network_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"missing\.onnx: No such file"):
        plan_key(tmp_path / "missing.onnx", "tensorrt", "11.4", DRIVER, SHAPES)


@pytest.mark.parametrize("damage", [b"machine c0de", b"machine", b"", None])
def test_a_plan_that_is_not_whole_is_refused(store: PlanStore, key: PlanKey, damage: bytes | None) -> None:
    store.keep(key, b"machine code", 1)
    path = store.folder / f"{key.name}.plan"
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    with pytest.raises(EngineError, match=rf"{key.name}\.plan: (damaged|No such file)"):
        store.read(key)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": {}}', '{"key": 3}', "null", "\x00"])
def test_a_plan_of_which_nothing_is_known_is_none(store: PlanStore, key: PlanKey, text: str) -> None:
    store.keep(key, b"plan", 1)
    (store.folder / f"{key.name}.json").write_text(text)
    assert store.find(key) is None
    assert store.plans() == []
    with pytest.raises(EngineError, match="no plan is kept"):
        store.read(key)
    store.keep(key, b"plan", 1)
    assert store.read(key) == b"plan"


def test_a_plan_that_is_described_as_another_is_none(store: PlanStore, key: PlanKey) -> None:
    other = dataclasses.replace(key, version="10.0")
    store.keep(other, b"plan", 1)
    for ending in ("json", "plan"):
        (store.folder / f"{other.name}.{ending}").rename(store.folder / f"{key.name}.{ending}")
    assert store.find(key) is None


def test_a_write_that_fails_leaves_what_was_there(
    store: PlanStore, key: PlanKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep(key, b"whole", 1)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(EngineError, match=rf"{key.name}\.plan: No space left on device"):
            store.keep(key, b"half", 1)
    assert store.read(key) == b"whole"
    assert {path.suffix for path in store.folder.iterdir()} == {".plan", ".json"}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, key: PlanKey) -> None:
    (tmp_path / "file").write_text("")
    store = PlanStore(tmp_path / "file" / "plans")
    with pytest.raises(EngineError, match=r"file/plans: Not a directory"):
        store.keep(key, b"plan", 1)
    assert store.find(key) is None
    assert store.plans() == []


def keys(key: PlanKey, count: int) -> list[PlanKey]:
    return [dataclasses.replace(key, version=f"11.{number}") for number in range(count)]


def test_the_plans_used_longest_ago_go(key: PlanKey, tmp_path: Path) -> None:
    store = PlanStore(tmp_path, most=3)
    first, second, third, fourth = keys(key, 4)
    for age, one in enumerate((third, second, first)):
        store.keep(one, b"plan", 1)
        store.keep_runtime_cache(one, "GPU", b"kernels")
        hours_ago = time.time() - 3600 * (age + 1)
        os.utime(store.folder / f"{one.name}.plan", (hours_ago, hours_ago))
    assert store.read(first) == b"plan"  # which makes it the one used last
    store.keep(fourth, b"plan", 1)
    assert [one for one in (first, second, third, fourth) if store.find(one)] == [first, third, fourth]
    assert not list(store.folder.glob(f"{second.name}*"))


def test_what_a_dead_process_left_half_written_goes(store: PlanStore, key: PlanKey) -> None:
    store.keep(key, b"plan", 1)
    old, new = store.folder / ".old.plan.x.part", store.folder / ".new.plan.y.part"
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    store.keep(key, b"plan", 1)
    assert not old.exists()
    assert new.exists()


def test_a_plan_can_be_discarded_and_all_can_be_cleared(store: PlanStore, key: PlanKey) -> None:
    assert not store.discard(key)
    for one in keys(key, 3):
        store.keep(one, b"plan", 1)
    assert store.discard(keys(key, 3)[1])
    assert len(store.plans()) == 2
    (store.folder / "old.lock").write_text("")
    assert store.clear() == 2
    assert list(store.folder.iterdir()) == []
    assert store.clear() == 0


def test_what_was_compiled_for_one_gpu_is_not_given_to_another(store: PlanStore, key: PlanKey) -> None:
    store.keep(key, b"plan", 1)
    assert store.read_runtime_cache(key, "H100, driver 1") == b""
    store.keep_runtime_cache(key, "H100, driver 1", b"kernels")
    assert store.read_runtime_cache(key, "H100, driver 1") == b"kernels"
    assert store.read_runtime_cache(key, "H100, driver 2") == b""
    path = store.folder / f"{key.name}.cache"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert store.read_runtime_cache(key, "H100, driver 1") == b""
    store.discard(key)
    assert not path.exists()


def test_one_builds_while_the_others_wait(store: PlanStore, key: PlanKey) -> None:
    built = []
    asked = threading.Event()

    def go_on() -> bool:
        asked.set()
        return True

    def other() -> None:
        with store.locked(key, go_on):
            built.append(store.find(key))

    waiting = threading.Thread(target=other)
    with store.locked(key, lambda: True):
        waiting.start()
        assert asked.wait(20)  # it waits, and has found nothing
        assert built == []
        store.keep(key, b"plan", 1)
    waiting.join(20)
    assert built == [store.find(key)]
    assert not list(store.folder.glob("*.lock"))


def test_who_waits_can_give_up(store: PlanStore, key: PlanKey) -> None:
    with (
        store.locked(key, lambda: True),
        pytest.raises(EngineError, match="another process is building it"),
        store.locked(key, lambda: False),
    ):
        pass
    with store.locked(key, lambda: False):  # which was not taken from it
        pass


def test_a_lock_is_released_by_a_build_that_fails(store: PlanStore, key: PlanKey) -> None:
    with pytest.raises(ZeroDivisionError), store.locked(key, lambda: True):
        raise ZeroDivisionError
    with store.locked(key, lambda: False):
        pass


def test_the_lock_of_a_process_that_has_died_is_taken_at_once(store: PlanStore, key: PlanKey) -> None:
    program = (
        "import os, pathlib, sys; from engines.plans import PlanKey, PlanStore;"
        "store = PlanStore(pathlib.Path(sys.argv[1])); key = PlanKey(*sys.argv[2:]);"
        "held = store.locked(key, lambda: True); held.__enter__(); os.abort()"
    )
    parts = (key.network, key.sha256, key.flavour, key.version, key.gpu, key.shapes)
    dead = subprocess.run(
        [sys.executable, "-c", program, store.folder, *parts], cwd=ROOT, capture_output=True
    )
    assert dead.returncode == -signal.SIGABRT
    (lock,) = store.folder.glob("*.lock")
    asked = iter([True, False])
    with store.locked(key, lambda: next(asked)):
        assert lock.exists()


def test_the_lock_of_another_machine_is_waited_for(store: PlanStore, key: PlanKey) -> None:
    store.folder.mkdir()
    (store.folder / f"{key.name}.lock").write_text(f"elsewhere {2**22 + 1} 1")
    asked = iter([True, True, True, False])
    with pytest.raises(EngineError, match="another process"), store.locked(key, lambda: next(asked)):
        pass


@pytest.mark.parametrize("years", [-1, 1], ids=["past", "future"])
def test_a_lock_that_nobody_renews_is_taken(store: PlanStore, key: PlanKey, years: int) -> None:
    store.folder.mkdir()
    lock = store.folder / f"{key.name}.lock"
    lock.write_text("1 1")
    then = time.time() + years * 3.2e7
    os.utime(lock, (then, then))
    asked = iter([True, False])
    with store.locked(key, lambda: next(asked)):
        assert lock.read_text() != "1 1"


def test_a_lock_that_is_held_is_renewed(tmp_path: Path, key: PlanKey) -> None:
    store = PlanStore(tmp_path, stale_s=0.6)
    lock = tmp_path / f"{key.name}.lock"
    with store.locked(key, lambda: True):
        os.utime(lock, (1e9, 1e9))
        wait_until(lambda: lock.stat().st_mtime > 1e9 + 1)
    assert not lock.exists()


def test_the_lock_of_another_is_left_alone(store: PlanStore, key: PlanKey) -> None:
    lock = store.folder / f"{key.name}.lock"
    with store.locked(key, lambda: True):
        lock.write_text("of whoever took this one for stale")
    assert lock.exists()
