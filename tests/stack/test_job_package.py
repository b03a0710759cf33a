"""What jobs in Glue install: one zip of wheels, complete, small, reproducible, and cached."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import io
import shutil
import zipfile
from pathlib import Path

import pytest

import penstock
from penstock.local.install import cache_folder
from penstock.stack.job_package import (
    GLUE,
    SCRIPT,
    JobPackage,
    build_job_package,
    digest_job_package,
    write_wheel,
)
from penstock.stack.target import aws_target
from penstock.stack.wheels import read_pins

OWN = f"penstock-{penstock.__version__}-py3-none-any.whl"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of its own with the libraries, which the user's cache keeps from one session to the next."""
    folder = tmp_path_factory.mktemp("packages")
    build_job_package(cache_folder() / "package")
    for libraries in (cache_folder() / "package").glob("job_libraries-*.zip"):
        shutil.copy(libraries, folder)
    return folder


@pytest.fixture(scope="module")
def package(cache: Path) -> JobPackage:
    return build_job_package(cache)


@pytest.fixture(scope="module")
def own(package: JobPackage) -> zipfile.ZipFile:
    with zipfile.ZipFile(package.path) as zipped:
        return zipfile.ZipFile(io.BytesIO(zipped.read(f"wheels/{OWN}")))


def test_all_wheels_lie_beside_the_list_of_what_to_install(package: JobPackage) -> None:
    assert package.path.name.endswith(".gluewheels.zip")
    with zipfile.ZipFile(package.path) as zipped:
        names = zipped.namelist()
        listed = zipped.read("wheels/requirements.txt").decode().split()
    assert {name.partition("/")[0] for name in names} == {"wheels"}
    wheels = {name.rpartition("/")[2].partition("-")[0]: name for name in names if name.endswith(".whl")}
    assert set(wheels) == {"penstock", "duckdb", "tzdata"} == {pin.partition("==")[0] for pin in listed}
    assert f"-cp{GLUE.python.replace('.', '')}-" in wheels["duckdb"]
    assert wheels["duckdb"].endswith("_x86_64.whl")


def test_the_libraries_are_of_the_functions_versions(package: JobPackage) -> None:
    with zipfile.ZipFile(package.path) as zipped:
        listed = set(zipped.read("wheels/requirements.txt").decode().split())
    assert listed - {f"penstock=={penstock.__version__}"} <= set(read_pins(aws_target()))


def test_it_is_small_and_known_without_being_built(package: JobPackage) -> None:
    assert package.path.stat().st_size < 40_000_000
    assert package.digest == digest_job_package()


def test_penstocks_wheel_holds_the_rooms_that_run_there_and_none_of_the_desk(own: zipfile.ZipFile) -> None:
    rooms = {
        name.split("/")[1].removesuffix(".py") for name in own.namelist() if name.startswith("penstock/")
    }
    assert rooms >= {"__init__", "errors", "plan", "engine", "load", "aws"}
    assert rooms.isdisjoint({"contract", "compile", "stack", "local", "cli", "console", "watch"})


def test_penstocks_wheel_is_a_wheel(own: zipfile.ZipFile) -> None:
    """Its name, its metadata, and the digest of each of its files (PyPA specifications, "Binary distribution format")."""
    about = f"penstock-{penstock.__version__}.dist-info"
    metadata = own.read(f"{about}/METADATA").decode().splitlines()
    assert metadata[:3] == ["Metadata-Version: 2.1", "Name: penstock", f"Version: {penstock.__version__}"]
    assert "Tag: py3-none-any" in own.read(f"{about}/WHEEL").decode().splitlines()
    recorded = {
        name: digest for name, digest, _ in csv.reader(own.read(f"{about}/RECORD").decode().splitlines())
    }
    assert recorded.pop(f"{about}/RECORD") == ""
    assert recorded == {
        name: f"sha256={base64.urlsafe_b64encode(hashlib.sha256(own.read(name)).digest()).decode().rstrip('=')}"
        for name in own.namelist()
        if name != f"{about}/RECORD"
    }


def test_what_it_needs_beyond_the_zip_is_not_asked_for() -> None:
    """Glue brings botocore along; a requirement of it would be looked for in an index, which is not asked."""
    _, wheel = write_wheel({"penstock/__init__.py": b""}, ("duckdb==2.0.0",))
    with zipfile.ZipFile(io.BytesIO(wheel)) as zipped:
        metadata = zipped.read(f"penstock-{penstock.__version__}.dist-info/METADATA").decode()
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist")] == [
        "Requires-Dist: duckdb==2.0.0"
    ]


def test_the_same_inputs_give_the_same_bytes(package: JobPackage, cache: Path) -> None:
    first = hashlib.sha256(package.path.read_bytes()).hexdigest()
    package.path.unlink()
    told: list[str] = []
    again = build_job_package(cache, told.append)
    assert hashlib.sha256(again.path.read_bytes()).hexdigest() == first
    assert told == []  # the libraries are there


def test_the_script_is_python_that_hands_its_arguments_on_and_never_exits() -> None:
    """To Glue a script that calls ``sys.exit`` has failed."""
    tree = ast.parse(SCRIPT)
    assert [
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    ] == ["main"]
    assert "exit" not in SCRIPT
