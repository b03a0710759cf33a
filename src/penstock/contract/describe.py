"""The contract described for editors and for people: its JSON Schema and its reference, made from the model.

``python -m penstock.contract.describe`` writes both anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from penstock.contract.model import Contract
from penstock.contract.reference import write_reference

SCHEMA_FILE = Path(__file__).with_name("contract.schema.json")
EXAMPLE_FILE = Path(__file__).with_name("example.yaml")
REFERENCE_FILE = Path("docs/contract.md")


def contract_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a contract's file."""
    described = describe_model(Contract)
    schema = described["properties"]["schema"]
    inline = {"$ref": schema.pop("$ref")}
    by_path = {"type": "string", "pattern": "\\.json$", "description": "The path of a Table Schema's file."}
    described["properties"]["schema"] = {**schema, "anyOf": [inline, by_path]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Penstock contract",
        **described,
    }


def describe_model(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model, by its keys as they are written, without what only the library needs."""
    schema = model.model_json_schema(by_alias=True)
    schema["$defs"] = {_plain_name(name): _clean(part) for name, part in sorted(schema["$defs"].items())}
    cleaned: dict[str, Any] = _clean({key: value for key, value in schema.items() if key != "$defs"})
    return {**cleaned, "$defs": schema["$defs"]}


def contract_reference() -> str:
    """The reference of the contract, ``docs/contract.md``, as Markdown."""
    return write_reference(contract_schema(), EXAMPLE_FILE.read_text(encoding="utf-8"))


def schema_text() -> str:
    """The JSON Schema as it is shipped."""
    return json.dumps(contract_schema(), indent=2, ensure_ascii=False) + "\n"


def _plain_name(name: str) -> str:
    return name.removesuffix("Model")


def _clean(part: Any) -> Any:
    """A schema without titles, the defaults of absent and nested values, and unions with null spelled at length."""
    if isinstance(part, list):
        return [_clean(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = {**part, "$ref": "#/$defs/" + _plain_name(part["$ref"].rpartition("/")[2])}
    cleaned: dict[str, Any] = {}
    for key, value in part.items():
        if key == "properties":
            cleaned[key] = {name: _clean(inner) for name, inner in value.items()}
        elif key == "description":
            cleaned[key] = " ".join(value.split())
        elif key not in {"title", "default"} or (
            key == "default" and value not in (None, [], {}) and not _is_part(value)
        ):
            cleaned[key] = _clean(value) if key != "default" else value
    return _merge_null(cleaned)


def _is_part(default: Any) -> bool:
    return isinstance(default, dict)


def _merge_null(schema: dict[str, Any]) -> dict[str, Any]:
    branches = schema.get("anyOf")
    if not isinstance(branches, list) or len(branches) != 2 or branches[1] != {"type": "null"}:
        return schema
    first = branches[0]
    if "type" not in first or "enum" in first:
        return schema
    types = first["type"] if isinstance(first["type"], list) else [first["type"]]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**rest, **first, "type": [*types, "null"]}


def main(root: Path) -> None:
    """Write the JSON Schema into the package and the reference into the repository at ``root``."""
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    reference = root / REFERENCE_FILE
    reference.parent.mkdir(exist_ok=True)
    reference.write_text(contract_reference(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(*sys.argv[1:]))
