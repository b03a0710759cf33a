"""What of an error is told to whoever called the functions."""

import io
import json
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from penstock.aws import handler
from penstock.aws.function_errors import DefectError, explain_function_error
from penstock.aws.log import Log
from penstock.aws.sweep import handler as sweep_handler
from penstock.errors import UsageError


class Context:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def call(module: ModuleType, error: Exception, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Call a function whose work ends in an error, and give the log."""
    stream = io.StringIO()
    log = Log(stream, lambda: 0.0)
    sweeper = SimpleNamespace(ledger=SimpleNamespace(clock=lambda: 0.0))
    started = (None, log) if module is handler else (sweeper, None, None, log)

    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(module, "_start", cache(lambda: started))
    monkeypatch.setattr(module, "respond", fail)
    with pytest.raises(type(error) if isinstance(error, UsageError) else DefectError) as caught:
        module.handle({}, Context())
    assert "4111-1111" not in str(caught.value)
    assert caught.value.__cause__ is None
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("module", [handler, sweep_handler], ids=["loader", "sweep"])
def test_what_an_unexpected_error_says_stays_inside_and_where_it_was_is_logged(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = call(module, ValueError("no such card: 4111-1111"), monkeypatch)[-1]
    assert (line["event"], line["kind"], line["request_id"]) == ("defect", "ValueError", "request-1")
    assert line["places"][-1].endswith(" fail")
    assert "4111" not in json.dumps(line)


def test_an_error_of_our_own_goes_out_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "defect" not in {line["event"] for line in call(handler, UsageError("deploy it"), monkeypatch)}


def test_a_defect_is_explained_by_its_own_words() -> None:
    assert explain_function_error("DefectError", "The function stopped with ValueError") == (
        "The function stopped with ValueError"
    )
    assert "4111" not in explain_function_error("ValueError", "no such card: 4111-1111")
