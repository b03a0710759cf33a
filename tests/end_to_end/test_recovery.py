"""After a disaster: what ``docs/operating.md`` says brings everything back."""

from collections.abc import Callable

import pytest
from deployed_world import World

from penstock.local.follow import Landed, follow_run

pytestmark = pytest.mark.aws

Orders = Callable[[int, int], bytes]


def test_a_file_that_is_copied_onto_itself_is_loaded_into_a_table_that_lost_it(
    world: World, orders: Orders
) -> None:
    landed = world.land("orders", "lost.csv", orders(2, 8000))
    follow_run(world.running, landed)
    for number in (8000, 8001):
        world.client("dynamodb").delete_item(TableName="orders", Key={"id": {"S": f"O-{number}"}})
    copied = world.client("s3").copy_object(
        Bucket=landed.bucket,
        Key=landed.key,
        CopySource={"Bucket": landed.bucket, "Key": landed.key},
        MetadataDirective="REPLACE",
    )
    run = follow_run(
        world.running, Landed(landed.feed, landed.bucket, landed.key, copied["VersionId"], landed.bytes)
    )
    assert (run.status, run.items["put"]) == ("done", 2)
    assert world.item("orders", id="O-8001") is not None
