"""The function's package: complete, small, reproducible, and cached."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from penstock.errors import ServiceError, UsageError
from penstock.local.install import cache_folder
from penstock.stack import package as package_module
from penstock.stack.archive import KEPT_PACKAGES
from penstock.stack.package import Package, build_package
from penstock.stack.target import aws_target, emulated_target
from penstock.stack.wheels import read_pins

ROOT = Path(__file__).parents[2]
PLANS = {"orders": '{"name":"orders"}'}
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of its own with the libraries of both targets, which the user's cache keeps from one session to the next."""
    folder = tmp_path_factory.mktemp("packages")
    for target in (emulated_target(), aws_target("arm64")):
        build_package(PLANS, target, cache_folder() / "package")
    for libraries in (cache_folder() / "package").glob("libraries-*.zip"):
        shutil.copy(libraries, folder)
    return folder


@pytest.fixture(scope="module")
def package(cache: Path) -> Package:
    return build_package(PLANS, emulated_target(), cache)


@pytest.fixture(scope="module")
def unpacked(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(package.path) as zipped:
        zipped.extractall(folder)
    return folder


def _run(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the package on the path and nothing else: no site-packages, no environment."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{program}"],
        capture_output=True,
        text=True,
        check=False,
        env={"AWS_DEFAULT_REGION": "eu-central-1"},
    )


@pytest.mark.parametrize("handler", ["handler", "sweep.handler"])
def test_the_handlers_import_with_nothing_else_on_the_path(unpacked: Path, handler: str) -> None:
    done = _run(unpacked, f"import penstock.aws.{handler} as h; print(h.__file__, callable(h.handle))")
    assert done.stderr == ""
    assert done.stdout.strip() == f"{unpacked}/penstock/aws/{handler.replace('.', '/')}.py True"


def test_the_package_brings_the_time_zones_along(unpacked: Path) -> None:
    program = "import zoneinfo; zoneinfo.reset_tzpath(()); print(zoneinfo.ZoneInfo('Europe/Berlin'))"
    assert _run(unpacked, program).stdout == "Europe/Berlin\n"


def test_every_client_that_the_function_needs_can_be_made(unpacked: Path) -> None:
    program = (
        "import botocore.session\nsession = botocore.session.Session()\n"
        "for service in ('dynamodb', 'lambda', 's3', 'sns', 'sqs', 'sts'):\n"
        "    session.create_client(service, region_name='eu-central-1').meta.endpoint_url\n"
        "session.create_client('s3', region_name='eu-central-1').get_paginator('list_objects_v2')\n"
    )
    assert _run(unpacked, program).stderr == ""


def test_the_package_holds_no_desk_side_code_or_library(unpacked: Path) -> None:
    rooms = {path.name for path in (unpacked / "penstock").iterdir()}
    assert rooms.isdisjoint({"contract", "compile", "stack", "local", "cli", "spark"})
    assert not [
        name for name in ("boto3", "numpy", "pydantic", "sqlglot", "ruamel") if (unpacked / name).exists()
    ]


def test_the_package_holds_the_plans_and_the_licences(unpacked: Path) -> None:
    assert (unpacked / "plans" / "orders.json").read_text() == PLANS["orders"]
    assert list(unpacked.glob("botocore-*.dist-info/**/LICENSE*"))


def test_the_package_is_well_under_lambdas_limits(package: Package) -> None:
    assert package.zipped < 40 * MEGABYTE
    assert package.unzipped < 130 * MEGABYTE


def test_the_package_for_aws_is_for_its_processor_and_python(cache: Path) -> None:
    package = build_package(PLANS, aws_target("arm64"), cache)
    assert package.zipped < 40 * MEGABYTE
    with zipfile.ZipFile(package.path) as zipped:
        names = zipped.namelist()
        header = zipped.read(
            next(name for name in names if name.startswith("_duckdb") and name.endswith(".so"))
        )[:20]
    assert header[:4] == b"\x7fELF"
    assert int.from_bytes(header[18:20], "little") == 183  # EM_AARCH64, in the ELF specification
    assert not [name for name in names if name.startswith(("awslambdaric", "bootstrap"))]
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_embedded_aws_finds_every_module_compiled(unpacked: Path) -> None:
    assert [path for path in unpacked.rglob("*.py") if not Path(cache_from_source(path)).exists()] == []
    done = _run(
        unpacked, "from penstock.aws.handler import handle\nprint(handle.__code__.co_filename, end='')"
    )
    assert done.stdout == str(unpacked / "penstock/aws/handler.py"), done.stderr


def test_the_same_inputs_give_the_same_bytes(package: Package, cache: Path) -> None:
    first = hashlib.sha256(package.path.read_bytes()).hexdigest()
    package.path.unlink()
    again = build_package(PLANS, emulated_target(), cache)
    assert hashlib.sha256(again.path.read_bytes()).hexdigest() == first


def test_a_second_build_packs_nothing(package: Package, cache: Path) -> None:
    told: list[str] = []
    assert build_package(PLANS, emulated_target(), cache, told.append) == package
    assert told == []


def test_another_plan_gives_another_package_and_fetches_nothing(package: Package, cache: Path) -> None:
    told: list[str] = []
    other = build_package({"orders": "{}"}, emulated_target(), cache, told.append)
    assert other.digest != package.digest
    assert told == ["Packing the function"]


def test_the_cache_keeps_the_packages_that_were_used_last(package: Package, cache: Path) -> None:
    for number in range(KEPT_PACKAGES):
        build_package({"orders": f'"{number}"'}, emulated_target(), cache)
        build_package(PLANS, emulated_target(), cache)
    kept = list(cache.glob("function-*.zip"))
    assert len(kept) == KEPT_PACKAGES
    assert package.path in kept


def test_files_are_sorted_within_libraries_and_code_and_have_one_time(package: Package) -> None:
    with zipfile.ZipFile(package.path) as zipped:
        entries = zipped.infolist()
    names = [entry.filename for entry in entries]
    assert len(set(names)) == len(names)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert dict(zip(names, entries, strict=True))["bootstrap"].external_attr >> 16 == 0o755


def test_a_package_over_lambdas_limit_is_refused_with_its_size(
    package: Package, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_module, "MAX_ZIPPED", 10 * 1024 * 1024)
    with pytest.raises(UsageError, match=r"is \d+ MB zipped, and Lambda takes 10 MB"):
        build_package(PLANS, emulated_target(), cache)


def test_no_network_and_no_wheels_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ServiceError, match=r"for Python 3\.13 on arm64.* needs a network") as raised:
        build_package(PLANS, aws_target(), tmp_path)
    assert "No matching distribution found" in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_a_python_without_pip_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    monkeypatch.setattr(sys, "executable", str(bare / "bin" / "python"))
    with pytest.raises(UsageError, match=r"has none\. Install it with: .* -m ensurepip"):
        build_package(PLANS, aws_target(), tmp_path / "cache")


def test_the_pins_are_those_that_the_tests_run_with() -> None:
    tested = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    tested = {name.lower().replace("_", "-"): version for name, version in tested.items()}
    for pin in read_pins(aws_target()):
        name, _, version = pin.partition("==")
        assert tested[name.lower()] == version
    assert set(read_pins(aws_target())) < set(read_pins(emulated_target()))
