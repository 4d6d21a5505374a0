"""The process inside a container: a trivial task, read from its stored input and written to its stored output."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import programs
import pyperf

PLACES = ("raw-data-path", "checkpoint-path", "prev-checkpoint")
RESOLVERS = {
    "flyte_core": "flyte_core.runtime.resolver.DefaultTaskResolver",
    "flyte": "flyte._internal.resolvers.default.DefaultTaskResolver",
}
COMMANDS = {"flyte_core": "fc0", "flyte": "a0"}


def main() -> None:
    """Measure the SDK that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=tuple(RESOLVERS), required=True)
    runner.argparser.add_argument("--part", choices=("trivial",), required=True)
    args = runner.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs.write("declare", args.sdk, folder)
        _write_input(folder / "inputs.pb")
        # The reference does not make the folder of its outputs.
        (folder / "out").mkdir()
        command = str(Path(sys.executable).with_name(COMMANDS[args.sdk]))
        words = [command, "--inputs", str(folder / "inputs.pb"), "--outputs-path", str(folder / "out"), "--version=v1"]
        words += [word for place in PLACES for word in (f"--{place}", str(folder / place))]
        words += ["--run-name=run", "--name=a0", "--project=p", "--domain=d", "--org=o", f"--run-base-dir={folder}"]
        words += ["--resolver", RESOLVERS[args.sdk], "mod", "declare", "instance", "greet"]
        # Where its module is imported from, as the working directory of an image.
        shell = ["sh", "-c", 'cd "$0" && exec "$@"', str(folder), *words]
        runner.bench_command(f"{args.sdk} entry point", shell)
        if args.worker and not (folder / "out" / "outputs.pb").is_file():
            raise SystemExit("the task has no outputs")


def _write_input(path: Path) -> None:
    from flyteidl2.task import common_pb2

    inputs = common_pb2.Inputs()
    inputs.literals.add(name="name").value.scalar.primitive.string_value = "you"
    path.write_bytes(inputs.SerializeToString())


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
