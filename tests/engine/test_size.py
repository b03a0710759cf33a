"""DynamoDB's own arithmetic; the cases are those of its documentation."""

import json
from typing import Any

import pytest

from penstock.engine.size import item_size


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "abc"}, 3),
        ({"S": "é😀"}, 6),
        ({"N": "0"}, 1),
        ({"N": "7"}, 2),
        ({"N": "27"}, 2),
        ({"N": "-27"}, 3),
        ({"N": "461"}, 3),
        ({"N": "1.5E+10"}, 2),
        ({"N": "1000"}, 2),
        ({"N": "12345678901234567890123456789012345678"}, 20),
        ({"B": "AAEC"}, 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["a", "bc"]}, 3),
        ({"NS": ["1", "22"]}, 4),
        ({"L": []}, 3),
        ({"L": [{"S": "a"}, {"N": "1"}]}, 3 + 2 + 3),
        ({"M": {"k": {"S": "abc"}}}, 3 + 1 + 1 + 3),
    ],
)
def test_a_value_has_the_size_that_dynamodb_counts(value: dict[str, Any], size: int) -> None:
    assert item_size(json.dumps({"x": value})) == 1 + size


def test_names_count_in_bytes() -> None:
    assert item_size(json.dumps({"é": {"S": "a"}, "bc": {"N": "1"}})) == 2 + 1 + 2 + 2
