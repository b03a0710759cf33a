"""Real files, joined and aggregated by a contract's SQL on their way into the table: it is what the oracle computes."""

from pathlib import Path

import pytest
from deployed_world import World
from ourairports_oracle import EXAMPLE, expect_by_country, expect_runways

pytestmark = pytest.mark.aws

RUNWAYS = (EXAMPLE / "data" / "runways-2026-01-03.csv.gz").read_bytes()
DATA = Path(__file__).with_name("data")
REFERENCES = {name: (DATA / name).read_bytes() for name in ("countries.csv.gz", "regions.csv.gz")}


def test_runways_joined_with_countries_and_regions_leave_what_the_oracle_says(world: World) -> None:
    early = world.load("runways-by-country", "early.csv.gz", RUNWAYS)
    assert (early.status, early.code) == ("rejected", "reference-error")
    bucket = world.running.names.landing_bucket
    versions = {
        name: world.client("s3").put_object(Bucket=bucket, Key=f"reference/{name}", Body=body)["VersionId"]
        for name, body in REFERENCES.items()
    }
    run = world.load("runways-by-country", "runways.csv.gz", RUNWAYS)
    loaded, expected = expect_by_country(RUNWAYS, *REFERENCES.values())
    assert {item["country"]: item for item in world.scan("runways-by-country")} == expected
    counts = dict(run.counts)
    assert counts.pop("read") == sum(counts.values()) == expect_runways(RUNWAYS).read
    assert (run.status, counts["loaded"]) == ("done", loaded)
    assert run.result is not None
    assert (run.result["read"], run.result["loaded"]) == (len(expected), len(expected))
    assert {of["version"] for of in run.references.values()} == set(versions.values())
    assert run.engine == "duckdb"
