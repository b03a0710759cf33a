"""The files that stand for a query's references here, where there is no bucket to take them from.

One that is named wins. For the others these places are looked at, below the project's folder, or the contract's own where it is of
no project: the reference's key, as it is in the bucket; and ``references/<name>`` with ``.csv``, ``.csv.gz`` or ``.parquet``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from penstock.contract.project import find_project
from penstock.errors import UsageError
from penstock.load.files import FileSource
from penstock.plan.model import Plan, Reference

FOLDER: Final = "references"


def find_references(plan: Plan, named: Mapping[str, Path], contract: Path | None) -> dict[str, FileSource]:
    """Give the file of each reference. Raises :class:`~penstock.errors.UsageError` for those that are missing or not the query's."""
    due = {} if plan.query is None else {found.name: found for found in plan.query.references}
    for name in named:
        if name not in due:
            raise UsageError(_say_unknown(name, list(due)))
    found, missing = {}, []
    for name, reference in due.items():
        places = [] if contract is None else _places(reference, _find_folder(contract))
        path = named.get(name) or next((place for place in places if place.is_file()), None)
        if path is None:
            missing.append(_say_missing(reference, places))
        else:
            found[name] = FileSource(path)
    if missing:
        raise UsageError("\n".join(missing))
    return found


def _find_folder(contract: Path) -> Path:
    try:
        return find_project(contract.parent)
    except UsageError:
        return contract.parent


def _places(reference: Reference, folder: Path) -> list[Path]:
    suffixes = (".parquet",) if reference.rows is None else (".csv", ".csv.gz")
    names = [f"{FOLDER}/{reference.name}{suffix}" for suffix in suffixes]
    if reference.key is not None:
        names.insert(0, reference.key)
    return [folder / name for name in names]


def _say_unknown(name: str, due: Sequence[str]) -> str:
    if not due:
        return f"The contract's query has no references, and {name} was named as one."
    near = get_close_matches(name, due, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"The contract has no reference {name}: its query reads {', '.join(due)}.{meant}"


def _say_missing(reference: Reference, places: Sequence[Path]) -> str:
    looked = f" There is none at {', nor at '.join(place.as_posix() for place in places)}." if places else ""
    return f"The query reads the reference {reference.name}. Name its file: --reference {reference.name}=FILE.{looked}"
