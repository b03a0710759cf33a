"""Files that are made to overwhelm who reads them: each gets its verdict, in bounded memory."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_memory import Items, Loaded, Memory, Rejects, compile_things

from penstock.errors import DataError
from penstock.load.blocks import cut_blocks, unpack_gzip
from penstock.load.files import FileSource
from penstock.load.report import Report
from penstock.load.run import run_object

Load = Callable[..., Loaded]
FIELDS: list[Any] = [
    "id",
    {"name": "n", "type": "integer"},
    {"name": "x", "type": "number"},
    {"name": "o", "type": "object"},
]
HEADER = "id,n,x,o\n"


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        (f"a,{'9' * 900_000},,", ["type-error"]),
        (f"a,,0.{'1' * 900_000},", ["type-error"]),
        ("a,,1e999999999,", ["type-error"]),
        ("a,,1e-999999999,", ["type-error"]),
        ('a,,,"' + '{""a"":' * 100_000 + "1" + "}" * 100_000 + '"', ["type-error"]),
        ('a,,,"{""a"":' + "9" * 500_000 + '}"', ["item-error"]),
        ('a,,,"{""a"":1e99999999}"', ["item-error"]),
        ("a" * 990_000 + ",,,", ["key-error"]),
        ("a" * 1_100_000 + ",,,", ["record-too-long"]),
        ("," * 999_000, ["extra-cell"]),
        ('"' + "\n" * 900_000 + '",,,', ["key-error"]),
        ("a,,,\0", ["encoding-error"]),
        ("a,,,\r" + "\r" * 500_000 + "b", ["quote-error"]),
    ],
    ids=["digits", "places", "large", "small", "deep", "long", "exponent", "key", "line", "commas", "newlines", "nul", "crs"],
)  # fmt: skip
def test_one_record_that_is_too_much_is_rejected_and_the_next_is_loaded(
    load: Load, lines: str, codes: list[str]
) -> None:
    found = load(FIELDS, f"{HEADER}{lines}\nb,1,1,\n")
    assert [error.code for reject in found.rejects for error in reject.errors] == codes
    assert [item["id"] for item in found.items] == [{"S": "b"}]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("a" * 2_000_000, "record-too-long"),
        ("," * 300_000, "extra-label"),
        (",".join(f"c{n}" for n in range(10_000)), "extra-label"),
        ("id," + "z" * 900_000, "incorrect-label"),
        ("\0" * 2_000_000, "record-too-long"),
        ('"' + "\n" * 1_200_000, "quote-error"),
        ("id,n,x,o,\0", "encoding-error"),
    ],
)
def test_a_header_that_is_too_much_refuses_the_file_in_few_words(load: Load, header: str, code: str) -> None:
    report = load(FIELDS, f"{header}\na,1,1,\n").report
    assert (report.status, report.code) == ("rejected", code)
    assert len(report.reason or "") < 400


@pytest.mark.parametrize(
    "key", ["a\0b.csv", "'); DROP TABLE keys; --.csv", "../../x.csv", "é" * 512, "\x1b[2J\n.csv"]
)
def test_the_key_of_an_object_is_text_and_nothing_else(tmp_path: Path, key: str) -> None:
    memory = Memory(b"id\na\n")
    memory.key = key
    plan = compile_things(tmp_path, ["id"], transform={"set": {"from": "source.key"}})
    report = run_object(plan, memory, Items(memory), Rejects(memory), tmp_path)
    assert isinstance(report, Report)
    assert report.counts.loaded == 1
    assert json.loads(memory.writes[0].body)["from"] == {"S": key}
    assert {path.name for path in tmp_path.iterdir()} == {"contract.yaml"}


def test_a_file_packed_twice_is_refused_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(gzip.compress(bytes(1 << 20))))
    memory = Memory(b"")
    plan = compile_things(tmp_path, ["id"])
    report = run_object(plan, FileSource(path), Items(memory), Rejects(memory), tmp_path)
    assert isinstance(report, Report)
    assert report.status == "rejected"
    assert "packed by gzip" in str(report.reason)


@pytest.mark.parametrize("member", [b"", b"\n"])
def test_a_file_of_very_many_packed_members_is_refused(member: bytes) -> None:
    packed = gzip.compress(member) * 20_000
    with pytest.raises(DataError, match=r"more than 10,000 parts of less than 16 bytes") as caught:
        list(unpack_gzip([packed[at : at + 65_536] for at in range(0, len(packed), 65_536)], "x.gz"))
    assert caught.value.code == "source-error"
    assert len(list(unpack_gzip([gzip.compress(member) * 10_000], "x.gz"))) == len(member)


def test_many_small_members_are_unpacked_in_little_more_memory_than_a_block() -> None:
    row = b"2026-01-01,a,1\n\n"
    packed = gzip.compress(row) * 50_000
    pieces = [packed[at : at + 65_536] for at in range(0, len(packed), 65_536)]
    tracemalloc.start()
    try:
        total = sum(len(block) for block in cut_blocks(unpack_gzip(pieces, "x.gz"), 1 << 20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 50_000 * len(row)
    assert peak < 4 << 20


OVERWHELM = """
import gzip, json, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from run_memory import Items, Memory, compile_things
from penstock.load.files import FileSource
from penstock.load.run import run_object

class Nothing:
    def write(self, rejects): pass

folder = Path(tempfile.mkdtemp())
plan = compile_things(folder, ["id", "n"])
found = {}
for name, head, piece, times in [
    ("line", b"id,n\\n", b"x" * 100_000, 500),
    ("nuls", b"id,n\\n", bytes(100_000), 500),
    ("quote", b'id,n\\na,"', b"\\n" * 100_000, 20),
    ("blanks", b"id,n\\n", b"\\n" * 100_000, 20),
    ("crs", b"id,n\\n", b"\\r" * 100_000, 200),
    ("commas", b"id,n\\n", b"," * 100_000, 12),
    ("zeros.gz", b"id,n\\n", bytes(100_000), 500),
    ("newlines.gz", b"id,n\\n", b"\\n" * 100_000, 500),
]:
    with (gzip.open(folder / name, "wb", 9) if name.endswith(".gz") else open(folder / name, "wb")) as file:
        file.write(head)
        for _ in range(times):
            file.write(piece)
    report = run_object(plan, FileSource(folder / name), Items(Memory(b"")), Nothing(), folder)
    found[name] = [report.status, report.code]
[peak] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps({"found": found, "peak": int(peak.split()[1]) // 1024}))
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells how much memory was used"
)
def test_the_memory_does_not_follow_what_a_file_piles_up(tmp_path: Path) -> None:
    doubles = Path(__file__).parents[1] / "doubles"
    done = subprocess.run(
        [sys.executable, "-c", OVERWHELM, doubles], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    told = json.loads(done.stdout)
    assert told["found"] == {
        "line": ["rejected", "nothing-loaded"],
        "nuls": ["rejected", "nothing-loaded"],
        "quote": ["rejected", "nothing-loaded"],
        "blanks": ["done", None],
        "crs": ["rejected", "nothing-loaded"],
        "commas": ["rejected", "nothing-loaded"],
        "zeros.gz": ["rejected", "source-error"],
        "newlines.gz": ["rejected", "source-error"],
    }
    assert told["peak"] < 300
