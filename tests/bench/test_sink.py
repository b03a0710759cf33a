"""The benchmark's sink: what the figures rest on is that it counts right and answers as the service does."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bench.data import Data, count_rows
from bench.lab import Lab, Sizes
from bench.measure import BenchError, measure, python
from bench.plot import draw_memory
from bench.sink import Endpoint, start_sink

KEYS = {"parcels": ["pk", "S", "n", "N"]}


def _put(number: int, text: str = "v") -> dict[str, Any]:
    return {"PutRequest": {"Item": {"pk": {"S": "a"}, "n": {"N": str(number)}, "v": {"S": text}}}}


def _connect(sink: Endpoint) -> Any:
    return botocore.session.Session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=sink.url,
        verify=str(sink.certificate),
        aws_access_key_id="000000000000",
        aws_secret_access_key="local",
        config=Config(proxies={}),
    )


def test_the_sink_speaks_to_botocore_and_counts_what_arrives(tmp_path: Path) -> None:
    with start_sink(KEYS, tmp_path) as sink:
        client = _connect(sink)
        described = client.describe_table(TableName="parcels")["Table"]
        assert [key["AttributeName"] for key in described["KeySchema"]] == ["pk", "n"]
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            client.describe_table(TableName="other")

        answer = client.batch_write_item(RequestItems={"parcels": [_put(number) for number in range(25)]})
        assert answer["UnprocessedItems"] == {}
        assert "ConsumedCapacity" not in answer
        delete = {"DeleteRequest": {"Key": {"pk": {"S": "a"}, "n": {"N": "1"}}}}
        answer = client.batch_write_item(
            RequestItems={"parcels": [_put(1), delete]}, ReturnConsumedCapacity="TOTAL"
        )
        assert answer["ConsumedCapacity"][0]["CapacityUnits"] == 2.0

        answer = client.put_item(TableName="parcels", Item={"pk": {"S": "a"}}, ReturnConsumedCapacity="TOTAL")
        assert answer["ConsumedCapacity"]["CapacityUnits"] == 1.0

        counts = sink.counts()
        client.close()
    assert (counts.requests, counts.writes) == (3, 28)


def test_a_request_larger_than_one_read_is_read_whole(tmp_path: Path) -> None:
    with start_sink(KEYS, tmp_path) as sink:
        client = _connect(sink)
        items = [_put(number, "x" * 300_000) for number in range(25)]
        client.batch_write_item(RequestItems={"parcels": items})
        counts = sink.counts()
        client.close()
    assert counts.writes == 25


def test_a_process_is_measured_with_its_children() -> None:
    work = "x = sum(range(3_000_000)); y = bytearray(80_000_000)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}], check=True)"
    measured = measure(python("-c", child), environment={}, label="child", say=lambda _: None)
    assert measured.peak > 80
    assert 0.05 < measured.cpu < 10
    assert measured.wall < 60


def test_a_command_that_fails_says_what_it_said() -> None:
    with pytest.raises(BenchError, match="broken ended with code 3: no such luck"):
        measure(
            python("-c", "import sys; print('no such luck', file=sys.stderr); sys.exit(3)"),
            environment={},
            label="broken",
            say=lambda _: None,
        )


def test_a_file_loaded_into_the_sink_is_measured_and_counted(tmp_path: Path) -> None:
    rows = [f"{number},text {number}" for number in range(60)]
    file = tmp_path / "parcels.csv"
    file.write_text("\n".join(["n,v", *rows, ""]), "ascii")
    contract = tmp_path / "parcels.yaml"
    contract.write_text(
        "penstock: 1\nname: parcels\nsource: {prefix: in/, suffix: .csv}\n"
        "schema: {fields: [{name: n, type: integer}, {name: v, type: string}]}\n"
        "load: {table: parcels, partition_key: {name: pk, value: 'P#{v}'}, sort_key: n}\n",
        "ascii",
    )
    said: list[str] = []
    with start_sink(KEYS, tmp_path / "sink") as sink:
        lab = Lab(tmp_path, Sizes(), sink, said.append, Data(tmp_path, said.append), tries=1)
        run = lab.penstock(file, contract)
        with pytest.raises(BenchError, match="sent 60 items to the sink, and 61 were due"):
            lab.penstock(file, contract, items=61, options=("--table", "parcels"))
    assert run.rows == 60
    assert run.measured.peak > 20
    assert any("60 rows" in line for line in said)


def test_files_are_cut_between_records_and_repeat_what_they_should(tmp_path: Path) -> None:
    data = Data(tmp_path, lambda _: None)
    file = tmp_path / "few.csv"
    file.write_text("a,b\n" + "".join(f'{number},"x, y"\n' for number in range(100)), "ascii")
    assert count_rows(data.head(file, 7)) == 7
    assert count_rows(data.repeated(file, 1.0)) == 200
    assert data.quoted(file, every=True).read_text("ascii").splitlines()[1] == '"0","x; y"'
    assert data.quoted(file, every=False).read_text("ascii").splitlines()[1] == "0,x; y"
    assert len(data.wide(5, 2).read_text("ascii").splitlines()[1].split(",")) == 5


def test_the_picture_shows_the_highest_peak() -> None:
    samples = [(float(second), 150.0) for second in range(10_000)]
    samples[5_001] = (5_001.0, 290.0)
    low, high = (draw_memory(part, 300.0, "memory") for part in (samples[:5_000], samples))
    ElementTree.fromstring(high)  # a browser shows nothing of what is not well-formed
    assert high.count(",") < 1_500  # points, not every sample

    def least_y(picture: str) -> float:
        points = picture.partition('points="')[2].partition('"')[0].split()
        return min(float(point.partition(",")[2]) for point in points)

    assert least_y(high) < least_y(low)
