"""One run: read, judge, write, keep the rejects, report."""
