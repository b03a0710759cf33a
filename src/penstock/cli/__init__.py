"""The commands, one file each, thin."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process, and exit with the code of how it ended."""
    from penstock.cli.app import run_process  # noqa: PLC0415 -- the library imports this package without typer

    run_process()
