"""The sweep: what was lost is found and queued again."""
