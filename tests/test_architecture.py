"""Imports go one way: each room may import only what the map allows."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "penstock"

MAY_IMPORT = {
    "errors": set(),
    "verdicts": set(),
    "metrics": set(),
    "figures": set(),
    "plan": {"verdicts", "errors"},
    "contract": {"errors", "verdicts"},
    "compile": {"contract", "engine", "plan", "errors", "verdicts"},
    "engine": {"plan", "errors", "verdicts"},
    "load": {"engine", "plan", "errors", "verdicts"},
    "aws": {"load", "engine", "plan", "errors", "verdicts", "metrics"},
    "spark": {"aws", "load", "engine", "plan", "errors", "metrics", "verdicts"},
    "stack": {"contract", "compile", "plan", "errors", "metrics", "verdicts"},
    "watch": {"stack", "aws", "contract", "errors", "metrics", "verdicts", "figures"},
    "console": {"watch", "stack", "aws", "load", "engine", "contract", "errors", "verdicts", "figures"},
    "local": {"watch", "stack", "aws", "engine", "contract", "errors"},
}
"""What each room may import of Penstock besides itself. The rooms not named here (the commands and the public
interface) may import everything and be imported by nobody."""

LAMBDA_ROOMS = ("errors", "verdicts", "metrics", "plan", "engine", "load", "aws")
NOT_IN_LAMBDA = {"pydantic", "ruamel", "sqlglot", "typer", "rich", "boto3"}


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    package = ".".join(("penstock", *path.relative_to(SOURCE).parent.parts))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute in {package}"
            assert node.module is not None
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _files(room: str) -> list[Path]:
    single = SOURCE / f"{room}.py"
    return [single] if single.exists() else sorted((SOURCE / room).rglob("*.py"))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_the_map_allows(room: str) -> None:
    files = _files(room)
    assert files, f"no such room: {room}"
    for path in files:
        rooms = {_room(name) for name in _imports(path) if name.startswith("penstock.")}
        assert rooms <= MAY_IMPORT[room] | {room}, f"{path.relative_to(SOURCE)} imports {sorted(rooms)}"


@pytest.mark.parametrize("room", LAMBDA_ROOMS)
def test_the_function_carries_no_desk_side_library(room: str) -> None:
    for path in _files(room):
        tops = {name.split(".")[0] for name in _imports(path)}
        assert not tops & NOT_IN_LAMBDA, path


def test_the_sweep_starts_without_the_engine() -> None:
    program = "import sys, penstock.aws.sweep.handler; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"duckdb", "penstock.engine"} & set(done.stdout.split())


def test_the_loader_starts_without_what_only_the_sweep_needs() -> None:
    program = "import sys, penstock.aws.handler; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"zoneinfo", "penstock.aws.sweep"} & set(done.stdout.split())


def test_nothing_but_spark_needs_what_spark_needs() -> None:
    extra = {"pyspark", "py4j", "pyarrow", "pandas"}
    for path in SOURCE.rglob("*.py"):
        tops = {name.split(".")[0] for name in _imports(path)}
        assert path.is_relative_to(SOURCE / "spark") or not tops & extra, path


def test_imports_make_no_cycle() -> None:
    edges: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        relative = path.relative_to(SOURCE.parent).with_suffix("")
        name = ".".join(relative.parts).removesuffix(".__init__")
        edges[name] = _imports(path)
    graph = {
        name: {
            target
            for imported in imports
            for target in (imported, imported.rpartition(".")[0])
            if target in edges and target != name and not name.startswith(f"{target}.")
        }
        for name, imports in edges.items()
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for target in graph[name]:
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())
