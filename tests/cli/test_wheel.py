"""The wheel, built and installed alone in an empty environment, does the work: on a desk, and as Glue installs it."""

import importlib.util
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from command_line import CONTRACT, DIRTY, DIRTY_COUNTS, lines, write
from embedded_aws import LEDGER
from fake_aws import REGION
from large_feed import LargeFeed, make_large_feed

from penstock.aws.attempt import begin_attempt, hand_over_attempt
from penstock.aws.large.hand_over import begin_folder
from penstock.aws.loader import make_budget
from penstock.aws.log import Log
from penstock.aws.objects import find_current
from penstock.aws.runs import new_run_id
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.local.install import cache_folder
from penstock.local.server import Server
from penstock.plan.codec import write_plan
from penstock.stack.job_package import GLUE, SCRIPT, build_job_package

REPOSITORY = Path(__file__).parents[2]
QUIET = ("--quiet", "--disable-pip-version-check")
BROUGHT_ALONG = (
    "botocore==1.40.61",
    "jmespath==1.0.1",
    "numpy==2.3.4",
    "pandas==2.3.3",
    "pyarrow==22.0.0",
    "python-dateutil==2.9.0.post0",
    "pytz==2025.2",
    "six==1.17.0",
    "urllib3==2.5.0",
)
"""What Glue 5.1 has of what Penstock and PySpark use (Glue guide, "Python modules already provided in AWS Glue"), beside PySpark."""

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
    call(python, "-m", "pip", "install", *QUIET, "--no-deps", "--no-compile", *BROUGHT_ALONG)
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


JOB = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/}
schema:
  fields:
    - {name: id, type: string}
    - {name: country, type: string}
    - {name: amount, type: integer}
transform: {sql: "SELECT country AS id, count(*) AS n, sum(amount) AS amount FROM rows GROUP BY country"}
load: {table: orders, partition_key: id}
engine: glue
"""
KEY = "incoming/orders/a b.csv"
FILE = b"id,country,amount\n1,DE,5\n2,FR,7\n3,DE,6\n4,DE,x\n"
SPARK = (
    "--master local[2] --conf spark.ui.enabled=false --conf spark.driver.bindAddress=127.0.0.1 pyspark-shell"
)
"""What Glue says of the session that a script gets: here two tasks at once, and nothing that others could reach."""


def hand_over(feed: LargeFeed) -> dict[str, Any]:
    """Have a file claimed and handed over, and give the order of the state machine."""
    feed.world.put(KEY, FILE)
    found = find_current(feed.world.s3, feed.world.landing, KEY)
    assert found is not None
    loader, now = feed.loader, feed.world.now
    claim = loader.ledger.claim("orders", found.bucket, KEY, new_run_id(now), now + 400)
    assert claim is not None
    log = Log(io.StringIO(), feed.clock)
    attempt = begin_attempt(loader, claim, found, make_budget(300, feed.clock), log)
    begin_folder(loader, attempt.run, found)
    hand_over_attempt(attempt.note(saved=attempt.run.id))
    return feed.executions.started[-1][1]


def arguments_of(feed: LargeFeed, order: Mapping[str, Any]) -> list[str]:
    """What a job's script is called with: what stands in the job, what the state machine says, and what is Glue's own."""
    settings = {
        "AWS_REGION": REGION,
        "PENSTOCK_ARTIFACTS": feed.world.artifacts,
        "PENSTOCK_CHUNK_BYTES": "20",
        "PENSTOCK_FEED": "orders",
        "PENSTOCK_LEDGER": LEDGER,
        "PENSTOCK_PLAN": "code/glue/plan.json",
        "PENSTOCK_PROJECT": "shop",
    }
    told = {"JOB_NAME": "shop_orders", "JOB_RUN_ID": "jr_0", "job-bookmark-option": "job-bookmark-disable"}
    told |= {"settings": json.dumps(settings), "job-language": "python"}
    told |= {name: str(order[name]) for name in ("run", "bucket", "key", "version")}
    return [word for name, value in told.items() for word in (f"--{name}", value)]


@pytest.mark.aws
@pytest.mark.spark
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17")
def test_the_jobs_script_loads_what_was_handed_over_and_the_function_finishes_it(
    glue: Path, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "job.py").write_text(SCRIPT)
    plan = compile_contract(read_contract(write(tmp_path / "orders.yaml", JOB)))
    with make_large_feed(server, plan, chunk_bytes=20) as feed:
        feed.world.now = time.time()
        code = {"Bucket": feed.world.artifacts, "Key": "code/glue/plan.json"}
        feed.world.s3.put_object(**code, Body=write_plan(plan).encode())
        order = hand_over(feed)
        surroundings = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": feed.world.landing.rpartition("-")[2],  # which is the account
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_ENDPOINT_URL": server.endpoint,
            "PYSPARK_PYTHON": str(glue),
            "PYSPARK_SUBMIT_ARGS": SPARK,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        command = [str(glue), str(tmp_path / "job.py"), *arguments_of(feed, order)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
        assert done.returncode == 0, done.stdout + done.stderr
        feed.world.now = time.time()
        feed.until_finished(order, "finish")
        assert (feed.run.status, feed.run.counts["read"], feed.run.counts["rejected"]) == ("done", 4, 1)
        assert feed.items() == [
            {"id": {"S": "DE"}, "n": {"N": "2"}, "amount": {"N": "11"}},
            {"id": {"S": "FR"}, "n": {"N": "1"}, "amount": {"N": "7"}},
        ]
