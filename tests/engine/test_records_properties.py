"""However a file is cut, its records are the same, and they are those of the grammar."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from unittest import mock

import duckdb
import pytest
import reference_grammar
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.engine import assemble, fast, runs
from penstock.engine.batch import RAW_LIMIT, Batch, Location, Position
from penstock.engine.fast import KnownRuns
from penstock.engine.grammar import Grammar, Newline
from penstock.engine.lines import BLANK, OPEN, ROW, LineJudge, misfit, misread
from penstock.engine.records import RecordReader
from penstock.engine.scan import Broken, take_record
from penstock.errors import DataError, EngineError
from penstock.plan.model import Dialect

DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from(",;\t"),
    quote_char=st.sampled_from(['"', '"', '"', "'", None]),
    double_quote=st.sampled_from([True, True, False]),
    escape_char=st.sampled_from([None, None, None, "\\", '"']),
    skip_initial_space=st.sampled_from([False, False, True]),
    header=st.booleans(),
    comment_char=st.sampled_from([None, None, "#"]),
    line_terminator=st.sampled_from(["auto", "auto", "auto", "lf", "cr"]),
    encoding=st.sampled_from(["utf-8", "utf-8", "latin-1", "cp1252"]),
    max_record_bytes=st.sampled_from([3, 5, 8, 12, 20, 40, 1_000_000, 1_000_000]),
)
WIDTHS = st.integers(1, 3)


ORDINARY = [b"a", b"bc", b"1", b"\xc3\xa9", b"\xe2\x82\xac", b"\xef\xbb\xbf"]
ODD = [b"\xff", b"\x81", b"\xe2\x82", b"\0"]


def signs(dialect: Dialect, newline: bytes) -> st.SearchStrategy[bytes]:
    """Arbitrary text of the grammar's signs, newlines of every kind, ordinary text and odd bytes."""
    delimiter, quote = dialect.delimiter.encode(), (dialect.quote_char or '"').encode()
    newlines = [newline, newline, b"\n", b"\r", b"\r\n", b"\r\r\n"]
    grammar = [delimiter, delimiter, quote, quote, quote + quote, delimiter + quote, b"\\", b" ", b"#"]
    return st.sampled_from([*grammar, *newlines, *ORDINARY, *ORDINARY, *ODD])


def lines(dialect: Dialect, width: int, newline: bytes) -> st.SearchStrategy[bytes]:
    """Mostly well-formed lines, mostly of the right width."""
    delimiter, quote = dialect.delimiter.encode(), (dialect.quote_char or '"').encode()
    within = [
        b"",
        b"c",
        quote + quote,
        b"\\x",
        b"\n",
        b"\r\n",
        b" ",
        delimiter,
        b"\\" + quote,
        b"\xe2\x82\xac",
        b"\xff",
    ]
    bare = [b"", *ORDINARY, b" a", b"#", b"\\x", b"\r\\", b"\xff", b'"' if quote == b"'" else b"'"]
    cell = st.sampled_from([*ORDINARY, *bare, *(quote + text + quote for text in within)])
    cells = st.one_of(st.just(width), st.just(width), st.integers(1, 4)).flatmap(
        lambda count: st.lists(cell, min_size=count, max_size=count)
    )
    ending = st.sampled_from([newline] * 6 + [b"\n", b"\r\n", b"\r"])
    return st.builds(lambda line, end: delimiter.join(line) + end, cells, ending)


@st.composite
def texts(draw: st.DrawFn, dialect: Dialect, width: int) -> bytes:
    newline = draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"]))
    tokens, wholes = signs(dialect, newline), lines(dialect, width, newline)
    either = draw(st.sampled_from([tokens, wholes, st.one_of(tokens, wholes, wholes)]))
    return b"".join(draw(st.lists(either, max_size=30)))


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, Dialect, int]:
    dialect, width = draw(DIALECTS), draw(WIDTHS)
    return draw(texts(dialect, width)), dialect, width


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@dataclass
class Reading:
    """What a reader gave, in the reference's terms."""

    header: tuple[str, ...] | str | None = None
    found: list[reference_grammar.Found] = field(default_factory=list)
    blanks: int = 0
    recovered: list[int] = field(default_factory=list)
    tally: dict[str, int] = field(default_factory=dict)
    kind: str | None = None


def cells_of(batch: Batch, dialect: Dialect) -> list[tuple[str, ...]]:
    text = io.StringIO(batch.text.decode(), newline="")
    reader = csv.reader(text, delimiter=dialect.delimiter, quotechar=batch.quote, strict=True)
    return [tuple(row) for row in reader]


def entry(place: Location, cells: tuple[str, ...] | None, code: str | None) -> reference_grammar.Found:
    assert place.length == len(place.raw) <= RAW_LIMIT
    assert place.sha256 is None
    return reference_grammar.Found(cells, code, place.line, place.offset, place.raw)


def read(blocks: Iterable[bytes], dialect: Dialect, width: int) -> Reading:
    return read_part(RecordReader(blocks, dialect), dialect, width, header=dialect.header)


def read_part(
    reader: RecordReader, dialect: Dialect, width: int, *, header: bool, ends: list[Position] | None = None
) -> Reading:
    """Read to the reader's end; note where each batch ends in ``ends``."""
    reading = Reading()
    try:
        names = reader.read_header() if header else None
    except DataError as error:
        reading.header = error.code
        return reading
    reading.header = names.cells if names else None
    reached: Position | None = None
    for batch in reader.batches(width):
        assert (batch.first, batch.end) == (reached or batch.first, reader.position)
        assert batch.end.row == batch.first.row + batch.rows
        reached = batch.end
        if ends is not None:
            ends.append(batch.end)
        assert batch.rows or batch.errors or batch.blanks
        rows = cells_of(batch, dialect)
        assert len(rows) == batch.rows
        assert all(len(row) == width for row in rows)
        places = batch.locate(list(range(batch.rows)))
        assert [place for row in range(batch.rows) for place in batch.locate([row])] == places
        check_lines(batch, [place.line for place in places])
        found = [entry(place, row, None) for place, row in zip(places, rows, strict=True)]
        for wrong in reversed(batch.errors):
            found.insert(wrong.before, entry(wrong.location, None, wrong.code))
        reading.found += found
        reading.blanks += batch.blanks
        reading.recovered += batch.recovered
    reading.tally, reading.kind = asdict(reader.tally), reader.newline
    return reading


def together(parts: list[Reading]) -> Reading:
    """Put the readings of a file's parts together."""
    return Reading(
        header=parts[0].header,
        found=[found for part in parts for found in part.found],
        blanks=sum(part.blanks for part in parts),
        recovered=[line for part in parts for line in part.recovered],
        tally={share: sum(part.tally[share] for part in parts) for share in parts[0].tally},
        kind=parts[-1].kind,
    )


def check_lines(batch: Batch, lines: list[int]) -> None:
    jumps = [row for row in range(batch.rows) if row == 0 or lines[row] != lines[row - 1] + 1]
    assert batch.lines() == [(row, lines[row]) for row in jumps]


def expected(data: bytes, dialect: Dialect, width: int) -> Reading:
    found = reference_grammar.read(data, dialect, width)
    if isinstance(found.header, str):
        return Reading(found.header)
    return Reading(found.header, found.found, found.blanks, found.recovered, found.tally, found.kind)


@settings(max_examples=400, deadline=None)
@given(files(), st.lists(st.integers(0, 10_000), max_size=8))
def test_records_are_those_of_the_reference_however_the_file_is_cut(
    file: tuple[bytes, Dialect, int], places: list[int]
) -> None:
    data, dialect, width = file
    wanted = expected(data, dialect, width)
    assert read([data], dialect, width) == wanted
    assert read(cut(data, places), dialect, width) == wanted
    assert read([bytes([byte]) for byte in data], dialect, width) == wanted
    if wanted.tally:
        assert sum(wanted.tally.values()) == len(data)


@settings(max_examples=200, deadline=None)
@given(files(), st.lists(st.integers(0, 10_000), max_size=3), st.integers(1, 30), st.integers(1, 4))
def test_how_far_the_fast_path_looks_and_how_much_a_batch_holds_changes_no_record(
    file: tuple[bytes, Dialect, int], places: list[int], near: int, many: int
) -> None:
    data, dialect, width = file
    with (
        mock.patch.object(fast, "_NEAR", near),
        mock.patch.object(fast, "_SUSPECT", near // 2),
        mock.patch.object(fast, "_PLAIN", near % 4),
        mock.patch.object(runs, "_WHOLE", near % 7),
        mock.patch.object(assemble, "_MANY", many),
    ):
        assert read(cut(data, places), dialect, width) == expected(data, dialect, width)


@settings(max_examples=250, deadline=None)
@given(files(), st.sampled_from(["lf", "cr"]), st.integers(0, 5))
def test_a_line_judged_alone_is_judged_as_the_careful_scan_judges_it(
    file: tuple[bytes, Dialect, int], newline: Newline, at: int
) -> None:
    data, dialect, width = file
    grammar, sign = Grammar.of(dialect), b"\n" if newline == "lf" else b"\r"
    line = [*data.split(sign), b"", b"", b"", b"", b""][at]
    content = line.rstrip(b"\r") if newline == "lf" else line
    verdict = LineJudge(grammar, dialect.encoding, width, newline).judge(content, len(line))
    if verdict is OPEN:
        return
    data = line + sign + data
    found = take_record(grammar, data, 0, newline, at_end=True)
    if isinstance(found, Broken):
        assert verdict == found
    else:
        assert found is not None
        assert (data[: found.end], found.next) == (content, len(line) + 1)
        fault = misread(content, dialect.encoding) or misfit(len(found.cells), width)
        assert verdict == (fault if content and fault else ROW if content else BLANK)


@settings(max_examples=200, deadline=None)
@given(files(), st.lists(st.integers(0, 10_000), max_size=6), st.sets(st.integers(0, 20)), st.integers(1, 4))
def test_parts_between_any_batches_give_what_one_pass_gives(
    file: tuple[bytes, Dialect, int], places: list[int], chosen: set[int], many: int
) -> None:
    data, dialect, width = file
    whole, ends = RecordReader(cut(data, places), dialect), list[Position]()
    with mock.patch.object(assemble, "_MANY", many):
        wanted = read_part(whole, dialect, width, header=dialect.header, ends=ends)
    if isinstance(wanted.header, str):
        return
    starts = [None, *(end for index, end in enumerate(ends) if index in chosen)]
    parts = []
    for start, end in pairwise([*starts, None]):
        blocks = cut(data[start.offset if start else 0 :], places)
        reader = RecordReader(blocks, dialect, start=start, stop=end.offset if end else None)
        parts.append(read_part(reader, dialect, width, header=dialect.header and not start))
        assert reader.position == (end or whole.position)
    assert together(parts) == wanted == expected(data, dialect, width)


def test_a_part_takes_no_more_blocks_than_it_needs() -> None:
    taken: list[bytes] = []

    def blocks(data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), 4):
            taken.append(data[start : start + 4])
            yield taken[-1]

    plain = RecordReader(blocks(b"a,b\nc,d\ne,f\ng,h\n"), Dialect(header=False), stop=8)
    assert sum(batch.rows for batch in plain.batches(2)) == 2
    assert len(taken) == 2
    taken.clear()
    odd = RecordReader(blocks(b'a,b\nc,"\n' + b"e,f\n" * 2 + b'"g,h\n' * 9), Dialect(header=False), stop=8)
    assert [error.code for batch in odd.batches(2) for error in batch.errors] == ["quote-error"]
    assert len(taken) == 5


def test_a_part_that_ends_where_no_record_begins_is_refused() -> None:
    for stop in (2, 6, 13):
        reader = RecordReader([b"a,b\nc,d\ne,f\n"], Dialect(header=False), stop=stop)
        with pytest.raises(EngineError, match="no record begins at byte"):
            list(reader.batches(2))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(
            st.text(
                st.one_of(
                    st.sampled_from("\",;\n\r 'ab"), st.characters(exclude_characters="\0", codec="utf-8")
                )
            ),
            min_size=3,
            max_size=3,
        ),
        max_size=12,
    ),
    st.sampled_from([",", ";", "\t"]),
    # With "\n" and minimal quoting Python writes a bare CR outside quotes, which is not well-formed.
    st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
    st.lists(st.integers(0, 10_000), max_size=4),
)
def test_a_well_formed_file_reads_as_pythons_csv_reads_it(
    rows: list[list[str]], delimiter: str, form: tuple[str, int], places: list[int]
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=form[0], quoting=form[1])  # type: ignore[arg-type]  # typeshed wants a literal
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    by_csv = list(csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=delimiter, strict=True))
    reading = read(cut(text.getvalue().encode(), places), Dialect(delimiter=delimiter), 3)
    assert reading.header == ("a", "b", "c")
    assert [list(found.cells or ()) for found in reading.found] == by_csv[1:]


@pytest.mark.parametrize(
    "odd",
    [
        b"#a,b\n", b"\n", b"\r\n", b"a\n", b"a,b,c\n", b"a\r,b\n", b"a,b\rx\n", b"a,\0\n", b"a,\xff\n", b'a,b"\n', b'a,"b\n',
        b'a,"b"\n', b'a,"b""c"\n', b'a,"b\\"c"\n', b'a,"\\b"\n', b"a,\\b\n", b'a,"b\nc"\n', b'a,"b\n\0"\n', b'a,"b\n\xff"\n', b" a,b\n", b"a, b\n", b"a," + b"x" * 99 + b"\n",
        b"\r" * 99 + b"\n", b"a,b\r\r\n", b"a,b\r", b"'a',b\n", b"\xef\xbb\xbf,b\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "dialect",
    [
        Dialect(header=False),
        Dialect(header=False, comment_char="#", skip_initial_space=True),
        Dialect(header=False, double_quote=False, max_record_bytes=90),
        Dialect(header=False, escape_char="\\"),
        Dialect(header=False, quote_char=None, escape_char="\\"),
        Dialect(header=False, encoding="cp1252"),
    ],
)
@pytest.mark.parametrize("whole", [1, 1_000_000])
def test_one_odd_line_among_plain_ones_is_read_as_if_it_were_alone(
    odd: bytes, dialect: Dialect, whole: int
) -> None:
    for width in (1, 2):
        data = (b"c,d\n" if width == 2 else b"c\n") * 3
        data = data + odd + data
        with mock.patch.object(runs, "_WHOLE", whole):
            assert read([data], dialect, width) == expected(data, dialect, width)


def by_duckdb(batch: Batch, dialect: Dialect, width: int, path: Path) -> list[tuple[str, ...]]:
    """Read a batch's text as the judge does."""
    path.write_bytes(batch.text)
    names = [f"c{index}" for index in range(width)]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    return duckdb.execute(
        f"""SELECT * FROM read_csv($path, header = false, auto_detect = false, strict_mode = true,
        columns = {{{columns}}}, force_not_null = {names}, delim = $delimiter, quote = $quote, escape = $quote,
        new_line = '\\n', max_line_size = 16000000, parallel = false)""",
        {"path": str(path), "delimiter": dialect.delimiter, "quote": batch.quote},
    ).fetchall()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("batches") / "batch.csv"


@settings(max_examples=200, deadline=None)
@given(file=files())
def test_duckdb_reads_the_same_cells_out_of_a_batch(scratch: Path, file: tuple[bytes, Dialect, int]) -> None:
    data, dialect, width = file
    reader = RecordReader([data], dialect)
    try:
        _ = reader.read_header() if dialect.header else None
    except DataError:
        return
    rows = [row for batch in reader.batches(width) for row in by_duckdb(batch, dialect, width, scratch)]
    assert rows == [found.cells for found in expected(data, dialect, width).found if found.cells is not None]


EVERY_CHARACTER = "".join(chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([("",), ("a",), ("",)], id="one column, empty cells"),
        pytest.param([("",)], id="one empty cell"),
        pytest.param(
            [(" a ", "\ta\t"), ("'", "#"), ("NULL", "\\N")], id="text that a reader could take for more"
        ),
        pytest.param([("a\nb", "c\r\nd"), ("\r", "\n"), ("\r\r\n", "\n\r")], id="newlines"),
        pytest.param([("\ufeffa", "\ufeff"), ("\ufeff", "b")], id="byte-order marks"),
        pytest.param([(chr(code), f"a{chr(code)}b") for code in range(1, 0xA0)], id="control characters"),
        pytest.param([(EVERY_CHARACTER, "a")], id="every character"),
        pytest.param([("x" * 999_000, '"' * 400_000)] * 12, id="cells of about 1 MB"),
        pytest.param([tuple(str(index) for index in range(5000)), ("",) * 5000] * 3, id="5,000 columns"),
    ],
)
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
def test_duckdb_reads_extreme_cells_out_of_a_batch(
    scratch: Path, rows: list[tuple[str, ...]], quoting: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n", quoting=quoting).writerows(rows)  # type: ignore[arg-type]  # typeshed wants a literal
    dialect = Dialect(header=False, max_record_bytes=8_000_000)
    batches = RecordReader([b"\xef\xbb\xbf", text.getvalue().encode()], dialect).batches(len(rows[0]))
    assert [row for batch in batches for row in by_duckdb(batch, dialect, len(rows[0]), scratch)] == rows


LONG_RUN = b"a,b\n" * fast._LONG


def read_all(data: bytes, known: KnownRuns, block: int = 2**20) -> list[tuple[bytes, Position]]:
    blocks = (data[at : at + block] for at in range(0, len(data), block))
    reader = RecordReader(blocks, Dialect(header=False), known=known)
    return [(batch.text, batch.end) for batch in reader.batches(2)]


def test_a_second_reader_of_a_file_gives_what_the_first_did() -> None:
    data = LONG_RUN + b'a,"b\n' + LONG_RUN + b"a\n" + LONG_RUN
    known: KnownRuns = {}
    first = read_all(data, known)
    assert known
    assert read_all(data, known) == first == read_all(data, {})


def test_a_second_reader_that_cuts_the_file_differently_gives_the_same_records() -> None:
    data = LONG_RUN + b"a\n" + LONG_RUN
    known: KnownRuns = {}
    read_all(data, known)
    again = read_all(data, known, block=3 * 2**18 - 3)
    assert b"".join(text for text, _ in again) == b"".join(text for text, _ in read_all(data, {}))


def test_a_second_reader_does_not_check_long_runs_again() -> None:
    known: KnownRuns = {}
    read_all(LONG_RUN, known)
    start, (end, _) = next(iter(known.items()))
    middle = (start + end) // 8 * 4
    changed = LONG_RUN[:middle] + b"abc\n" + LONG_RUN[middle + 4 :]
    assert any(b"abc" in text for text, _ in read_all(changed, known))
    assert not any(b"abc" in text for text, _ in read_all(changed, {}))
