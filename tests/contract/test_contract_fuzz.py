"""Whatever stands in a contract, it is read or refused: nobody sees a traceback."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from penstock.contract.describe import EXAMPLE_FILE
from penstock.contract.read import read_contract
from penstock.errors import ContractError, UsageError

EXAMPLE: dict[str, Any] = YAML(typ="safe", pure=True).load(EXAMPLE_FILE)

WORDS = st.sampled_from(
    ["", "order_id", "total", "{order_id}", "{", "%d", "any", "string", "list", "(?=a)", "[", "S", "5%", "pk", "a/", "1", "\0", "\n"]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(), inner, max_size=3)
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(way for key, inner in items for way in places(inner, (*path, key)))]


def read(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.yaml"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            read_contract(path)
        except ContractError as error:
            problems = error.problems
        except UsageError:
            return
        else:
            return
    assert all(line.startswith(f"{path}:") and line.isprintable() for line in problems)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_contract_with_any_value_changed_is_read_or_refused(data: st.DataObject) -> None:
    contract = copy.deepcopy(EXAMPLE)
    for way in data.draw(st.lists(st.sampled_from(places(EXAMPLE)), min_size=1, max_size=3)):
        holder = contract
        try:
            for step in way[:-1]:
                holder = holder[step]
            holder[way[-1]] = data.draw(VALUES)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took it away
    read(json.dumps(contract))


@settings(deadline=None, max_examples=100)
@given(st.text(st.sampled_from("ab:-[]{},&*!|>'\"%@`#? \n\t0.~"), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    read(text)
