"""Plans by hand: `python -m engines build | list | clear`."""

import argparse
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from engines.bar import PlanBar
from engines.base import EngineError, TensorSpec
from engines.building import Order, Outcome, build_elsewhere
from engines.driver import find_driver
from engines.loaders import Build
from engines.ort import OrtEngine
from engines.plans import PlanKey, PlanStore, StoredPlan, plan_key
from engines.proof import WrongAnswerError
from engines.registry import networks_for_plans
from engines.tensorrt_library import Flavour, Library, load_library

_MATTE = Path(__file__).resolve().parent.parent / "models" / "matte.onnx"


def main(
    arguments: Sequence[str] | None = None, store: PlanStore | None = None, build: Build = build_elsewhere
) -> int:
    """Exit status: 0; 1 with one line when something fails; wrong arguments leave with 2."""
    parsed = _parser().parse_args(arguments)
    store = store or PlanStore()
    try:
        if parsed.command == "build":
            _build(parsed.onnx, parsed.backend, dict(parsed.shape), store, build)
        elif parsed.command == "list":
            _list(store)
        else:
            count = store.clear()
            print(f"{count} plan{'s' * (count != 1)} removed from {store.folder}")
    except EngineError as error:
        print(f"python -m engines: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # such as a folder that may not be changed
        print(f"python -m engines: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engines",
        description="TensorRT runs a network from a plan that is built once. The live program does that by "
        "itself; here it can be done beforehand.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="build|list|clear")
    build = commands.add_parser(
        "build", help="build the plan of a network, and prove it where there is a GPU"
    )
    build.add_argument(
        "onnx",
        nargs="?",
        type=Path,
        default=_MATTE,
        metavar="ONNX",
        help="network (models/matte.onnx); its NAME_fp16.onnx is built where that is as good",
    )
    build.add_argument(
        "--backend",
        choices=("auto", "tensorrt", "tensorrt-rtx"),
        default="auto",
        help="auto (default): TensorRT if it is installed, else TensorRT-RTX",
    )
    build.add_argument(
        "--shape",
        action="append",
        default=[],
        type=_shape,
        metavar="NAME=1x3x224x384",
        help="shape of an input, once for each whose size is free; without: the network's own working size",
    )
    commands.add_parser("list", help="print the plans that are kept")
    commands.add_parser("clear", help="remove all of them")
    return parser


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = text.partition("=")
    shape = tuple(int(size) if size.isdecimal() else 0 for size in sizes.lower().split("x"))
    if not name or not all(shape):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SIZExSIZE, such as image=1x3x224x384")
    return name, shape


def _build(
    reference: Path, backend: str, given: Mapping[str, tuple[int, ...]], store: PlanStore, build: Build
) -> None:
    with OrtEngine(reference, 1) as engine:
        shapes = _shapes(reference, engine.inputs, engine.metadata, given)
    library = _library(backend)
    networks = networks_for_plans(reference)
    for onnx in networks:
        order = Order(onnx, reference, library.flavour, shapes, store.folder)
        key = plan_key(onnx, library.flavour, library.version, find_driver(), shapes)
        try:
            outcome = _built(order, key, library, store, build)
            break
        except WrongAnswerError as error:
            if onnx == networks[-1]:
                raise
            print(f"{onnx.name} is not used: {error}")
    built = f"built in {outcome.seconds:.1f} s" if outcome.seconds else "was built already"
    print(f"{_line(key, outcome.size_bytes)}: {built}")
    print(
        f"proven: it gives the CPU's answers on {outcome.proven}"
        if outcome.proven
        else f"not proven, that is left to its first use: {outcome.unproven}"
    )


def _built(order: Order, key: PlanKey, library: Library, store: PlanStore, build: Build) -> Outcome:
    """The order carried out; a second time where there is a plan with something wrong."""
    try:
        return _with_bar(order, library, build)
    except EngineError:
        if not store.discard(key):
            raise
    return _with_bar(order, library, build)


def _with_bar(order: Order, library: Library, build: Build) -> Outcome:
    """The order carried out, after a bar for a terminal."""
    with PlanBar(f"{order.onnx.name} for {library.name}") as bar:
        return build(order, bar.move, threading.Event())


def _library(backend: str) -> Library:
    """The one asked for, or the first that is installed."""
    flavours: tuple[Flavour, ...] = ("tensorrt", "tensorrt-rtx")
    reasons = []
    for flavour in flavours:
        if backend in ("auto", flavour):
            try:
                return load_library(flavour)
            except EngineError as error:
                reasons.append(str(error))
    raise EngineError("; ".join(reasons))


def _shapes(
    path: Path,
    inputs: Mapping[str, TensorSpec],
    metadata: Mapping[str, str],
    given: Mapping[str, tuple[int, ...]],
) -> dict[str, tuple[int, ...]]:
    """The shape of every input: the given one, the file's, or a picture's of the network's working size."""
    if unknown := given.keys() - inputs.keys():
        raise EngineError(f"{path}: no input {sorted(unknown)[0]!r}; expected {', '.join(inputs)}")
    shapes = {}
    for name, spec in inputs.items():
        width, _, height = metadata.get("size", "").partition("x")
        guess = spec.shape
        if len(guess) == 4 and guess[2:] == (None, None) and width.isdecimal() and height.isdecimal():
            guess = (*guess[:2], int(height), int(width))
        shape = given.get(name, guess)
        sizes = tuple(size for size in shape if size is not None)
        if len(sizes) != len(shape):
            raise EngineError(f"{path}: {name!r} is {spec}; its sizes are to be given, as --shape {name}=…")
        if not spec.accepts(sizes):
            raise EngineError(f"{path}: {name!r} is {spec}, not {'x'.join(map(str, sizes))}")
        shapes[name] = sizes
    return shapes


def _list(store: PlanStore) -> None:
    plans = store.plans()
    for plan in plans:
        print(_described(plan))
    print(f"{len(plans)} plan{'s' * (len(plans) != 1)} in {store.folder}")


def _described(plan: StoredPlan) -> str:
    state = "not proven yet"
    if plan.proven or plan.wrong:
        state = f"proven on {plan.proven}" if plan.proven else f"wrong answers on {plan.wrong}"
    return f"{_line(plan.key, plan.size_bytes)}: built in {plan.seconds:.1f} s, {state}"


def _line(key: PlanKey, size_bytes: int) -> str:
    where = f" on {key.gpu}" if key.gpu else ""
    return f"{key.name}  {key.flavour} {key.version}{where}  {key.shapes}  {size_bytes / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
