"""The files that are loaded, made when they are first asked for and kept in a cache folder.

``lineitem`` is TPC-H's largest table, by tpchgen-cli; larger sizes are one file's beginnings. The others are made from
it, or from the runways that come with Penstock, a real file with quotes, gaps and mistakes in it.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from bench.measure import ROOT, BenchError, Say

BYTES_PER_SCALE: Final = 748_500_000
"""How large lineitem is as CSV at TPC-H's scale factor 1."""
RUNWAYS: Final = ROOT / "src/penstock/examples/ourairports"
_COPY_BYTES: Final = 1 << 22


@dataclass(frozen=True)
class Data:
    """The cache of files. Each method gives a path; every file has a header."""

    folder: Path
    say: Say

    def lineitem(self, scale: float) -> Path:
        """Give the whole table at a scale factor: 6,000,000 rows and 750 MB at 1."""
        path = self.folder / f"lineitem-{scale:g}.csv"
        if not path.exists():
            self.say(f"  making lineitem at scale {scale:g}")
            scratch = self.folder / f".lineitem-{scale:g}"
            tool = Path(sys.executable).with_name("tpchgen-cli")
            command = [str(tool), "csv", "--quiet", "-s", f"{scale:g}", "--tables", "lineitem"]
            subprocess.run([*command, "--overwrite", "--output-dir", str(scratch)], check=True)
            (scratch / "lineitem.csv").rename(path)
            shutil.rmtree(scratch)
        return path

    def beginning(self, megabytes: int, largest: int) -> Path:
        """Give the first so many MB (10⁶ bytes) of a table of at least ``largest``, cut between two records."""
        whole = self.lineitem(round(largest * 1e6 * 1.01 / BYTES_PER_SCALE, 3))
        path = self.folder / f"lineitem-{megabytes}MB.csv"
        if not path.exists():
            left = megabytes * 1_000_000
            with whole.open("rb") as source, _whole(path) as scratch, scratch.open("wb") as target:
                left -= _copy(source, target, left)
                if left > 0:
                    raise BenchError(f"{whole.name} is smaller than {megabytes} MB")
                target.write(source.readline())  # no field of this table has a newline in it
        return path

    def head(self, file: Path, rows: int) -> Path:
        """Give the first rows of a file whose fields have no newlines in them."""
        path = file.with_name(f"{file.stem}-{rows}rows.csv")
        if not path.exists():
            with file.open("rb") as source, _whole(path) as scratch, scratch.open("wb") as target:
                for _, line in zip(range(rows + 1), source, strict=False):
                    target.write(line)
        return path

    def pieces(self, file: Path, rows: int, count: int) -> list[Path]:
        """Give so many files of so many rows each, from the beginning of one whose fields have no newlines in them."""
        paths = []
        with file.open("rb") as source:
            header = source.readline()
            for number in range(count):
                path = file.with_name(f"{file.stem}-{rows}rows-{number:03d}.csv")
                path.write_bytes(header + b"".join(source.readline() for _ in range(rows)))
                paths.append(path)
        return paths

    def repeated(self, file: Path, share: float) -> Path:
        """Give a file whose first rows, a share of them, come again at its end."""
        path = file.with_name(f"{file.stem}-repeated{share:g}.csv")
        if not path.exists():
            with _whole(path) as scratch, scratch.open("wb") as target, file.open("rb") as source:
                _copy(source, target, file.stat().st_size)
                source.seek(0)
                source.readline()
                left = int((file.stat().st_size - source.tell()) * share)
                while left > 0 and (line := source.readline()):
                    target.write(line)
                    left -= len(line)
        return path

    def quoted(self, file: Path, *, every: bool) -> Path:
        """Give a file with every field quoted or none: commas in its texts are made semicolons in both."""
        path = file.with_name(f"{file.stem}-{'quoted' if every else 'plain'}.csv")
        if not path.exists():
            self.say(f"  making {path.name}")
            with (
                file.open(newline="", encoding="utf-8") as source,
                _whole(path) as scratch,
                scratch.open("w", newline="", encoding="utf-8") as target,
            ):
                writer = csv.writer(
                    target, quoting=csv.QUOTE_ALL if every else csv.QUOTE_NONE, lineterminator="\n"
                )
                writer.writerows([cell.replace(",", ";") for cell in row] for row in csv.reader(source))
        return path

    def long_line(self, megabytes: int, file: Path) -> Path:
        """Give a file of a few good rows and, among them, one line of so many MB."""
        path = self.folder / f"long-line-{megabytes}MB.csv"
        if not path.exists():
            with file.open("rb") as source, _whole(path) as scratch, scratch.open("wb") as target:
                for _ in range(11):
                    target.write(source.readline())
                for _ in range(megabytes):
                    target.write(b"x" * 1_000_000)
                target.write(b"\n")
                for _ in range(10):
                    target.write(source.readline())
        return path

    def wide(self, columns: int, rows: int) -> Path:
        """Give a file of many columns, named c0, c1, ...: the first a unique number, then numbers and texts in turn."""
        path = self.folder / f"wide-{columns}x{rows}.csv"
        if not path.exists():
            with _whole(path) as scratch, scratch.open("w", encoding="ascii") as target:
                target.write(",".join(f"c{column}" for column in range(columns)) + "\n")
                for row in range(rows):
                    cells = (
                        f"t{(row * column) % 997}" if column % 2 else f"{row + column}"
                        for column in range(columns)
                    )
                    target.write(",".join(cells) + "\n")
        return path

    def runways(self, times: int) -> Path:
        """Give the world's runways so many times over, with new numbers each time so that no key is repeated."""
        path = self.folder / f"runways-x{times}.csv"
        if not path.exists():
            packed = RUNWAYS / "data/runways-2026-01-03.csv.gz"
            lines = gzip.decompress(packed.read_bytes()).splitlines(keepends=True)
            with _whole(path) as scratch, scratch.open("wb") as target:
                target.write(lines[0])
                target.writelines(_renumber(lines[1:], times))
        return path

    def remove(self, *paths: Path) -> None:
        """Delete files that are large and quickly made again."""
        for path in paths:
            path.unlink(missing_ok=True)


def _renumber(lines: Iterable[bytes], times: int) -> Iterator[bytes]:
    cut = [line.partition(b",") for line in lines]
    for turn in range(times):
        for number, comma, rest in cut:
            yield b"%d%b%b" % (int(number) + turn * 1_000_000, comma, rest)


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> int:
    """Copy so many bytes, or all that there are; give how many those were."""
    copied = 0
    while copied < size and (piece := source.read(min(size - copied, _COPY_BYTES))):
        copied += target.write(piece)
    return copied


class _whole:  # noqa: N801 -- used as a function
    """Give a path to write to that takes its name when it is whole, or never."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scratch = path.with_name(f".{path.name}.part")

    def __enter__(self) -> Path:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._path.parent).free < 8_000_000_000:
            raise BenchError(f"less than 8 GB are free in {self._path.parent}, and the large files need them")
        return self._scratch

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._scratch.rename(self._path)
        else:
            self._scratch.unlink(missing_ok=True)


def count_rows(file: Path) -> int:
    """Count a file's rows, without the header, where no field has a newline in it."""
    with file.open("rb") as source:
        lines = 0
        while piece := source.read(_COPY_BYTES):
            lines += piece.count(b"\n")
    return lines - 1
