"""The grammar, sentence by sentence."""

from __future__ import annotations

import csv
import hashlib
import io
import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from penstock.engine.batch import RAW_LIMIT, RecordError
from penstock.engine.records import Header, RecordReader
from penstock.engine.window import Window
from penstock.errors import DataError
from penstock.plan.model import Dialect, Encoding

HEADLESS = Dialect(header=False)


class Reading:
    """All batches of a small file, taken together."""

    def __init__(self, data: bytes, dialect: Dialect = HEADLESS, width: int = 2) -> None:
        reader = RecordReader([data], dialect)
        batches = list(reader.batches(width))
        self.text = b"".join(batch.text for batch in batches)
        parsed = csv.reader(
            io.StringIO(self.text.decode(), newline=""), delimiter=dialect.delimiter, strict=True
        )
        self.rows = [tuple(row) for row in parsed]
        self.errors: list[RecordError] = [error for batch in batches for error in batch.errors]
        self.codes = [(error.location.line, error.code) for error in self.errors]
        self.messages = [error.message for error in self.errors]
        self.blanks = sum(batch.blanks for batch in batches)
        self.recovered = [line for batch in batches for line in batch.recovered]
        self.places = [place for batch in batches for place in batch.locate(list(range(batch.rows)))]
        self.lines = [place.line for place in self.places]
        self.tally, self.newline = reader.tally, reader.newline


# A record ends at LF; CRs directly before an LF belong to the terminator.


def test_a_record_ends_at_lf() -> None:
    reading = Reading(b"a,b\nc,d\n")
    assert reading.rows == [("a", "b"), ("c", "d")]
    assert reading.newline == "lf"


@pytest.mark.parametrize("terminator", [b"\r\n", b"\r\r\n", b"\r\r\r\n"])
def test_crs_before_an_lf_belong_to_the_terminator(terminator: bytes) -> None:
    reading = Reading(b"a,b" + terminator + b"c,d" + terminator)
    assert reading.rows == [("a", "b"), ("c", "d")]
    assert [(place.offset, place.length, place.raw) for place in reading.places] == [
        (0, 3, b"a,b"),
        (3 + len(terminator), 3, b"c,d"),
    ]


def test_the_last_record_needs_no_terminator() -> None:
    assert Reading(b"a,b\nc,d").lines == [1, 2]


def test_a_terminator_at_the_end_begins_no_record() -> None:
    reading = Reading(b"a,b\n")
    assert (len(reading.places), reading.blanks) == (1, 0)


def test_a_file_may_mix_lf_and_crlf() -> None:
    assert Reading(b"a,b\nc,d\r\ne,f\n").lines == [1, 2, 3]


# The first CR outside quotes that no CR*LF follows, met before any LF, makes the file a CR file.


def test_a_bare_cr_before_any_lf_makes_a_cr_file() -> None:
    reading = Reading(b'a,b\rc,"d\re"\rf,g')
    assert reading.newline == "cr"
    assert reading.lines == [1, 2, 4]


def test_newlines_within_quotes_decide_nothing() -> None:
    assert Reading(b'"a\nb",c\rd,e\r').newline == "cr"
    assert Reading(b'"a\rb",c\nd,e\n').newline == "lf"


def test_a_bare_cr_in_an_lf_file_is_a_quote_error() -> None:
    reading = Reading(b"a,b\nc\r,d\ne,f\n")
    assert reading.codes == [(2, "quote-error")]
    assert "bare CR" in reading.messages[0]
    assert reading.errors[0].location.raw == b"c\r,d"
    assert reading.lines == [1, 3]


def test_a_bare_cr_at_the_end_of_an_lf_file_is_a_quote_error() -> None:
    reading = Reading(b"a,b\nc,d\r")
    assert reading.codes == [(2, "quote-error")]
    assert reading.errors[0].location.raw == b"c,d\r"


def test_an_lf_in_a_cr_file_is_a_quote_error() -> None:
    reading = Reading(b"a,b\rc,\nd\re,f\r")
    assert reading.codes == [(2, "quote-error")]
    assert "an LF" in reading.messages[0]
    assert reading.lines == [1, 3]


def test_the_dialect_can_decide_the_newline() -> None:
    assert Reading(b"a,b\rc,d\n", Dialect(header=False, line_terminator="lf")).codes == [(1, "quote-error")]
    assert Reading(b"a,b\r\nc,d", Dialect(header=False, line_terminator="cr")).codes == [(2, "quote-error")]


def test_a_rejected_first_line_decides_the_newline_by_its_raw_bytes() -> None:
    assert Reading(b'a"\rb,c\r').newline == "cr"
    assert Reading(b'a"\r\nb,c\r\n').newline == "lf"


# A BOM is dropped.


def test_a_byte_order_mark_is_dropped() -> None:
    reading = Reading(b"\xef\xbb\xbfa,b\n")
    assert reading.rows == [("a", "b")]
    assert reading.places[0].offset == 3
    assert reading.tally.bom == 3


def test_a_second_byte_order_mark_is_text_and_stays() -> None:
    dialect = Dialect(header=False, line_terminator="lf")
    text = Reading(b"\xef\xbb\xbf\xef\xbb\xbfa,b\n", dialect).text
    assert text.startswith(b'"\xef\xbb\xbfa",')  # quoted, so that no reader drops it


# A quote opens a field only as its first character.


def test_a_quote_inside_an_unquoted_field_is_a_quote_error() -> None:
    reading = Reading(b'a,b"c"\nd,e\n')
    assert reading.codes == [(1, "quote-error")]
    assert reading.messages == ["a quote inside an unquoted field, in cell 2"]


def test_a_quote_after_a_space_is_inside_the_field() -> None:
    assert Reading(b'a, "b"\n').codes == [(1, "quote-error")]


def test_a_doubled_quote_is_a_quote() -> None:
    assert Reading(b'"a""b",""""\n').rows == [('a"b', '"')]


def test_after_a_closing_quote_only_a_delimiter_or_the_end_may_follow() -> None:
    reading = Reading(b'"a" ,b\n')
    assert reading.messages == ["text after a closing quote, in cell 1"]


def test_a_quoted_field_holds_delimiters_and_newlines_of_every_kind() -> None:
    reading = Reading(b'"a,\nb","\r\r\n"\nc,d\n')
    assert reading.rows == [("a,\nb", "\r\r\n"), ("c", "d")]
    assert reading.lines == [1, 4]


# A record with a quote-error is rejected as the physical line it began on, and reading goes on at the next one.


def test_an_unclosed_quote_costs_its_line_and_no_other() -> None:
    reading = Reading(b'a,b\nc,"d\ne,f\ng,h\n')
    assert reading.codes == [(2, "quote-error")]
    assert reading.messages == ["a quote that is never closed, in cell 2"]
    assert reading.errors[0].location.raw == b'c,"d'
    assert reading.lines == [1, 3, 4]


def test_rows_up_to_where_the_error_showed_itself_are_recovered() -> None:
    # The quote of line 1 is closed on line 3, where text follows it: line 4 is not in question.
    reading = Reading(b'a,"b\nc,d\ne,f"x\ng,h\n')
    assert reading.codes == [(1, "quote-error"), (3, "quote-error")]
    assert reading.recovered == [2]


def test_a_row_that_begins_where_the_file_ends_the_search_is_recovered() -> None:
    assert Reading(b'a,"b\nc,d\ne,f\n').recovered == [2, 3]


def test_an_unclosed_quote_is_known_when_the_record_passes_the_limit() -> None:
    dialect = Dialect(header=False, max_record_bytes=10)
    reading = Reading(b'a,"b\nc,d\ne,f\ng,h\n', dialect)
    assert reading.messages == ["a quote that is not closed within max_record_bytes (10), in cell 2"]
    assert reading.recovered == [2, 3]  # line 4 begins past the limit


@pytest.mark.parametrize(
    ("limit", "recovered"), [(4, []), (5, [2]), (8, [2]), (9, [2, 3]), (12, [2, 3]), (13, [2, 3, 4])]
)
def test_a_row_that_begins_where_the_limit_is_passed_is_recovered(limit: int, recovered: list[int]) -> None:
    dialect = Dialect(header=False, max_record_bytes=limit)
    assert Reading(b'a,"b\nc,d\ne,f\ng,h\nabcdefgh,ijklmnop\n', dialect).recovered == recovered


def test_a_record_of_many_good_lines_longer_than_the_limit_costs_its_first_line() -> None:
    dialect = Dialect(header=False, max_record_bytes=9)
    reading = Reading(b'"a\nb",cdefg\nc,d\n', dialect)
    assert reading.codes == [(1, "record-too-long"), (2, "quote-error")]
    assert reading.lines == [3]


# Longer than max_record_bytes.


@pytest.mark.parametrize("ending", [b"\n", b""])
def test_a_record_may_be_as_long_as_the_limit(ending: bytes) -> None:
    dialect = Dialect(header=False, max_record_bytes=4)
    assert Reading(b"ab,c" + ending, dialect).codes == []
    assert Reading(b"ab,cd" + ending, dialect).codes == [(1, "record-too-long")]


def test_the_crs_of_the_terminator_count_against_the_limit() -> None:
    dialect = Dialect(header=False, max_record_bytes=4)
    assert Reading(b"a,b\r\n", dialect).codes == []
    assert Reading(b"a,b\r\r\n", dialect).codes == [(1, "record-too-long")]


def test_an_empty_line_with_more_crs_than_the_limit_is_too_long() -> None:
    dialect = Dialect(header=False, max_record_bytes=3)
    assert Reading(b"a,b\n\r\r\r\nc,d\n", dialect).blanks == 1
    assert Reading(b"a,b\n\r\r\r\r\nc,d\n", dialect).codes == [(2, "record-too-long")]


def test_an_lf_further_than_the_limit_from_the_first_cr_does_not_count() -> None:
    dialect = Dialect(header=False, max_record_bytes=3)
    assert Reading(b"a\r\r\r\n", dialect, width=1).newline == "lf"
    assert Reading(b"a\r\r\r\r\n", dialect, width=1).newline == "cr"


def test_a_long_record_in_small_blocks_is_looked_at_a_few_times_only() -> None:
    window = Window([b"x" * 10] * 10_000)
    fills = 0
    while window.fill():
        fills += 1
    assert fills < 20


def test_a_long_rejected_line_keeps_its_beginning_its_length_and_its_digest() -> None:
    line = b"x" * 1_000_001
    place = Reading(line + b"\r\n").errors[0].location
    assert (place.length, place.raw) == (len(line), line[:RAW_LIMIT])
    assert place.sha256 == hashlib.sha256(line).hexdigest()


def test_a_line_of_50_mb_is_passed_in_bounded_memory() -> None:
    block = b"x" * 262_144
    blocks: Iterator[bytes] = chain([b"a,b\n"], repeat(block, 200), [b'",\ra\r\nb,c\n'])
    tracemalloc.start()
    batches = list(RecordReader(blocks, HEADLESS).batches(2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [error.location.length for batch in batches for error in batch.errors] == [200 * len(block) + 4]
    assert sum(batch.rows for batch in batches) == 2
    assert peak < 8_000_000


def test_a_long_run_of_records_takes_no_memory_per_record() -> None:
    data = b'"a","b"\n' * 500_000
    tracemalloc.start()
    batches = list(RecordReader([data], HEADLESS).batches(2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(batch.rows for batch in batches) == 500_000
    assert peak < 4 * len(data)


# Bytes that don't decode are an encoding-error of their record, and so is NUL.


@pytest.mark.parametrize("cell", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xe2\x82", b"a\0"])
def test_bytes_that_are_no_text_are_an_encoding_error_of_their_record(cell: bytes) -> None:
    reading = Reading(b"a,b\nc," + cell + b"\ne,f\n")
    assert reading.codes == [(2, "encoding-error")]
    assert reading.lines == [1, 3]


def test_windows_1252_leaves_five_bytes_undefined() -> None:
    dialect = Dialect(header=False, encoding="cp1252")
    reading = Reading(b"a,\x80\nb,\x81\nc,\x8d\nd,\x8f\ne,\x90\nf,\x9d\n", dialect)
    assert reading.rows == [("a", "€")]
    assert reading.codes == [(line, "encoding-error") for line in range(2, 7)]


def test_latin_1_has_text_for_every_byte_but_nul() -> None:
    dialect = Dialect(header=False, encoding="latin-1")
    cell = bytes(byte for byte in range(1, 256) if chr(byte) not in '\r\n,"')
    assert Reading(b"a," + cell, dialect).rows == [("a", cell.decode("latin-1"))]


# Too few or too many cells.


def test_too_few_and_too_many_cells_are_errors_that_count_them() -> None:
    reading = Reading(b"a\nb,c\nd,e,\n")
    assert reading.codes == [(1, "missing-cell"), (3, "extra-cell")]
    assert reading.messages == ["1 cells where 2 are due", "3 cells where 2 are due"]


def test_a_record_has_one_error_and_the_encoding_comes_before_the_width() -> None:
    assert Reading(b"\xff\n").codes == [(1, "encoding-error")]


def test_an_error_tells_how_many_rows_of_its_batch_precede_it() -> None:
    assert [error.before for error in Reading(b"x\na,b\nc,d\ny\n").errors] == [0, 2]


# Empty lines and comments.


@pytest.mark.parametrize("width", [1, 2])
def test_an_empty_line_is_a_blank_record(width: int) -> None:
    reading = Reading(b"\n\r\n" + b"a,b\n"[2 * (2 - width) :] + b"\n", width=width)
    assert (reading.blanks, reading.lines, reading.codes) == (3, [3], [])


def test_a_quoted_empty_cell_is_no_empty_line() -> None:
    reading = Reading(b'""\n', width=1)
    assert (reading.blanks, reading.text) == (0, b'""\n')


def test_a_line_of_spaces_is_no_empty_line_even_where_they_are_skipped() -> None:
    reading = Reading(b"  \n", Dialect(header=False, skip_initial_space=True), width=1)
    assert (reading.blanks, reading.text) == (0, b'""\n')


def test_a_comment_is_no_record_but_a_line() -> None:
    reading = Reading(b'# "a\na,b\n#\xff\0\n', Dialect(header=False, comment_char="#"))
    assert (reading.lines, reading.codes, reading.tally.comments) == ([2], [], 9)


def test_a_comment_character_elsewhere_than_first_is_text() -> None:
    reading = Reading(b'a,#\n"#",b\n #,c\n', Dialect(header=False, comment_char="#"))
    assert reading.lines == [1, 2, 3]


def test_a_comment_may_be_longer_than_the_limit() -> None:
    dialect = Dialect(header=False, comment_char="#", max_record_bytes=3)
    assert Reading(b"#" * 100 + b"\na,b\n", dialect).codes == []


# The choices of the dialect.


def test_without_double_quote_a_quote_closes_its_field() -> None:
    dialect = Dialect(header=False, double_quote=False)
    assert Reading(b'"a""b",c\n"d",""\n', dialect).codes == [(1, "quote-error")]


def test_an_escape_makes_the_next_character_text_within_quotes_only() -> None:
    dialect = Dialect(header=False, escape_char="\\")
    reading = Reading(b'"a\\"b\\\\",c\\\n"\\\n",d\n', dialect)
    assert reading.rows == [('a"b\\', "c\\"), ("\n", "d")]
    assert reading.lines == [1, 2]


def test_without_a_quote_character_an_escape_works_everywhere() -> None:
    dialect = Dialect(header=False, quote_char=None, escape_char="\\")
    reading = Reading(b'a\\,b,c\\\nd"\n', dialect)
    assert reading.rows == [("a,b", 'c\nd"')]


def test_an_escape_with_nothing_after_it_is_a_quote_error() -> None:
    dialect = Dialect(header=False, quote_char=None, escape_char="\\")
    assert Reading(b"a,b\\", dialect).codes == [(1, "quote-error")]


def test_without_a_quote_character_quotes_are_text() -> None:
    reading = Reading(b'"a,b\n', Dialect(header=False, quote_char=None))
    assert reading.rows == [('"a', "b")]


def test_initial_spaces_are_skipped_where_the_dialect_says_so() -> None:
    reading = Reading(b'  a,  "b"\n', Dialect(header=False, skip_initial_space=True))
    assert reading.rows == [("a", "b")]
    assert reading.places[0].raw == b'  a,  "b"'


# The header.


def header_of(data: bytes, dialect: Dialect | None = None) -> tuple[Header | None, RecordReader]:
    reader = RecordReader([data], dialect or Dialect())
    return reader.read_header(), reader


def test_the_header_is_the_first_record() -> None:
    header, reader = header_of(b'\xef\xbb\xbfa,"b\nc"\r\n1,2\r\n')
    assert header is not None
    assert header.cells == ("a", "b\nc")
    assert (header.location.line, header.location.offset, header.location.length) == (1, 3, 7)
    batches = list(reader.batches(2))
    assert batches[0].locate([0])[0].line == 3
    assert (reader.tally.bom, reader.tally.header, reader.tally.records) == (3, 9, 5)


def test_comments_before_the_header_are_passed() -> None:
    header, _ = header_of(b"# made by hand\na,b\n", Dialect(comment_char="#"))
    assert header is not None
    assert (header.cells, header.location.line) == (("a", "b"), 2)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"# nothing\n# more"])
def test_a_file_without_a_record_has_no_header(data: bytes) -> None:
    header, reader = header_of(data, Dialect(comment_char="#"))
    assert header is None
    assert list(reader.batches(1)) == []


def test_an_empty_first_line_is_a_header_without_cells() -> None:
    header, _ = header_of(b"\na,b\n")
    assert header is not None
    assert header.cells == ()


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b'a,b"\n', "quote-error", "line 1.*a quote inside an unquoted field, in cell 2"),
        (b"a,\xff\n", "encoding-error", "byte 3.*check the dialect's encoding"),
        (b"a,\0\n", "encoding-error", "NUL"),
        ("a,b\n".encode("utf-16"), "encoding-error", "save it as UTF-8"),
        (b"a" * 2_000_000, "record-too-long", "max_record_bytes"),
    ],
)
def test_a_header_that_breaks_the_grammar_refuses_the_file(data: bytes, code: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        header_of(data)
    assert error.value.code == code


# Batches.


def test_a_batch_with_nothing_in_it_is_not_given() -> None:
    blocks = [bytes([byte]) for byte in b"# a comment\na,b\n"]
    assert len(list(RecordReader(blocks, Dialect(header=False, comment_char="#")).batches(2))) == 1


def test_a_batch_is_about_a_block_of_text() -> None:
    blocks = [b"a,b\n" * 1000] * 5
    assert [batch.rows for batch in RecordReader(blocks, HEADLESS).batches(2)] == [1000] * 5


def test_a_batch_of_nothing_but_errors_is_bounded() -> None:
    batches = list(RecordReader([b"x\n" * 50_000], HEADLESS).batches(2))
    assert max(len(batch.errors) for batch in batches) < 40_000
    assert sum(len(batch.errors) for batch in batches) == 50_000


def test_what_the_errors_of_a_batch_keep_is_no_more_than_its_bytes() -> None:
    block = (b"x" * 60_000 + b"\n") * 30
    for batch in RecordReader([block] * 3, HEADLESS).batches(2):
        assert 0 < sum(len(error.location.raw) for error in batch.errors) <= len(block)


def test_a_batch_of_nothing_but_recovered_rows_is_bounded() -> None:
    data = b'"' + b",\n" * 400_000
    batches = list(RecordReader([data], Dialect(header=False, max_record_bytes=500_000)).batches(2))
    assert max(len(batch.recovered) for batch in batches) < 50_000
    assert [line for batch in batches for line in batch.recovered] == list(range(2, 250_001))


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        (b"aaaaaaaaa,bbbbbbbbbbbb\n", "utf-8"),
        (b"aaaaaaaaa,bbbbbbbbbbbb\r\n", "utf-8"),
        (b'"aaaaaaaa","b,bbbbbbb"\n', "utf-8"),
        (b'aaaaaa,"bbbbb""bbbbb"\n', "utf-8"),
        ("aaaa\U0001f600aaaaa,bbbbbbbbb€\n".encode(), "utf-8"),
        (b"aaaa\xe9aaaaa,bbbbbbbbb\n", "cp1252"),
    ],
)
def test_reading_takes_no_more_memory_than_that_of_three_batches(line: bytes, encoding: Encoding) -> None:
    size = 2_000_000

    def blocks() -> Iterator[bytes]:
        for _ in range(3):
            yield line * (size // len(line))

    tracemalloc.start()
    for batch in RecordReader(blocks(), Dialect(header=False, encoding=encoding)).batches(2):
        del batch  # so that it is not kept while the next is read
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.3 * size


def test_the_quote_of_a_batch_is_the_dialects_or_one_that_is_no_delimiter() -> None:
    quotes = {
        dialect: next(RecordReader([b"a"], dialect).batches(1)).quote
        for dialect in (
            Dialect(header=False, quote_char="'"),
            Dialect(header=False, quote_char=None),
            Dialect(header=False, quote_char=None, delimiter='"'),
        )
    }
    assert list(quotes.values()) == ["'", '"', "'"]


def test_a_long_row_is_located_with_its_digest() -> None:
    row = b"a," + b"x" * RAW_LIMIT
    place = Reading(b"a,b\n" + row + b"\n").places[1]
    assert (place.line, place.offset, place.length) == (2, 4, len(row))
    assert (place.raw, place.sha256) == (row[:RAW_LIMIT], hashlib.sha256(row).hexdigest())
