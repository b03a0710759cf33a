"""The wheel, built and installed alone in an empty environment, does the work: on a desk, and as Glue installs it."""

import importlib.util
import io
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from command_line import CONTRACT, DIRTY, DIRTY_COUNTS, lines, write

from penstock.local.install import cache_folder
from penstock.stack.job_package import GLUE, build_job_package

REPOSITORY = Path(__file__).parents[2]
QUIET = ("--quiet", "--disable-pip-version-check")
BROUGHT_ALONG = (
    "botocore==1.40.61",
    "jmespath==1.0.1",
    "python-dateutil==2.9.0.post0",
    "six==1.17.0",
    "urllib3==2.5.0",
)
"""What Glue 5.1 has of what Penstock uses (Glue guide, "Python modules already provided in AWS Glue"), beside PySpark."""

pytestmark = pytest.mark.wheel


def call(*command: object) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    how = ("--no-deps", "--no-build-isolation", "-w", folder)
    call(sys.executable, "-m", "pip", "wheel", *QUIET, *how, REPOSITORY)
    (built,) = folder.glob("penstock-*.whl")
    return built


def test_the_wheel_alone_checks_and_runs(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    assert "penstock/console/console.css" in ZipFile(wheel).namelist()
    call(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "install")
    call(*pip, *QUIET, "--constraint", REPOSITORY / "constraints.txt", wheel)

    penstock = environment / "bin" / "penstock"
    assert "Commands:" in call(penstock, "--help")
    described, file = write(tmp_path / "orders.yaml", CONTRACT), write(tmp_path / "o.csv", DIRTY)
    assert ": ok. Feed orders" in call(penstock, "check", described)
    [report] = json.loads(call(penstock, "run", described, file, "--output", tmp_path / "out", "--json"))
    assert report["counts"] == DIRTY_COUNTS
    assert len(lines(tmp_path / "out" / "o.csv" / "items.jsonl")) == 3
    assert "/environment/" in call(
        environment / "bin" / "python", "-c", "import penstock; print(penstock.__file__)"
    )


def test_what_a_job_installs_of_penstock_is_what_the_wheel_holds(wheel: Path) -> None:
    package = build_job_package(cache_folder() / "package")
    with ZipFile(package.path) as zipped:
        (name,) = (name for name in zipped.namelist() if name.startswith("wheels/penstock-"))
        installed = ZipFile(io.BytesIO(zipped.read(name)))
    files = [name for name in installed.namelist() if name.startswith("penstock/")]
    whole = ZipFile(wheel)
    assert len(files) > 100
    assert [name for name in files if installed.read(name) != whole.read(name)] == []


@pytest.fixture(scope="module")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment as a job in Glue has it: what Glue brings along, and what it installs of the package, without an index."""
    if sys.version_info[:2] != (3, 11) or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip(f"Glue runs on Linux on x86_64, with Python {GLUE.python}")
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        pytest.skip("pyspark is not installed: make .venv/spark")
    folder = tmp_path_factory.mktemp("glue")
    call(sys.executable, "-m", "venv", folder / "environment")
    python = folder / "environment" / "bin" / "python"
    call(python, "-m", "pip", "install", *QUIET, "--no-deps", *BROUGHT_ALONG)
    site = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    for name in (
        "pyspark",
        "py4j",
    ):  # of the version that Glue has, by constraints.txt, and 300 MB not installed twice
        (site / name).symlink_to(Path(found.origin).parents[1] / name)
    with ZipFile(build_job_package(cache_folder() / "package").path) as zipped:
        zipped.extractall(folder)
    wheels = folder / "wheels"
    way = ("--no-index", "--find-links", wheels, "--requirement", wheels / "requirements.txt")
    call(python, "-m", "pip", "install", *QUIET, *way)
    return python


def test_a_jobs_package_installs_without_an_index_and_runs_with_what_glue_brings_along(glue: Path) -> None:
    program = """
import botocore, duckdb, penstock, pyspark, sys
from penstock.aws import loader
from penstock.aws.connect import Connections
connections = Connections()
for service in ("dynamodb", "s3"):
    getattr(connections, service).meta.endpoint_url
print(botocore.__version__, pyspark.__version__, penstock.__version__, duckdb.__version__, penstock.__file__)
print({"pydantic", "sqlglot", "ruamel", "boto3"} & set(sys.modules))
"""
    said = call("env", "AWS_DEFAULT_REGION=eu-central-1", glue, "-c", program).splitlines()
    versions, left = said
    assert versions.split()[:2] == ["1.40.61", "3.5.6"]
    assert "/environment/" in versions
    assert left == "set()"
