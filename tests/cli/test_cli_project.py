"""The commands on a project: what they refuse, and the whole way on the embedded AWS."""

import csv
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from inspect import signature
from pathlib import Path
from threading import Event
from types import ModuleType
from urllib.parse import urlsplit

import pytest
from command_line import CLEAN, CONTRACT, DIRTY, DIRTY_COUNTS, HEADER, invoke, lines, write
from patience import PATIENCE, wait_for

from penstock.aws.runs import get_run
from penstock.cli.app import COMMANDS
from penstock.cli.console import lead_here
from penstock.cli.put import what_goes_on
from penstock.local.follow import drop, follow_run
from penstock.local.project import down, find_running

NOWHERE = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_REGION": "",
    "AWS_DEFAULT_REGION": "",
}
"""An environment that knows no AWS."""


ORDERS = CONTRACT + "  max_write_units_per_second: 1000\nfunction: {concurrency: 2}\n"
"""It writes so slowly that a file of thousands of rows is under way for a while."""


def make_project(folder: Path) -> Path:
    write(folder / "penstock.yaml", "penstock: 1\nname: shop\n")
    write(folder / "contracts" / "orders.yaml", ORDERS)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that is up."""
    folder = make_project(tmp_path_factory.mktemp("shop"))
    done = invoke("up", "--project", folder)
    assert done.exit_code == 0, done.output
    yield folder
    down(folder)


def surroundings(project: Path) -> dict[str, str]:
    """The environment in which the embedded AWS is what AWS is to everybody."""
    running = find_running(project)
    return {
        **NOWHERE,
        "AWS_ENDPOINT_URL": running.server.endpoint,
        "AWS_ACCESS_KEY_ID": running.names.account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": running.names.region,
    }


@pytest.mark.aws
def test_the_doctor_ends_with_a_code_for_scripts_and_shows_problems_with_what_to_do(project: Path) -> None:
    done = invoke("doctor", "--json", "--project", project)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [each["check"] for each in found][:2] == ["credentials", "permissions"]
    assert {each["verdict"] for each in found} == {"ok", "warning"}  # nobody is named to be told
    functions = find_running(project).connection.client("lambda")
    functions.put_function_concurrency(FunctionName="shop_orders_sweep", ReservedConcurrentExecutions=0)
    done = invoke("doctor", "--project", project)
    functions.delete_function_concurrency(FunctionName="shop_orders_sweep")
    assert done.exit_code == 1
    assert "\norders\n" in done.stdout
    assert "  problem functions: the function shop_orders_sweep was stopped" in done.stdout
    assert "aws lambda delete-function-concurrency --function-name shop_orders_sweep" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 problem, 1 warning, ")


@pytest.mark.parametrize(
    "command",
    ["up", "down", "synth", "deploy", "destroy", "runs", "put", "rejects", "sweep", "backfill", "console"],
)
def test_outside_a_project_a_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    extra = {
        "put": ["o.csv"],
        "backfill": ["x/"],
        "rejects": ["x"],
        "deploy": ["--yes"],
        "destroy": ["--yes"],
    }.get(command, [])
    done = invoke(command, *extra)
    assert done.exit_code == 2
    assert "penstock.yaml" in done.stderr


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_nothing_changes_where_nobody_can_be_asked(tmp_path: Path, command: str) -> None:
    done = invoke(command, "--project", make_project(tmp_path))
    assert done.exit_code == 2
    assert "--yes" in done.stderr


def test_aws_without_a_region_is_a_wrong_call(tmp_path: Path) -> None:
    done = invoke("runs", "--aws", "--project", make_project(tmp_path), **NOWHERE)
    assert done.exit_code == 2
    assert "--region" in done.stderr


def test_where_aws_can_not_be_asked_and_was_not_named_the_embedded_one_is_offered(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    offer = "If the embedded AWS was meant: penstock up\n"
    for known, code in ({}, 2), ({"AWS_REGION": "us-east-1"}, 3):
        done = invoke("status", "--project", folder, **{**NOWHERE, **known})
        assert (done.exit_code, done.stderr.endswith(offer)) == (code, True), done.output
        assert offer not in invoke("status", "--aws", "--project", folder, **{**NOWHERE, **known}).stderr


def test_aws_without_credentials_is_a_failed_service(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    done = invoke("deploy", "--yes", "--region", "eu-central-1", "--project", folder, **NOWHERE)
    assert done.exit_code == 3
    assert "credentials" in done.stderr


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = invoke("runs", "--profile", "nobody", "--project", make_project(tmp_path), **NOWHERE)
    assert done.exit_code == 2
    assert "nobody" in done.stderr


def test_the_embedded_aws_must_run_to_be_asked(tmp_path: Path) -> None:
    done = invoke("put", write(tmp_path / "o.csv", CLEAN), "--local", "--project", make_project(tmp_path))
    assert done.exit_code == 2
    assert "penstock up" in done.stderr


def test_down_where_nothing_is_up_is_no_error(tmp_path: Path) -> None:
    done = invoke("down", "--project", make_project(tmp_path))
    assert (done.exit_code, done.stdout) == (0, "It was not running.\n")


def test_templates_are_written_and_their_paths_printed(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop")
    done = invoke("synth", "--project", folder, "--output", tmp_path / "out", "--region", "eu-central-1")
    assert done.exit_code == 0, done.output
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert paths
    for path in paths:
        assert json.loads(path.read_text())["Resources"]
    assert "--account" in done.stderr


def test_a_template_that_an_earlier_synth_left_is_named_and_no_other_file(tmp_path: Path) -> None:
    folder, out = make_project(tmp_path / "shop"), tmp_path / "out"
    call = ("synth", "--project", folder, "--output", out, "--region", "eu-central-1")
    assert invoke(*call, "--key").exit_code == 0
    write(out / "mine.template.json", "[]")
    assert "earlier" not in invoke(*call).stderr
    write(out / "other.template.json", '{"Description": "Penstock shop-two: where files land"}')
    write(folder / "penstock.yaml", "penstock: 1\nname: shop\nlanding: {bucket: ours}\n")
    told = invoke(*call).stderr.splitlines()
    stale = f"{(out / 'penstock-shop-landing.template.json').as_posix()} is of an earlier time"
    assert [line.split(",")[0] for line in told if "earlier" in line] == [stale]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "say --region, or write `region` into penstock.yaml"),
        (["--region", "nowhere"], "--region must be a region's name, like eu-central-1; 'nowhere' is none"),
        (["--region", "eu-central-1", "--output", ""], "It is empty: name a folder."),
        (
            ["--region", "eu-central-1", "--output", "penstock.yaml"],
            "penstock.yaml is a file, and no folder.",
        ),
    ],
)
def test_templates_without_a_region_or_a_folder_are_a_wrong_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.chdir(make_project(tmp_path))
    done = invoke("synth", *options)
    assert done.exit_code == 2
    assert said in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contracts", "penstock.yaml"]


def test_the_template_of_a_key_is_written_alone_when_it_is_asked_for(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop")
    done = invoke(
        "synth", "--key", "--project", folder, "--account", "210987654321", "--region", "eu-central-1"
    )
    assert done.exit_code == 0, done.output
    (path,) = (Path(line) for line in done.stdout.splitlines())
    assert path.name.endswith("-key.template.json")
    resources = json.loads(path.read_text())["Resources"]
    assert {resource["Type"] for resource in resources.values()} == {"AWS::KMS::Key", "AWS::KMS::Alias"}
    assert "210987654321" in json.dumps(resources)


def test_a_project_tells_the_problems_of_all_its_contracts_with_their_files(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    wrong = CONTRACT.replace("quantity * price", "read_text(customer)")
    write(folder / "contracts" / "orders.yaml", wrong)
    write(folder / "contracts" / "other.yaml", wrong.replace("orders", "other"))
    done = invoke("synth", "--project", folder, "--region", "eu-central-1")
    assert done.exit_code == 2
    assert invoke("up", "--project", folder).stderr == done.stderr  # and nothing was started
    told = done.stderr.splitlines()
    assert [line.split(": ")[0].rpartition("/")[2] for line in told] == ["orders.yaml:14", "other.yaml:14"]


@pytest.mark.parametrize("account", ["12", "1234-5678-9012", "twelve"])
def test_an_account_that_is_no_number_of_twelve_digits_is_a_wrong_call(tmp_path: Path, account: str) -> None:
    done = invoke("synth", "--project", make_project(tmp_path), "--account", account)
    assert done.exit_code == 2
    assert "twelve digits" in done.stderr


def test_it_is_said_when_a_command_goes_to_aws_because_nothing_runs_here(tmp_path: Path) -> None:
    done = invoke("runs", "--project", make_project(tmp_path), **NOWHERE)
    assert "`penstock up` starts it" in done.stderr


@pytest.mark.parametrize(
    "module",
    [module for module in COMMANDS if "local" in signature(module.command).parameters],
    ids=lambda module: module.__name__.rpartition(".")[2],
)
def test_only_a_command_whose_help_says_so_must_be_told_to_go_to_aws(
    tmp_path: Path, module: ModuleType
) -> None:
    name = module.__name__.rpartition(".")[2]
    id_and = {"approve": ["x", "--yes"], "rejects": ["x"], "replay": ["x"]}
    arguments = {**id_and, "backfill": ["x/"], "redrive": ["--all"], "put": ["x"]}.get(name, [])
    done = invoke(name, *arguments, "--project", make_project(tmp_path), **NOWHERE)
    assert done.exit_code == 2
    told = "or say --aws to go to AWS itself" in done.stderr
    assert told == (
        "AWS is changed only where it is named" in " ".join(invoke(name, "--help").stdout.split())
    )


@pytest.mark.aws
def test_up_says_where_things_are(project: Path) -> None:
    done = invoke("up", "--project", project)
    assert done.exit_code == 0
    running = find_running(project)
    for said in (
        running.server.endpoint,
        running.names.landing_bucket,
        running.names.artifacts_bucket,
        "s3 cp",
    ):
        assert said in done.stdout
    told = json.loads(invoke("up", "--project", project, "--json").stdout)
    assert told["endpoint"] == running.server.endpoint
    assert told["changes"] == 0


@pytest.mark.aws
def test_a_file_is_put_and_its_run_listed_shown_and_its_rejects_printed(project: Path) -> None:
    done = invoke("put", write(project / "orders-1.csv", DIRTY), "--project", project)
    assert done.exit_code == 0, done.output
    assert "9 records read: 3 loaded, 3 rejected" in done.stdout
    assert "embedded AWS" in done.stderr
    runs = json.loads(invoke("runs", "--feed", "orders", "--json", "--project", project).stdout)
    [run] = [run for run in runs if run["key"].endswith("/orders-1.csv")]
    assert run["counts"] == DIRTY_COUNTS
    assert f"what was rejected, and why: penstock rejects {run['id']}\n" in done.stdout

    listed = invoke("runs", "--project", project).stdout
    assert any(
        run["id"] in line and "done" in line and "orders-1.csv" in line for line in listed.splitlines()
    )
    shown = invoke("runs", run["id"], "--project", project).stdout
    assert "9 records read: 3 loaded, 3 rejected" in shown
    assert run["report"] in shown
    assert f"penstock rejects {run['id']}" in shown

    printed = invoke("rejects", run["id"], "--project", project)
    assert "line 6: missing-cell: " in printed.stdout
    assert "    BAD,,0,x,LOST" in printed.stdout
    assert printed.stderr.endswith("3 rejects\n")
    whole = invoke("rejects", run["id"], "--json", "--project", project).stdout
    assert [json.loads(line)["line"] for line in whole.splitlines()] == [3, 6, 8]
    file = project / "rejects.csv"
    assert invoke("rejects", run["id"], "--csv", file, "--project", project).exit_code == 0
    with file.open(encoding="utf-8-sig", newline="") as opened:
        found = [row[:2] for row in csv.reader(opened)]
    assert found == [["run", "line"], *([run["id"], line] for line in ("3", "6", "8"))]


def interrupt(call: list[object], ready: Callable[[str], bool]) -> str:
    """Start a command, interrupt it once a line of its standard error says so, and give what it said then."""
    command = [sys.executable, "-m", "penstock", *map(str, call)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(ready(line) for line in process.stderr)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 130, said
    return said


@pytest.mark.aws
def test_a_put_that_is_interrupted_says_that_the_run_goes_on_and_where(project: Path) -> None:
    rows = "".join(f"ORD-{n % 1000:03},c{n // 1000},1,1,NEW\n" for n in range(6000))
    file = write(project / "long.csv", HEADER + rows)
    said = interrupt(["put", file, "--project", project], lambda line: line.endswith("has begun\n"))
    listed = json.loads(invoke("runs", "--json", "--project", project).stdout)
    [run] = [run["id"] for run in listed if run["key"].endswith("/long.csv")]
    assert said == f"The run goes on: `penstock runs {run}` shows it.\n"
    ledger = find_running(project).ledger
    wait_for(
        lambda: (found := get_run(ledger, run)) is not None and found.ended, "it ends, for tests that follow"
    )
    assert "If the file was uploaded by now, it will be loaded" in what_goes_on([])


@pytest.mark.aws
def test_an_up_that_is_interrupted_says_what_runs_and_how_to_stop_it(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    try:
        said = interrupt(
            ["up", "--project", folder], lambda line: line.startswith("The embedded AWS runs at")
        )
        assert "`penstock up` goes on, `penstock down` stops it.\n" in said
    finally:
        assert down(folder)


@pytest.mark.aws
def test_a_refused_file_ends_put_in_1(project: Path) -> None:
    done = invoke("put", write(project / "wrong.csv", "nonsense\n"), "--project", project, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["status"] == "rejected"


@pytest.mark.aws
def test_a_reference_is_put_under_its_own_key_and_nothing_is_loaded(project: Path) -> None:
    query = CONTRACT.replace("orders", "sales").replace(
        '  set: {total: "quantity * price"}\n',
        "  sql: SELECT a.* FROM rows AS a JOIN customers AS c ON a.customer = c.id\n",
    )
    query = query[: query.index("load:\n")] + (
        "references:\n  customers: {key: reference/customers.csv, schema: {fields: [{name: id, type: string}]}}\n"
        "load: {table: sales, partition_key: order_id}\n"
    )
    sales = write(project / "contracts" / "sales.yaml", query)
    call = ("put", "--project", project, "--reference", "customers")
    try:
        packed = invoke(*call, write(project / "people.csv.gz", "id\nann\n"))
        done = invoke(*call, write(project / "people.csv", "id\nann\n"))
    finally:
        sales.unlink()
    assert (packed.exit_code, "has another ending" in packed.output) == (2, True), packed.output
    running = find_running(project)
    place = {"Bucket": running.names.landing_bucket, "Key": "reference/customers.csv"}
    assert done.exit_code == 0, done.output
    assert done.stdout == (
        f"Put to s3://{place['Bucket']}/{place['Key']}\n"
        "  what was loaded without it is loaded anew by: penstock backfill incoming/sales/ --again\n"
    )
    assert running.connection.client("s3").get_object(**place)["Body"].read() == b"id\nann\n"


@pytest.mark.aws
def test_a_contract_that_was_changed_and_not_deployed_is_told_after_a_run(project: Path) -> None:
    contract, file = project / "contracts" / "orders.yaml", write(project / "by-which.csv", CLEAN)
    try:
        write(contract, ORDERS.replace("[NEW, PAID, CANCELLED]", "[NEW]"))
        done = invoke("put", file, "--project", project)
    finally:
        write(contract, ORDERS)
    said = "contracts/orders.yaml differs from what is deployed: penstock up\n"
    assert (done.exit_code, said in done.stderr) == (0, True), done.output
    assert said not in invoke("put", file, "--project", project).stderr


@pytest.mark.aws
@pytest.mark.parametrize(("where", "do"), [("--local", "penstock up"), ("--aws", "penstock deploy")])
def test_a_file_for_a_feed_that_is_not_deployed_is_not_uploaded(project: Path, where: str, do: str) -> None:
    contract = write(project / "contracts" / "stock.yaml", CONTRACT.replace("orders", "stock"))
    try:
        file = write(project / "stock.csv", CLEAN)
        call = ("put", file, "--feed", "stock", where, "--project", project)
        done = invoke(*call, **surroundings(project))
    finally:
        contract.unlink()
    assert done.exit_code == 2, done.output
    assert f"The feed stock is not deployed here: {do}\n" in done.stderr
    running = find_running(project)
    s3 = running.connection.client("s3")
    landed = s3.list_objects_v2(Bucket=running.names.landing_bucket, Prefix="incoming/stock/")
    assert landed["KeyCount"] == 0


@pytest.mark.aws
def test_a_file_that_a_newer_one_replaced_before_it_was_loaded_ends_with_the_newer_ones_run(
    project: Path,
) -> None:
    running = find_running(project)
    landed = drop(running, running.feeds[0], write(project / "twice.csv", CLEAN))
    run = follow_run(running, landed)
    said: list[str] = []
    older = replace(landed, version="an-older-one")
    assert follow_run(running, older, patience=5, notice=said.append) == run
    assert said == [
        f"A newer version of {run.key} has taken the place of this one; the run {run.id} is about that."
    ]


@pytest.mark.aws
def test_a_run_or_feed_that_is_not_there_is_a_wrong_call(project: Path) -> None:
    for call in (("runs", "nothing"), ("rejects", "nothing"), ("runs", "--feed", "nothing")):
        done = invoke(*call, "--project", project)
        assert done.exit_code == 2
        assert "nothing" in done.stderr


@pytest.mark.aws
def test_in_aws_the_same_commands_work_alike(project: Path) -> None:
    file = write(project / "orders-2.csv", CLEAN)
    there = surroundings(project)
    done = invoke("put", file, "--aws", "--project", project, **there)
    assert done.exit_code == 0, done.output
    assert "In AWS, account 000000000000, us-east-1" in done.stderr
    assert "2 records read: 2 loaded" in done.stdout
    listed = invoke("runs", "--aws", "--project", project, **there)
    assert "orders-2.csv" in listed.stdout


@pytest.mark.aws
def test_a_run_from_here_loads_the_table_and_keeps_rejects_where_told(project: Path) -> None:
    endpoint = find_running(project).server.endpoint
    contract, file = (
        project / "contracts" / "orders.yaml",
        write(project / "here.csv", DIRTY),
    )
    kept = project / "kept"
    done = invoke("run", contract, file, "--endpoint-url", endpoint, "--rejects", kept, **NOWHERE)
    assert done.exit_code == 0, done.output
    assert "3 put, 0 deleted; 3 write units" in done.stdout
    assert [reject["line"] for reject in lines(kept / "here.csv" / "rejects.jsonl")] == [3, 6, 8]
    item = {"pk": {"S": "CUSTOMER#bob, jr"}, "order_id": {"S": "ORD-003"}}
    found = find_running(project).connection.client("dynamodb").get_item(TableName="orders", Key=item)
    assert found["Item"]["total"] == {"N": "0.1"}


@pytest.mark.aws
def test_rejects_that_are_not_kept_are_shown(project: Path) -> None:
    endpoint = find_running(project).server.endpoint
    contract = project / "contracts" / "orders.yaml"
    file = write(project / "many.csv", CLEAN + "BAD,ann,1,1,NEW\n" * 15)
    done = invoke("run", contract, file, "--endpoint-url", endpoint, **NOWHERE)
    assert done.exit_code == 0
    assert done.stdout.count("  line ") == 10
    assert "(5 more, and none of them kept: --rejects DIR keeps them)" in done.stdout


@pytest.mark.aws
@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, ["--table", "nowhere"], "There is no table nowhere"),
        ({"sort_key: order_id": "sort_key: quantity"}, [], "has the keys pk (S) and order_id (S)"),
    ],
    ids=["a missing table", "other keys"],
)
def test_a_table_that_is_not_the_contracts_is_refused_before_anything_is_written(
    project: Path, tmp_path: Path, changes: dict[str, str], options: list[str], said: str
) -> None:
    text = CONTRACT
    for old, new in changes.items():
        text = text.replace(old, new)
    endpoint = find_running(project).server.endpoint
    file = write(tmp_path / "o.csv", CLEAN)
    described = write(tmp_path / "orders.yaml", text)
    done = invoke(
        "run",
        described,
        file,
        "--endpoint-url",
        endpoint,
        "--rejects",
        tmp_path / "kept",
        *options,
        **NOWHERE,
    )
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "kept").exists()


def test_a_table_that_cannot_be_reached_is_a_failed_service(tmp_path: Path) -> None:
    described, file = write(tmp_path / "orders.yaml", CONTRACT), write(tmp_path / "o.csv", HEADER)
    environment = {**NOWHERE, "AWS_MAX_ATTEMPTS": "1"}
    done = invoke("run", described, file, "--endpoint-url", "http://127.0.0.1:9", **environment)
    assert done.exit_code == 3
    assert "could not be reached" in done.stderr


def test_an_endpoint_that_is_none_is_a_wrong_call(tmp_path: Path) -> None:
    described, file = write(tmp_path / "orders.yaml", CONTRACT), write(tmp_path / "o.csv", HEADER)
    done = invoke("run", described, file, "--endpoint-url", "localhost:8000", **NOWHERE)
    assert done.exit_code == 2
    assert "http://" in done.stderr


def destroy(folder: Path, *options: str) -> str:
    """Destroy a project that is up as if it were in AWS."""
    done = invoke("destroy", "--yes", *options, "--project", folder, **surroundings(folder))
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.aws
def test_a_destroy_says_what_it_takes_and_keeps_the_data_unless_told(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    assert invoke("up", "--project", folder).exit_code == 0
    try:
        tables = find_running(folder).connection.client("dynamodb").list_tables
        said = destroy(folder)
        assert said.index("In AWS, account 000000000000, us-east-1") < said.index("To be deleted:")
        assert "  - stack penstock-shop-feed-orders" in said
        assert "table orders is kept" in said
        assert said.endswith("Deleted. The data is kept.\n")
        assert "orders" in tables()["TableNames"]
        assert "  - table orders" in destroy(folder, "--data")
        assert tables()["TableNames"] == []
    finally:
        down(folder)


@pytest.mark.aws
def test_a_deploy_shows_its_changes_and_does_nothing_where_the_answer_is_no(project: Path) -> None:
    terminal, stdin = pty.openpty()
    environment = {**os.environ, **surroundings(project), "AWS_ACCESS_KEY_ID": "000000000009"}
    command = [sys.executable, "-m", "penstock", "deploy", "--project", str(project)]
    asked = subprocess.Popen(
        command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    os.write(terminal, b"n\n")
    answer, said = asked.communicate(timeout=PATIENCE)
    os.close(stdin)
    os.close(terminal)
    assert (asked.returncode, answer) == (0, ""), said
    assert said.index("In AWS, account 000000000009, us-east-1") < said.index("  + DynamoDB Table orders")
    assert " to add" in said
    assert said.endswith("Nothing was deployed.\n")
    client = find_running(project).server.connection("000000000009").client("cloudformation")
    assert client.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"] == []


def test_a_file_goes_to_aws_only_where_that_is_said(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    done = invoke("put", write(tmp_path / "orders.csv", CLEAN), "--project", folder, **NOWHERE)
    assert done.exit_code == 2
    assert "penstock up" in done.stderr
    assert "--aws" in done.stderr


@pytest.mark.aws
def test_a_console_shows_what_is_up_until_ctrl_c(project: Path) -> None:
    put = invoke("put", write(project / "shown.csv", DIRTY), "--project", project, "--json")
    run = json.loads(put.stdout)["id"]
    command = [sys.executable, "-m", "penstock", "console", "--no-open", "--project", str(project)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().strip())
        connection = HTTPConnection(url.netloc, timeout=PATIENCE)
        pages: dict[str, str] = {}
        cookie = ""
        for path in (
            f"/?{url.query}",
            "/",
            "/runs",
            f"/runs/{run}",
            f"/runs/{run}/rejects",
            "/trends",
            "/alarms",
        ):
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            pages[path] = answer.read().decode()
            assert answer.status == 200, pages[path]
            cookie = cookie or str(answer.getheader("Set-Cookie")).partition(";")[0]
        connection.close()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "orders" in pages["/"]
    assert "shown.csv" in pages["/runs"]
    assert "<strong>9</strong> read" in pages[f"/runs/{run}"]
    assert "BAD,,0,x,LOST" in pages[f"/runs/{run}/rejects"]
    assert "contracts/orders.yaml" in pages[f"/runs/{run}/rejects"]


def test_a_command_copied_from_the_console_is_about_its_project_in_another_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lead_here(True, None, None, Path("shop")) == ("--project", str(tmp_path / "shop"))
    named = lead_here(False, "eu-central-1", "production", None)
    assert named == ("--aws", "--region", "eu-central-1", "--profile", "production")


@pytest.mark.aws
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
@pytest.mark.parametrize(
    ("options", "display", "opens"), [([], ":0", True), (["--no-open"], ":0", False), ([], "", False)]
)
def test_a_console_opens_a_browser_where_there_is_a_display_unless_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], display: str, opens: bool
) -> None:
    opened: list[str] = []
    ready = Event()

    def note(url: str) -> None:
        opened.append(url)
        ready.set()

    monkeypatch.setattr("webbrowser.open", note)
    monkeypatch.setattr(
        "penstock.console.server.Server.serve_forever", lambda _: not opens or ready.wait(PATIENCE)
    )
    done = invoke("console", *options, "--project", project, DISPLAY=display, WAYLAND_DISPLAY="")
    assert done.exit_code == 0, done.output
    assert opened == ([done.stdout.strip()] if opens else [])
