import csv
import gzip
import io
from pathlib import Path

import pytest

import penstock
from penstock.contract.read import read_contract
from penstock.local.demo_files import EDITS, REPEATED, ROWS, make_dirty

EXAMPLE = Path(penstock.__file__).parent / "examples" / "ourairports"
FILES = {
    "runways-2025-12-07.csv.gz": "runways",
    "runways-2026-01-03.csv.gz": "runways",
    "navaids.csv.gz": "navaids",
}


def _unpack(name: str) -> bytes:
    return gzip.decompress((EXAMPLE / "data" / name).read_bytes())


@pytest.mark.parametrize(("name", "feed"), FILES.items())
def test_the_contract_has_every_column_of_the_file_each_with_a_constraint(name: str, feed: str) -> None:
    contract = read_contract(EXAMPLE / "contracts" / f"{feed}.yaml")
    header = next(csv.reader(io.StringIO(_unpack(name).decode())))
    assert [field.name for field in contract.schema_.fields] == header
    for field in contract.schema_.fields:
        assert field.constraints.model_dump(exclude_defaults=True), f"{field.name} has no constraint"
    assert name.endswith(contract.source.suffix)


def test_the_example_ships_nothing_but_what_it_names() -> None:
    shipped = sorted(str(path.relative_to(EXAMPLE)) for path in EXAMPLE.rglob("*") if path.is_file())
    assert shipped == sorted(
        ["README.md", "penstock.yaml", "contracts/runways.yaml", "contracts/navaids.yaml"]
        + [f"data/{name}" for name in FILES]
    )


def test_the_dirty_file_differs_from_the_real_one_by_the_listed_edits_alone() -> None:
    clean = _unpack("runways-2025-12-07.csv.gz").splitlines()[: ROWS + 1]
    dirty = gzip.decompress(make_dirty((EXAMPLE / "data" / "runways-2025-12-07.csv.gz").read_bytes()))
    *lines, last = [line for line in dirty.splitlines() if line]
    assert len(lines) == len(clean)
    changed = [old.partition(b",")[0].decode() for old, new in zip(clean, lines, strict=True) if old != new]
    emptied = [edit for edit in EDITS if edit.new.endswith(b"\n")]
    assert sorted(changed) == sorted(edit.runway for edit in EDITS if edit not in emptied)
    assert dirty.count(b"\n\n") == len(emptied) == 1
    assert last.startswith(REPEATED.runway.encode())
    assert last not in clean


def test_an_edit_that_does_not_fit_the_file_is_told() -> None:
    with pytest.raises(ValueError, match="no such runways"):
        make_dirty(gzip.compress(b"id\n1\n"))
    with pytest.raises(ValueError, match="does not hold"):
        make_dirty(gzip.compress(b"id\n246648,\n"))
