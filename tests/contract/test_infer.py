"""Contracts proposed from samples: what is found, what is left unsure, and that they always read back."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from penstock.contract.guess import guess_column
from penstock.contract.infer import propose_contract
from penstock.contract.model import Contract, FieldModel
from penstock.contract.read import read_contract
from penstock.errors import UsageError

ORDERS = """\
order_id,customer,ordered_at,quantity,unit price,status,zip,paid,note
ORD-1,C7,31/01/2024 10:05:00,2,1.50,NEW,01067,yes,
ORD-2,C7,01/02/2024 11:00:00,NA,20,PAID,10115,no,"a, ""b"" c"
ORD-3,C9,01/02/2024 12:30:00,1,3,PAID,80331,yes,
"""


def propose(data: str | bytes, file: str = "orders.csv", name: str | None = None) -> tuple[str, Contract]:
    """The proposal for a sample, and the contract that it reads back as."""
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / file
        sample.write_bytes(data if isinstance(data, bytes) else data.encode())
        text = propose_contract(sample, name)
        written = Path(folder) / "proposal.yaml"
        written.write_text(text, encoding="utf-8")
        return text, read_contract(written)


def fields(contract: Contract) -> dict[str, FieldModel]:
    return {field.name: field for field in contract.schema_.fields}


def test_types_formats_and_missing_values_are_found() -> None:
    found = fields(propose(ORDERS)[1])
    assert {name: field.type for name, field in found.items()} == {
        "order_id": "string",
        "customer": "string",
        "ordered_at": "datetime",
        "quantity": "integer",
        "unit price": "number",
        "status": "string",
        "zip": "string",
        "paid": "boolean",
        "note": "string",
    }
    assert found["ordered_at"].format == "%d/%m/%Y %H:%M:%S"
    assert found["quantity"].missing_values == ("", "NA")
    assert (found["paid"].true_values, found["paid"].false_values) == (("yes",), ("no",))


def test_a_column_that_is_never_empty_is_required() -> None:
    found = fields(propose(ORDERS)[1])
    assert found["customer"].constraints.required
    assert not found["note"].constraints.required
    assert not found["quantity"].constraints.required


def test_the_key_is_the_column_that_is_unique_and_called_so() -> None:
    assert propose("name,code,n\na,x,1\nb,y,2\nc,z,3\n")[1].load.partition_key == "code"


def test_a_pair_of_columns_is_the_key_where_no_column_is() -> None:
    text, contract = propose("order,line\nA,1\nA,2\nB,1\n")
    assert {contract.load.partition_key, contract.load.sort_key} == {"order", "line"}
    assert "# unsure: no column, but this pair has no values twice" in text


def test_without_any_unique_pair_the_key_is_said_to_be_unsure() -> None:
    text, contract = propose("a,b\n1,1\n1,1\n2,1\n")
    assert contract.load.partition_key == "a"
    assert "# unsure: no column or pair of columns is different in every record" in text


def test_a_column_that_can_be_no_key_becomes_a_string_for_it() -> None:
    text, contract = propose("open\ntrue\nfalse\ntrue\n")
    assert contract.schema_.fields[0].type == "string"
    assert "its values look like type boolean, which can't be a key" in text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    assert propose(ORDERS.replace(",", delimiter))[1].source.dialect.delimiter == delimiter


@pytest.mark.parametrize(
    ("encoded", "encoding"),
    [("id,name\n1,Zoë\n".encode(), "utf-8"), (b"\xef\xbb\xbfid,name\n1,x\n", "utf-8"),
     ("id,name\n1,Zoë \u2013 €\n".encode("cp1252"), "cp1252"), (b"id,name\n1,\x81\xe9\n", "latin-1")],
)  # fmt: skip
def test_the_encoding_is_found(encoded: bytes, encoding: str) -> None:
    text, contract = propose(encoded)
    assert contract.source.dialect.encoding == encoding
    assert contract.schema_.fields[0].name == "id"
    assert ("# unsure: the encoding" in text) == (encoding != "utf-8")


def test_a_file_without_header_gets_names_for_its_columns() -> None:
    text, contract = propose("1,a\n2,b\n")
    assert not contract.source.dialect.header
    assert [field.name for field in contract.schema_.fields] == ["column_1", "column_2"]
    assert "# unsure: the first record looks like data" in text


def test_a_gzipped_sample_is_read_and_its_suffix_kept() -> None:
    contract = propose(gzip.compress(ORDERS.encode()), "orders_2024-01-31.csv.gz")[1]
    assert (contract.name, contract.source.suffix) == ("orders", ".csv.gz")


def test_names_that_differ_in_case_make_the_header_case_sensitive() -> None:
    assert propose("id,ID\n1,2\n3,4\n")[1].source.dialect.case_sensitive_header


def test_a_column_without_a_name_gets_one_and_is_said() -> None:
    text, contract = propose("id,,x\n1,a,b\n")
    assert [field.name for field in contract.schema_.fields] == ["id", "column_2", "x"]
    assert "# unsure: the header has no name here; a file with such a header is refused" in text


def test_records_of_another_width_are_counted_and_left_out() -> None:
    text, contract = propose("id,n\n1,2\n2\n3,4\n4,5\n")
    assert "# unsure: 1 of 4 records have not 2 cells; they would be rejected" in text
    assert fields(contract)["n"].type == "integer"


def test_a_sample_of_only_a_header_makes_strings() -> None:
    text, contract = propose("id,name\n")
    assert [field.type for field in contract.schema_.fields] == ["string", "string"]
    assert text.count("# unsure: the sample has no value here") == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\xff\xfei\0d\0", "is UTF-16"),
        (b"id\0,x\n", "holds NUL bytes"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "not a whole gzip file"),
    ],
)
def test_what_is_no_sample_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        propose(data)


def test_a_name_that_is_no_feeds_name_is_refused() -> None:
    with pytest.raises(UsageError, match="a feed's name is lowercase"):
        propose(ORDERS, name="My Orders")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Orders 2024.csv", "orders-2024"),
        ("runways-2025-12-07.csv.gz", "runways"),
        ("01_x.txt", "x"),
        ("é.csv", "feed"),
    ],
)
def test_a_feed_is_named_after_its_file(file: str, name: str) -> None:
    assert propose(ORDERS, file)[1].name == name


@pytest.mark.parametrize(
    ("values", "kind", "properties"),
    [
        (["1", "-2", "+3"], "integer", {}),
        (["1", "2.5", ".5", "1e3"], "number", {}),
        (["1,234", "1,234,567.5"], "number", {"groupChar": ","}),
        (["1,234,567", "12"], "integer", {"groupChar": ","}),
        (["1,5", "22,75"], "number", {"decimalChar": ","}),
        (["1.234,5", "7,25"], "number", {"decimalChar": ",", "groupChar": "."}),
        (["true", "FALSE"], "boolean", {}),
        (["Y", "N"], "boolean", {"trueValues": ["Y"], "falseValues": ["N"]}),
        (["2024-02-29", "2023-01-01"], "date", {}),
        (["2023-02-29"], "string", {}),
        (["31/01/2024", "01/02/2024"], "date", {"format": "%d/%m/%Y"}),
        (["01/31/2024", "2/1/2024"], "date", {"format": "%m/%d/%Y"}),
        (["5 Jan 2024"], "date", {"format": "%d %b %Y"}),
        (["2024-01-31T10:00:00Z", "2024-01-31T10:00:00.5+01:00"], "datetime", {}),
        (["2024-01-31 10:00", "2024-02-01 09:30"], "datetime", {"format": "%Y-%m-%d %H:%M"}),
        (["10:00:00"], "time", {}),
        (["10:00"], "time", {"format": "%H:%M"}),
        (['{"a": 1}', "{}"], "object", {}),
        (["[1, 2]"], "array", {}),
        (["{a}", "{}"], "string", {}),
        (["02", "11"], "string", {}),
        (["+4930901820", "+4989235000"], "string", {}),
        (["1" * 39], "string", {}),
        (["1", "x"], "string", {}),
        (["1_000"], "string", {}),
        (["infinity", "nan1"], "string", {}),
    ],
)
def test_a_type_is_one_that_every_value_matches(
    values: list[str], kind: str, properties: dict[str, Any]
) -> None:
    guess = guess_column("x", values).guess
    assert (guess.type, guess.properties) == (kind, properties)


@pytest.mark.parametrize(
    ("name", "values", "doubt"),
    [
        ("x", ["02", "11"], "leading zeros"),
        ("phone", ["301234", "305678"], "not numbers to reckon with"),
        ("x", ["0", "1"], "a boolean?"),
        ("x", ["1,234", "5,678"], "a thousand or a fraction"),
        ("x", ["01/02/2024"], "could also be %m/%d/%Y"),
        ("x", ["a", "NA"], '"NA" may be a missing value'),
        ("x", ["1", "NA"], '"NA" is taken as a missing value'),
        ("x", ["new", "paid"] * 10, 'enum: ["new", "paid"]'),
        ("x", ["a@example.org"], "format: email"),
        ("birth_date", ["2024-01-01"], "sensitive: true"),
        ("x", ["", ""], "no value here"),
    ],
)
def test_what_could_be_otherwise_is_said(name: str, values: list[str], doubt: str) -> None:
    assert any(doubt in said for said in guess_column(name, values).guess.unsure)


CELLS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from(["", "NA", "true", "no", "0", "007", "1.5", "1,5", "2024-01-31", "31/01/2024 10:00", "{}", "[1]", "#!", ": ", "- x", "{a}"]),
    st.integers().map(str),
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(
    st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6)),
    st.sampled_from([",", ";", "\t"]),
)  # fmt: skip
def test_every_proposal_reads_back_without_problems(records: list[list[str]], delimiter: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows(records)
    text = file.getvalue()
    # A sample whose only record is an empty line has nothing to make a contract from.
    assume(
        any(line and line != [""] for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    )
    assume(text.strip() and "\0" not in text)
    assert propose(text)[1].schema_.fields


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_as_a_wrong_call(data: bytes) -> None:
    try:
        propose(data)
    except UsageError:
        return
