from pathlib import Path

from penstock import verdicts

DOCUMENT = Path(__file__).parent.parent / "docs" / "verdicts.md"


def test_every_code_has_a_meaning() -> None:
    codes = {value for name, value in vars(verdicts).items() if name.isupper() and isinstance(value, str)}
    assert codes == set(verdicts.MEANINGS)


def test_the_document_says_what_the_code_says() -> None:
    lines = DOCUMENT.read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `") and "-" in line.split("`")[1]]
    assert rows == [f"| `{code}` | {meaning} |" for code, meaning in verdicts.MEANINGS.items()]
