"""Templates on the way: no update of a table touches two indexes, and each is sound in itself."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.plan.model import Index, KeyAttribute, Table
from penstock.stack.adopt import describe_kept, index_steps, require_own_buckets
from penstock.stack.connect import Connection
from penstock.stack.names import Names
from penstock.stack.resources.table import build_table

PARTITION = KeyAttribute("pk", "S")
KEYS = {name: KeyAttribute(name, "S") for name in "abc"}
INDEXES = st.dictionaries(
    st.sampled_from(["one", "two", "three", "four"]),
    st.builds(
        lambda partition, sort, projection: (partition, sort, projection),
        st.sampled_from([*KEYS.values(), KeyAttribute("a", "N")]),
        st.none() | st.sampled_from([KEYS["c"]]),
        st.sampled_from(["ALL", "KEYS_ONLY", ("x", "y")]),
    ),
)


def _body(
    indexes: Mapping[str, Any], partition: KeyAttribute = PARTITION, name: str = "items"
) -> dict[str, Any]:
    table = Table(
        name=name,
        exists=False,
        partition=partition,
        sort=None,
        indexes=tuple(Index(index, *of) for index, of in sorted(indexes.items())),
        ttl=None,
        stream=None,
        read_capacity=None,
        write_capacity=None,
    )
    return {
        "Resources": {
            "Table": build_table(table, Names("shop", "123456789012", "eu-central-1")),
            "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
        }
    }


def _one_type_each(indexes: Mapping[str, Any]) -> bool:
    types = {
        (key.name, key.type) for partition, sort, _ in indexes.values() for key in (partition, sort) if key
    }
    return len({name for name, _ in types}) == len(types)


def _indexes(body: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    properties = body["Resources"]["Table"]["Properties"]
    types = {one["AttributeName"]: one["AttributeType"] for one in properties["AttributeDefinitions"]}
    return {
        index["IndexName"]: (
            str(index["Projection"]),
            *(
                (key["AttributeName"], key["KeyType"], types[key["AttributeName"]])
                for key in index["KeySchema"]
            ),
        )
        for index in properties.get("GlobalSecondaryIndexes", [])
    }


@given(INDEXES.filter(_one_type_each), INDEXES.filter(_one_type_each))
def test_each_step_makes_or_deletes_one_index_and_defines_just_its_attributes(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    before, after = _body(old), _body(new)
    path = [before, *index_steps(before, after), after]
    for one, two in pairwise(path):
        made = _indexes(two).items() - _indexes(one).items()
        deleted = _indexes(one).items() - _indexes(two).items()
        assert len(made) + len(deleted) <= 1
    for body in path:
        properties = body["Resources"]["Table"]["Properties"]
        used = {
            key["AttributeName"]
            for keyed in (properties, *properties.get("GlobalSecondaryIndexes", []))
            for key in keyed["KeySchema"]
        }
        assert [one["AttributeName"] for one in properties["AttributeDefinitions"]] == sorted(used)


def test_what_is_no_index_changes_with_the_first_step() -> None:
    before, after = _body({}), _body({"one": (KEYS["a"], None, "ALL"), "two": (KEYS["b"], None, "ALL")})
    after["Resources"]["Role"]["Properties"] = {"Path": "/new/"}
    (step,) = index_steps(before, after)
    assert step["Resources"]["Role"] == after["Resources"]["Role"]
    assert (
        "GlobalSecondaryIndexes" in after["Resources"]["Table"]["Properties"]
    )  # and the argument is left as it was


def test_a_changed_key_of_a_table_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        UsageError, match=r"items exists, with the key pk \(S\), and the contract wants pk \(N\).*load.table"
    ):
        index_steps(_body({}), _body({}, KeyAttribute("pk", "N")))


def test_a_table_under_another_name_is_another_table() -> None:
    assert (
        index_steps(_body({}), _body({"one": (KEYS["a"], None, "ALL")}, KeyAttribute("pk", "N"), "other"))
        == ()
    )


def test_a_bucket_that_is_another_accounts_is_not_adopted() -> None:
    """Buckets' names can be guessed, and whoever takes one first could have a project keep its code there."""
    connection = Connection(
        "eu-central-1", access_key="000000000001", secret_key="none"
    )  # asked by the stub alone
    body = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "taken"}}}}
    asked = {"Bucket": "taken", "ExpectedBucketOwner": "000000000001"}
    with Stubber(connection.client("sts")) as sts, Stubber(connection.client("s3")) as s3:
        sts.add_response("get_caller_identity", {"Account": "000000000001"})
        s3.add_client_error("head_bucket", "403", http_status_code=403, expected_params=asked)
        with pytest.raises(
            UsageError, match=r"The bucket taken is another account's.*give the project another name"
        ):
            require_own_buckets(connection, body, ["Bucket"])


def test_what_a_kept_bucket_may_lack_is_set_after_it_was_adopted() -> None:
    wanted: dict[str, Any] = {"BucketName": "b", "LifecycleConfiguration": {"Rules": []}}
    wanted |= {"BucketEncryption": {}, "NotificationConfiguration": {}}
    body = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": wanted}}}
    kept = describe_kept(Connection("eu-central-1"), body, ["Bucket"])
    assert kept["Resources"]["Bucket"]["Properties"] == {"BucketName": "b"}
