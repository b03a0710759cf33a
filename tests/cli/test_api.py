"""The library: what it offers, and that it is light where only the loader runs."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import CLEAN, DIRTY, contract, lines, write

import penstock
import penstock.api

NOT_IN_LAMBDA = ("pydantic", "ruamel", "sqlglot", "typer", "rich")


def test_the_public_list_is_complete_and_every_name_in_it_is_there() -> None:
    assert sorted(penstock.__all__) == penstock.__all__
    for name in penstock.__all__:
        assert getattr(penstock, name) is not None
    assert set(penstock.__all__) <= set(dir(penstock))
    assert set(penstock.api.__all__) < set(penstock.__all__)
    errors = {name for name, value in vars(penstock.errors).items() if isinstance(value, type)}
    assert errors <= set(penstock.__all__)


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="frobnicate"):
        _ = penstock.frobnicate


def test_importing_the_package_loads_nothing_that_the_function_does_not_carry() -> None:
    script = f"import penstock, sys; print(sorted(set({NOT_IN_LAMBDA}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("module", [penstock, penstock.api])
def test_the_examples_in_the_documentation_are_right(module: object) -> None:
    failures, tried = doctest.testmod(module, verbose=False)  # type: ignore[arg-type]  # it takes modules
    assert failures == 0
    assert tried > 0


def test_a_contract_is_loaded_once_and_run_over_files(tmp_path: Path) -> None:
    loaded = penstock.load_contract(contract(tmp_path))
    paths = [write(tmp_path / "a.csv", CLEAN), write(tmp_path / "b.csv", DIRTY)]
    reports = penstock.run(loaded, [paths[0], str(paths[1])], output=tmp_path / "out", chunk_size=10)
    assert [(report.status, report.counts.loaded, report.counts.rejected) for report in reports] == [
        ("done", 2, 0),
        ("done", 3, 3),
    ]
    assert len(lines(tmp_path / "out" / "b.csv" / "items.jsonl")) == 3


def test_data_that_breaks_its_contract_is_a_report_and_no_error(tmp_path: Path) -> None:
    [report] = penstock.run(
        contract(tmp_path), [write(tmp_path / "a.csv", "nonsense\n")], output=tmp_path / "out"
    )
    assert report.status == "rejected"
    assert report.code is not None


def test_a_wrong_contract_raises_all_its_problems(tmp_path: Path) -> None:
    broken = contract(tmp_path, extra="lod: 1\nnmae: 2\n")
    with pytest.raises(penstock.ContractError) as caught:
        penstock.load_contract(broken)
    assert len(caught.value.problems) == 2


def test_one_path_in_the_place_of_a_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(penstock.UsageError, match="list"):
        penstock.run(contract(tmp_path), "orders.csv", output=tmp_path / "out")


def test_progress_is_told_in_both_passes(tmp_path: Path) -> None:
    seen: list[tuple[str, str, int]] = []
    file = write(tmp_path / "a.csv", CLEAN)
    penstock.check(contract(tmp_path), [file], progress=lambda *told: seen.append(told))
    assert {told[:2] for told in seen} == {(file.as_posix(), "survey"), (file.as_posix(), "load")}
    assert seen[-1][2] == len(CLEAN)


def test_a_verdict_tells_what_a_run_would_do(tmp_path: Path) -> None:
    [verdict] = penstock.check(contract(tmp_path), [write(tmp_path / "a.csv", DIRTY)])
    assert verdict.report.counts.loaded == 3
    assert verdict.write_units == 3
    assert [reject.line for reject in verdict.rejects] == [3, 6, 8]
    assert verdict.item is not None
    assert verdict.errors[0][2] >= verdict.errors[-1][2]
