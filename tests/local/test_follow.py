from penstock.local.follow import describe_lines
from penstock.watch.logs import read_line

WROTE = (
    "START RequestId: 1",
    '{"time":"2026-11-23T05:30:00.000Z","level":"INFO","event":"loaded","key":"other.csv","_aws":{}}',
    '{"time":"2026-11-23T05:30:01.000Z","level":"INFO","event":"loaded","outcome":"noted","key":"a.csv","_aws":{},"x":1}',
    "Traceback (most recent call last):",
    '{"errorMessage":"out of memory"}',
)


def test_of_a_functions_lines_those_about_one_file_or_about_none_are_shown_without_metrics() -> None:
    assert describe_lines([read_line("group", 0, text) for text in WROTE], "a.csv") == [
        "2026-11-23T05:30:01.000Z INFO loaded noted",
        "Traceback (most recent call last):",
        '{"errorMessage":"out of memory"}',
    ]
