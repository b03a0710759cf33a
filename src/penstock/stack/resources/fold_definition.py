"""A state machine's definition as a template has it: what its tasks repeat stands once, for a template has room for little."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.contract.model import Contract
from penstock.stack.names import Names
from penstock.stack.resources.state_machine import (
    ANSWER,
    END,
    RELEASE,
    RUN,
    State,
    call_again,
    call_function,
    map_list,
    write_definition,
    write_part,
)


def fold_definition(names: Names, contract: Contract, *, job: bool = False) -> State:
    """Give the definition as a template's property, in which what each of its tasks repeats stands once.

    It is the largest part of a template, which may have 51,200 bytes.
    """
    folded, parts = write_definition(names, contract, job=job), dict[str, str]()
    for name, text in _repeated(names, contract):
        if folded.count(text) > 1:
            parts[name], folded = text, folded.replace(text, f"${{{name}}}")
    return {"Fn::Sub": [folded, parts]}


def _repeated(names: Names, contract: Contract) -> Iterator[tuple[str, str]]:
    """Give what stands in a definition more than once, by names that say what it is; what holds others goes first."""
    call = call_function(names, contract, {"bucket.$": "$.bucket"})
    chunks = map_list(names, contract, "chunk", "survey", "Survey")
    # A call but for what is each step's own, which stands in the midst of its payload.
    task = _write_inner({key: value for key, value in call.items() if key != "Parameters"})
    yield "Task", f'"version.$":"$.version"}}}}}},{task}'
    yield "Call", _write_inner({"Parameters": call["Parameters"]}).rstrip("}")
    own = {"ItemProcessor", "ItemReader", "ItemSelector", "Label", "MaxConcurrency"}
    yield "Map", _write_inner({key: value for key, value in chunks.items() if key not in own})
    yield "Concluded", write_part(call_again("", "", conclude="Finish")["Choices"][0])
    yield "Release", write_part(RELEASE)
    yield "Each", _write_inner({"ProcessorConfig": chunks["ItemProcessor"]["ProcessorConfig"]})
    reader = chunks["ItemReader"]
    yield "Reader", _write_inner({key: value for key, value in reader.items() if key != "Parameters"})
    yield "Lists", _write_inner({"Bucket": reader["Parameters"]["Bucket"]})
    yield "Finished", _write_inner({"Variable": f"{ANSWER}.finished"})
    yield "Object", _write_inner({name: RUN[name] for name in ("key.$", "run.$")})
    yield "End", write_part(END)


def _write_inner(part: State) -> str:
    """Write a state's keys as they stand among others."""
    return write_part(part)[1:-1]
