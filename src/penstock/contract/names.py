"""Which names a row has at each step: the schema's fields, what ``set`` adds, what ``rename`` makes of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from penstock.contract.model import Contract, FieldModel
from penstock.contract.problem import near_miss

Names = Mapping[str, FieldModel | None]
"""The names of a row; a name that ``set`` gives has no field, and its type is only known to the compiler."""


def names_before_rename(contract: Contract) -> dict[str, FieldModel | None]:
    """The row as ``rename`` finds it: the schema's fields and what ``set`` adds or replaces."""
    names: dict[str, FieldModel | None] = {field.name: field for field in contract.schema_.fields}
    names.update(dict.fromkeys(contract.transform.set))
    return names


def names_of_row(contract: Contract) -> dict[str, FieldModel | None]:
    """The row as keys, indexes, ``types`` and ``drop`` see it: after ``rename``, before ``drop``."""
    rename = contract.transform.rename
    return {rename.get(name, name): field for name, field in names_before_rename(contract).items()}


@dataclass(frozen=True, slots=True)
class Unknown:
    """Explains a name that a row does not have: renamed, dropped, or misspelled."""

    renamed: Mapping[str, str]

    def explain(self, name: str, known: Iterable[str]) -> str:
        """The message for ``name`` among the ``known`` ones."""
        if name in self.renamed:
            return f'"{name}" is called "{self.renamed[name]}" here, after rename'
        near = near_miss(name, known)
        hint = f'; did you mean "{near}"?' if near else ""
        return f'"{name}" is neither a field nor set{hint}'
