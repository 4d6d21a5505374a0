"""2,000 tasks: declared and serialized, serialized alone, or the same messages built by hand."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import programs
import pyperf

#: What is done before each value, and, with its result, what is measured.
Part = tuple[Callable[[], Any], Callable[[Any], object]]


def main() -> None:
    """Measure the part and the SDK that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", required=True)
    runner.argparser.add_argument("--part", choices=tuple(PARTS), required=True)
    args = runner.parse_args()
    name = f"{args.sdk} {args.part}"
    if not args.worker:
        runner.bench_time_func(name, float)
        return
    with tempfile.TemporaryDirectory() as folder:
        program = programs.load("many_tasks", args.sdk, Path(folder))
        prepare, work = PARTS[args.part](program)

        def measure(loops: int) -> float:
            took = 0.0
            for _ in range(loops):
                prepared = prepare()
                start = pyperf.perf_counter()
                work(prepared)
                took += pyperf.perf_counter() - start
            return took

        runner.bench_time_func(name, measure, inner_loops=program.COUNT)


def _declare_and_serialize(program: ModuleType) -> Part:
    def work(_prepared: object) -> None:
        # The environment has to live while its tasks are serialized.
        _env, tasks = program.declare()
        program.serialize(tasks)

    return lambda: None, work


def _serialize(program: ModuleType) -> Part:
    # Declared anew for each value: a task that was serialized before may have left something to build on.
    return program.declare, lambda prepared: program.serialize(prepared[1])


def _by_hand(program: ModuleType) -> Part:
    import by_hand

    _env, tasks = program.declare()
    _assert_same(program.serialize(tasks), by_hand.specs(program.COUNT))
    return lambda: None, lambda _: by_hand.specs(program.COUNT)


def _assert_same(ours: list[object], theirs: list[object]) -> None:
    """Refuse to compare the speed of different messages."""
    for one, other in zip(ours, theirs, strict=True):
        if _bytes(one) != _bytes(other):
            raise SystemExit(f"the message built by hand is another one than flyte_core's:\n{other}\n---\n{one}")


def _bytes(message: object) -> bytes:
    return message.SerializeToString(deterministic=True)  # type: ignore[attr-defined, no-any-return]  # any message


PARTS: dict[str, Callable[[ModuleType], Part]] = {
    "declare-and-serialize": _declare_and_serialize,
    "serialize": _serialize,
    "by-hand": _by_hand,
}


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
