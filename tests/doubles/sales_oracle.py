"""Sales joined with countries: any rows of them, the plan of a query over them, and what it is to give, by nothing of Penstock."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from row_plans import compile_query

from penstock.load.report import Counts
from penstock.plan.model import Plan

SALES: list[Any] = ["id", "country", {"name": "amount", "type": "integer"}]
SQL = (
    "SELECT r.country, c.name, count(*) AS sales, sum(r.amount) AS amount "
    "FROM rows AS r LEFT JOIN countries AS c ON r.country = c.code GROUP BY r.country, c.name"
)

texts = st.text(st.sampled_from('aé😀",\n\\ N'), max_size=3)
sales = st.lists(
    st.tuples(
        st.text("12", min_size=1, max_size=2),
        texts,
        st.sampled_from(["", "7", "-3", "99999999999999999999", "x"]),
    ),
    max_size=30,
)
countries = st.dictionaries(texts.filter(bool), texts, max_size=5)


def render(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def make_plan() -> Plan:
    with tempfile.TemporaryDirectory() as folder:
        return compile_query(
            Path(folder),
            SALES,
            SQL,
            references={"countries": ["code", "name"]},
            load={"partition_key": "country"},
        )


def expect(
    rows: Sequence[tuple[str, str, str]], names: dict[str, str]
) -> tuple[list[dict[str, Any]], Counts, Counts]:
    """The items, and the counts of records and of the result's rows, by nothing of Penstock."""
    good = [
        (country or None, int(amount) if amount else None) for _, country, amount in rows if amount != "x"
    ]
    groups: dict[str | None, list[int | None]] = {}
    for country, amount in good:
        groups.setdefault(country, []).append(amount)
    items = []
    for country, amounts in sorted(groups.items(), key=lambda group: (group[0] or "").encode()):
        if country is None:
            continue  # no key: the result's row is rejected
        item = {"country": {"S": country}}
        if names.get(country):
            item["name"] = {"S": names[country]}
        item["sales"] = {"N": str(len(amounts))}
        if any(amount is not None for amount in amounts):
            item["amount"] = {"N": str(sum(amount or 0 for amount in amounts))}
        items.append(item)
    refused = bool(rows) and not good
    read = Counts(read=len(rows), loaded=len(good), rejected=len(rows) - len(good))
    result = Counts(read=len(groups), loaded=len(items), rejected=len(groups) - len(items))
    if groups and not items:
        read = replace(read, loaded=0, withheld=len(good))
    return items, read, Counts() if refused else result
