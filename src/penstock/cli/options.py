"""The arguments and options that commands share, so that one word means one thing everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.errors import UsageError


def read_folder(text: str) -> Path:
    """Read an option that names a folder. An empty one, as of a shell's variable that is not set, is not the folder one is in."""
    if not text:
        raise typer.BadParameter("It is empty: name a folder.")
    return Path(text)


def read_references(named: list[str] | None) -> dict[str, Path]:
    """Read the options that name references' files."""
    found: dict[str, Path] = {}
    for text in named or []:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise UsageError(
                f"--reference {text}: name a reference and its file, as in --reference countries=countries.csv."
            )
        if name in found:
            raise UsageError(f"--reference {name} is there twice: a reference is one file.")
        found[name] = Path(path)
    return found


ContractPath = Annotated[
    Path, typer.Argument(metavar="CONTRACT", help="The contract, a YAML file.", show_default=False)
]
Files = Annotated[
    list[Path], typer.Argument(metavar="FILE", help="CSV files; .gz is unpacked.", show_default=False)
]
ChunkSize = Annotated[
    int | None,
    typer.Option(
        metavar="BYTES",
        min=1,
        help="How many bytes are judged at a time. It changes no result.",
        show_default=False,
    ),
]
References = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        metavar="NAME=FILE",
        help="The file of a reference of the contract's query. May be repeated.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Region = Annotated[str | None, typer.Option(metavar="NAME", help="The AWS region.", show_default=False)]
Profile = Annotated[
    str | None, typer.Option(metavar="NAME", help="The profile of the AWS configuration.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only look: queue nothing.")]
ProjectFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="A folder of the project; the one you are in unless said.",
        show_default=False,
    ),
]
Local = Annotated[
    bool | None,
    typer.Option(
        "--local/--aws",
        help="The embedded AWS, or AWS; the embedded one if it runs, unless said.",
        show_default=False,
    ),
]
LocalToChange = Annotated[
    bool | None,
    typer.Option(
        "--local/--aws",
        help="The embedded AWS, which must run, or AWS; AWS is changed only where it is named, here or by --region or --profile.",
        show_default=False,
    ),
]
"""Of a command that changes something: none goes to AWS because nothing runs here."""
RunId = Annotated[
    str, typer.Argument(metavar="ID", help="The run's id, from `penstock runs`.", show_default=False)
]
FeedName = Annotated[
    str | None, typer.Option("--feed", metavar="NAME", help="Only this feed.", show_default=False)
]
