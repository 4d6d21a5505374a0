"""What failed, out of buildah's words; and what it can do on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from flyte_core_image_buildah import BuildahImageBuilder, LocalStorageChecker
from flyte_core_image_buildah.output import failure_in
from flyte_core_image_buildah.program import able_platforms, own_platform

from flyte_core.images.checking import RequestedRegistryChecker
from flyte_core.images.protocol import BuildRequest, ImageBuilder, ImageChecker, building


@pytest.mark.parametrize(
    ("lines", "instruction", "reason", "said"),
    [
        (
            [
                "[1/2] STEP 1/2: FROM x",
                "a",
                '[1/2] STEP 2/2: RUN export A="$(cat /x)"; go',
                "Error: mine",
                'Error: building at STEP "RUN export A="$(cat /x)"; go": while running runtime: exit status 3',
            ],
            'RUN export A="$(cat /x)"; go',
            "It ended with exit status 3.",
            ("Error: mine",),
        ),
        (
            ["STEP 1/1: FROM nope", 'Error: creating build container: short-name "nope" did not resolve'],
            "FROM nope",
            'creating build container: short-name "nope" did not resolve',
            ('Error: creating build container: short-name "nope" did not resolve',),
        ),
    ],
)
def test_the_failure_is_read_out_of_the_output(
    lines: list[str], instruction: str, reason: str, said: tuple[str, ...]
) -> None:
    failure = failure_in(lines)
    assert (failure.instruction, failure.reason, failure.lines) == (instruction, reason, said)


def test_the_platforms_are_this_machines_and_what_the_kernel_emulates(tmp_path: Path) -> None:
    assert able_platforms(str(tmp_path)) == (own_platform(),)
    for name in ("qemu-aarch64", "qemu-x86_64"):
        (tmp_path / name).write_text("enabled")
    assert set(able_platforms(str(tmp_path))) == {"linux/amd64", "linux/arm64"}


@pytest.mark.parametrize(("push", "checker"), [(True, RequestedRegistryChecker), (False, LocalStorageChecker)])
def test_it_is_a_builder_that_asks_where_the_image_goes(push: bool, checker: type[ImageChecker]) -> None:
    builder = BuildahImageBuilder()
    assert isinstance(builder, ImageBuilder)
    with building(BuildRequest(push=push)):
        assert builder.get_checkers() == [checker]
