"""The judge: a batch of records through the plan's SQL, to verdicts, keys and items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from penstock import verdicts
from penstock.engine.batch import Batch
from penstock.engine.bind import Binding
from penstock.engine.codecs import CODECS
from penstock.engine.decide import Decision, Tally
from penstock.engine.raw import raw_sql
from penstock.engine.result import BATCH_REQUESTS, DELETE, PUT, SEPARATOR, Reason, Reject, WriteBatch
from penstock.engine.size import ITEM_BYTES, item_size
from penstock.errors import EngineError
from penstock.plan.model import Codec, ItemPlan, Plan

GOOD = "errors IS NULL AND NOT filtered"
TOO_LARGE = Reason(verdicts.ITEM_ERROR, None, "the item is larger than the 400 KB that DynamoDB takes")
_ROWS = 2_048
REPEATED = Reason(verdicts.PRIMARY_KEY, None, "an earlier row of the file has this key")
REPEATED_ITEM = Reason(
    verdicts.PRIMARY_KEY, None, "an earlier row of the file, or another item of this row, has one of its keys"
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a batch gives: its writes and its rejects, in file order, and how many rows have a write."""

    batches: tuple[WriteBatch, ...]
    rejects: tuple[Reject, ...]
    rows: int


@dataclass(slots=True)
class Judge:
    """A plan bound to one file, on one database. Each batch is surveyed, and later resolved by what was decided.

    ``scratch`` is the database's own folder. The text of one batch lies there while it is read.
    """

    database: duckdb.DuckDBPyConnection
    plan: Plan
    binding: Binding
    scratch: Path
    tally: Tally = field(default_factory=Tally)

    def survey(self, batch: Batch, first_row: int) -> None:
        """Judge a batch without making its items: count its verdicts, and note its keys in the database."""
        self._count_records(batch)
        if not batch.rows:
            return
        self._read(batch)
        items = self.plan.items
        columns = ["n", "errors", "filtered"]
        for k, item in enumerate(items):
            columns += [f"({item.when}) AS has{k}", f"{key_sql(item)} AS key{k}"]
        large = " OR ".join(
            f"(({item.when}) AND NOT deleted AND {item.size} > {ITEM_BYTES})" for item in items
        )
        self._judge([*columns, f"({GOOD}) AND ({large}) AS large"])
        too_large = self._find_too_large() if self._one("SELECT bool_or(large) FROM judged") else []
        self._count_verdicts(too_large)
        for k in range(len(items)):
            self.database.execute(
                f"INSERT INTO keys SELECT n + ?, {k}, key{k} FROM judged "
                f"WHERE {GOOD} AND has{k} AND NOT list_contains(?::BIGINT[], n)",
                [first_row, too_large],
            )

    def resolve(self, batch: Batch, first_row: int, decision: Decision) -> Resolved:
        """Judge a batch again, and make the writes and the rejects that the decision leaves."""
        self._count_records(batch)
        if not batch.rows:
            return Resolved((), tuple(self._merge(batch, {})), 0)
        self._read(batch)
        columns = ["n", "errors", "filtered", "deleted"]
        for k, item in enumerate(self.plan.items):
            body = f"CASE WHEN {GOOD} AND ({item.when}) THEN CASE WHEN deleted THEN {item.key} ELSE {item.put} END END"
            columns += [f"({item.when}) AS has{k}", f"{body} AS body{k}"]
        self._judge(columns)
        rows = range(first_row, first_row + batch.rows)
        reasons = self._row_reasons(rows, decision)
        batches, good, written = self._writes(rows, reasons, decision)
        self._count_verdicts_of(reasons)
        self.tally.superseded += good - written
        # The next batch makes them anew, and both would be in memory at once.
        self.database.execute("DROP TABLE judged")
        self.database.execute("DROP VIEW decided")
        self.database.execute("DROP TABLE cells")
        return Resolved(batches, tuple(self._merge(batch, reasons)), written)

    def _count_records(self, batch: Batch) -> None:
        tally = self.tally
        tally.read += batch.rows + len(batch.errors) + batch.blanks
        tally.blank += batch.blanks
        tally.rejected += len(batch.errors)
        tally.errors.update(error.code for error in batch.errors)
        tally.recover(batch.recovered)

    def _count_verdicts(self, too_large: list[int]) -> None:
        """Count what the survey's ``judged`` says; rows that are too large for DynamoDB are rejected too."""
        tally = self.tally
        rejected, filtered = self._row(
            "SELECT count(*) FILTER (errors IS NOT NULL), count(*) FILTER (filtered) FROM judged"
        )
        tally.rejected += rejected + len(too_large)
        tally.filtered += filtered
        counted = self.database.execute(
            "SELECT e, count(*) FROM (SELECT unnest(errors) AS e FROM judged) GROUP BY e"
        ).fetchall()
        for number, count in counted:
            tally.errors[self.plan.checks[number].code] += count
        tally.errors[verdicts.ITEM_ERROR] += len(too_large)

    def _count_verdicts_of(self, reasons: Mapping[int, tuple[Reason, ...]]) -> None:
        self.tally.rejected += len(reasons)
        self.tally.filtered += self._one("SELECT count(*) FILTER (filtered) FROM judged")
        self.tally.errors.update(reason.code for found in reasons.values() for reason in found)

    def _read(self, batch: Batch) -> None:
        """Read the batch's text into ``cells``, and make ``decided`` of it with the answers of the codecs."""
        path = self.scratch / "batch.csv"
        path.write_bytes(batch.text)
        lines = batch.lines() if self.plan.statements.uses_line else None
        self.database.execute(
            f"CREATE OR REPLACE TEMP TABLE cells AS "
            f"WITH raw AS ({raw_sql(self.plan, self.binding, batch, path, lines)}) {self.plan.statements.cells}"
        )
        count, blank = self._row("SELECT count(*), count(*) FILTER (blank) FROM cells")
        if count != batch.rows:
            raise EngineError(
                f"{batch.rows} records went to the database and {count} came back; the run stops rather than lose one. "
                "This is a defect of Penstock: please report it with the contract's dialect"
            )
        self.tally.blank += blank
        joins, columns = [], []
        for codec in self.plan.codecs:
            joined = self._decide_cells(codec)
            i = codec.field
            columns += (
                [f"a{i}.text AS d{i}", f"a{i}.json AS j{i}"]
                if joined
                else [f"NULL::VARCHAR AS {c}{i}" for c in "dj"]
            )
            joins += [f"LEFT JOIN answers{i} AS a{i} ON a{i}.cell = ({codec.cell})"] if joined else []
        listed = ", ".join(["cells.*", *columns])
        self.database.execute(
            f"CREATE OR REPLACE TEMP VIEW decided AS SELECT {listed} FROM cells {' '.join(joins)} WHERE NOT blank"
        )

    def _decide_cells(self, codec: Codec) -> bool:
        """Have Python decide the cells that SQL can't: each distinct text once. Tells whether there were any."""
        texts = [
            text
            for (text,) in self.database.execute(
                f"SELECT DISTINCT {codec.cell} AS cell FROM cells WHERE NOT blank AND cell IS NOT NULL"
            ).fetchall()
        ]
        if not texts:
            return False
        decide = CODECS[codec.kind]
        answers = [(text, answer) for text in texts if (answer := decide(text, codec.options)) is not None]
        self.database.execute(
            f"CREATE OR REPLACE TEMP TABLE answers{codec.field} AS "
            "SELECT unnest(?::VARCHAR[]) AS cell, unnest(?::VARCHAR[]) AS text, unnest(?::VARCHAR[]) AS json",
            [[text for text, _ in answers], [a.text for _, a in answers], [a.json for _, a in answers]],
        )
        return True

    def _judge(self, columns: list[str]) -> None:
        self.database.execute(
            f"CREATE OR REPLACE TEMP TABLE judged AS SELECT {', '.join(columns)} FROM ({self.plan.statements.judged})"
        )

    def _find_too_large(self) -> list[int]:
        """Measure exactly the items that may be too large; give the rows of those that are."""
        found: set[int] = set()
        for item in self.plan.items:
            made = self.database.execute(
                f"SELECT n, {item.put} FROM ({self.plan.statements.judged}) SEMI JOIN "
                f"(SELECT n FROM judged WHERE large) USING (n) WHERE {GOOD} AND NOT deleted AND ({item.when})"
            ).fetchall()
            found.update(n for n, body in made if item_size(body) > ITEM_BYTES)
        return sorted(found)

    def _row_reasons(self, rows: range, decision: Decision) -> dict[int, tuple[Reason, ...]]:
        """Give the reasons of every row of the batch that is rejected."""
        checks = self.plan.checks
        reasons = {
            n: tuple(Reason(checks[e].code, checks[e].field, checks[e].message) for e in errors)
            for n, errors in self.database.execute(
                "SELECT n, errors FROM judged WHERE errors IS NOT NULL"
            ).fetchall()
        }
        for k in range(len(self.plan.items)):
            suspects = self.database.execute(
                f"SELECT n, body{k} FROM judged WHERE NOT deleted AND strlen(body{k}) > {ITEM_BYTES}"
            ).fetchall()
            reasons.update({n: (TOO_LARGE,) for n, body in suspects if item_size(body) > ITEM_BYTES})
        if decision.repeated:
            found = self.database.execute(
                "SELECT row - ? FROM repeated WHERE row >= ? AND row < ?", [rows.start, rows.start, rows.stop]
            ).fetchall()
            reason = REPEATED if len(self.plan.items) == 1 else REPEATED_ITEM
            reasons.update({n: (reason,) for (n,) in found})
        return reasons

    def _writes(
        self, rows: range, reasons: Mapping[int, tuple[Reason, ...]], decision: Decision
    ) -> tuple[tuple[WriteBatch, ...], int, int]:
        """Give the writes of the rows that are good, how many rows are, and how many of them have a write."""
        writes: list[tuple[int, int, bool, str]] = []
        good: set[int] = set()
        lost = self._losers(rows) if decision.losers else set()
        for k in range(len(self.plan.items)):
            result = self.database.execute(
                f"SELECT n + ?, deleted, body{k} FROM judged WHERE {GOOD} AND has{k}",
                [rows.start],
            )
            for row, deleted, body in _fetch(result):
                if reasons and row - rows.start in reasons:
                    continue
                good.add(row)
                if not lost or (row, k) not in lost:
                    writes.append((row, k, deleted, body))
        writes.sort()
        parts = [writes[i : i + BATCH_REQUESTS] for i in range(0, len(writes), BATCH_REQUESTS)]
        return tuple(map(_pack, parts)), len(good), len({row for row, *_ in writes})

    def _losers(self, rows: range) -> set[tuple[int, int]]:
        found = self.database.execute(
            "SELECT row, item FROM losers WHERE row >= ? AND row < ?", [rows.start, rows.stop]
        ).fetchall()
        return set(found)

    def _merge(self, batch: Batch, reasons: Mapping[int, tuple[Reason, ...]]) -> Iterator[Reject]:
        """Bring the records that are no rows and the rows that were rejected into file order."""
        rows = sorted(reasons)
        rejected = [
            ((row, 1), location, reasons[row]) for row, location in zip(rows, batch.locate(rows), strict=True)
        ]
        records = [
            ((error.before, 0), error.location, (Reason(error.code, None, error.message),))
            for error in batch.errors
        ]
        for _, place, found in sorted(records + rejected, key=lambda entry: entry[0]):
            yield Reject(place.line, place.offset, place.length, place.raw, place.sha256, found)

    def _row(self, sql: str) -> tuple[Any, ...]:
        found = self.database.execute(sql).fetchone()
        assert found is not None
        return found

    def _one(self, sql: str) -> Any:
        return self._row(sql)[0]


def _pack(writes: list[tuple[int, int, bool, str]]) -> WriteBatch:
    requests = SEPARATOR.join(f"{DELETE if deleted else PUT}{body}}}}}" for _, _, deleted, body in writes)
    return WriteBatch(requests, [row for row, *_ in writes], sum(deleted for _, _, deleted, _ in writes))


def _fetch(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a result in pieces, so that they are not all there twice."""
    while found := result.fetchmany(_ROWS):
        yield from found


def key_sql(item: ItemPlan) -> str:
    """Write the SQL of an item's whole key as one text: two keys have one text only where they are equal."""
    if item.sort is None:
        return item.partition
    return f"concat(strlen({item.partition}), ':', {item.partition}, {item.sort})"
