"""Every case of the parity corpus against flyte_core; what may still fail is listed in ``expected_failures.txt``.

The list only shrinks: a listed case that passes is a failure until its line is removed, and `MOST_EXPECTED_FAILURES`
goes down with it.
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent
SDK = "flyte_core"

WHOLE_AREAS = {"resources", "spec", "override", "extend", "container", "image"}
AREAS = WHOLE_AREAS | {"types", "values"}

MOST_EXPECTED_FAILURES = 0


def _load_harness() -> ModuleType:
    # By its path: the corpus's modules have names (sdk, kit, runner) too common to put on everybody's sys.path.
    spec = importlib.util.spec_from_file_location("parity_harness", HERE / "harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


harness = _load_harness()
CASES = harness.all_cases()
LISTED = (HERE / "expected_failures.txt").read_text().split()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_case_has_the_outcome_of_the_reference_or_the_right_one_where_that_is_wrong(
    case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARITY_ADAPTER", "flyte_core_adapter")
    expected = json.loads((harness.EXPECTED / f"{case.stem}.json").read_text())
    status, differences = harness.judge(expected, harness.run_case(case, SDK))
    if status == "same-defect":
        # The corpus lets it pass, since the reference does it; here what is right wins.
        status, differences = "failed", [f"the reference's defect: {expected['defect']}"]
    if status == "skipped":
        if os.environ.get("CI") == "true":
            pytest.fail(f"{differences[0]}; in CI no case is skipped")
        pytest.skip(differences[0])
    elif status == "failed":
        report = "; ".join(differences)
        if case.stem in LISTED:
            pytest.xfail(report)
        pytest.fail(report)
    elif case.stem in LISTED:
        pytest.fail("passes now: remove its line from expected_failures.txt and lower MOST_EXPECTED_FAILURES")


def test_the_list_of_expected_failures_only_shrinks() -> None:
    assert len(LISTED) == MOST_EXPECTED_FAILURES


def test_the_list_of_expected_failures_is_sorted_and_names_cases() -> None:
    assert sorted(set(LISTED)) == LISTED
    assert set(LISTED) <= {case.stem for case in CASES}


def test_the_areas_that_must_be_whole_have_no_expected_failure() -> None:
    assert [stem for stem in LISTED if harness.area(stem) in WHOLE_AREAS] == []


def test_every_case_is_of_a_known_area() -> None:
    assert {harness.area(case.stem) for case in CASES} == AREAS


def test_every_expectation_has_its_case() -> None:
    assert {path.stem for path in harness.EXPECTED.glob("*.json")} == {case.stem for case in CASES}
