"""The text of a YAML or JSON file composed into the parser's nodes, within limits, and what is wrong with it in words."""

from __future__ import annotations

import json
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

MOST_NODES: Final = 250_000
"""Values that a file may have, aliases written out; 5,000 fields with all that can be said of them have fewer."""
MOST_LEVELS: Final = 60
TOO_MANY: Final = (
    f"the file has more than {MOST_NODES:,} values, those of its aliases counted wherever they stand"
)
TOO_DEEP: Final = "the file is nested too deeply"


class SyntaxProblemError(Exception):
    """The file is not what it should be, at a 1-based line."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        self.message = message
        super().__init__(message)


class _Composer(Composer):
    """A composer that gives up where a file has too much. An anchor may be given anew, as YAML 1.2 has it."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.warn_double_anchors = False
        self._nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise SyntaxProblemError(line_of(self.parser.peek_event()), TOO_MANY)
        return super().compose_node(parent, index)


def compose(text: str) -> Any:
    """Give the parser's node of a text, None where it is empty. Raises :class:`SyntaxProblemError`."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer, yaml.max_depth = _Composer, MOST_LEVELS
    try:
        return yaml.compose(text)
    except MaxDepthExceededError as error:
        mark = error.problem_mark
        raise SyntaxProblemError(mark.line + 1 if mark else 1, TOO_DEEP) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SyntaxProblemError(
            mark.line + 1 if mark else 1, f"not valid YAML: {_explain(error)}"
        ) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SyntaxProblemError(
            line,
            f"not valid YAML: the character U+{ord(text[error.position]):04X} can't stand in a text file",
        ) from error
    except RecursionError as error:
        raise SyntaxProblemError(1, TOO_DEEP) from error


_COMPLAINTS = {
    "mapping values are not allowed": 'a ":" where none can be; put a text that holds ": " in quotes, '
    "and check the indentation",
    "expected <block end>": "the indentation does not fit the lines above",
    "another document": "the file holds more than one document; a contract is a file of its own",
}


def _explain(error: MarkedYAMLError) -> str:
    """The parser's complaint, with what to do about the commonest ones."""
    problem, context = str(error.problem), str(error.context or "")
    for complaint, meaning in _COMPLAINTS.items():
        if complaint in problem:
            return meaning
    if "cannot start any token" in problem:
        character = problem.partition("'")[2].rpartition("'")[0]
        if character == "\\t":
            return "a tab can't indent or separate; use spaces"
        return f"a text that begins with {character} must be put in quotes"
    if "flow" in context:
        return "a comma or a closing bracket is missing here"
    return f"{context}: {problem}" if context else problem


def require_json(text: str) -> None:
    """Raise :class:`SyntaxProblemError` where a text is not JSON."""

    def refuse(constant: str) -> None:
        raise SyntaxProblemError(1, f"not valid JSON: {constant} is not a JSON value")

    try:
        json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise SyntaxProblemError(error.lineno, f"not valid JSON: {error.msg}") from error
    except ValueError as error:  # a number of thousands of digits
        raise SyntaxProblemError(1, f"not valid JSON: {error}") from error
    except RecursionError as error:
        raise SyntaxProblemError(1, TOO_DEEP) from error


def line_of(node: Any) -> int:
    """Give the line, from 1 on, on which a node or an event begins."""
    return int(node.start_mark.line) + 1
