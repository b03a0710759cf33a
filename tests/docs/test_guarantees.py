"""What the guarantees, and the page on hostile input, name as their proof is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "guarantees.md").read_text()
HOSTILE = (ROOT / "docs" / "hostile.md").read_text()
PLACES = sorted(set(re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", TEXT + HOSTILE)))
GUARDS = sorted(
    {
        name
        for row in re.findall(r"guards? ((?:\*[^*]+\*(?:, )?)+)", TEXT)
        for name in re.findall(r"\*([^*]+)\*", row)
    }
)


@pytest.mark.parametrize(("place", "test"), PLACES)
def test_a_test_that_is_named_is_there(place: str, test: str) -> None:
    path = ROOT / place
    assert path.exists()
    assert not test or f"def {test}(" in path.read_text()


def test_guards_that_are_named_are_taken_away() -> None:
    known = set(re.findall(r'Guard\("([^"]+)"', (ROOT / "tests" / "simulation" / "guards.py").read_text()))
    assert len(GUARDS) > 10
    assert set(GUARDS) <= known
