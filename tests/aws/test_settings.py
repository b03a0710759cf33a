import pytest

from penstock.aws.settings import read_settings
from penstock.errors import UsageError

SET = {
    "PENSTOCK_FEED": "orders",
    "PENSTOCK_LEDGER": "shop_penstock_ledger",
    "PENSTOCK_ARTIFACTS": "shop-artifacts",
    "LAMBDA_TASK_ROOT": "/var/task",
}


def test_the_database_gets_a_third_of_the_functions_memory() -> None:
    assert read_settings({**SET, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}).memory_mb == 589


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        read_settings({"PENSTOCK_FEED": "orders"})
    assert all(name in str(caught.value) for name in SET if name != "PENSTOCK_FEED")
