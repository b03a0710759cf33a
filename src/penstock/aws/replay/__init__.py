"""Replays: the rejects of a run are loaded again, mended or under a mended contract, and counted against it."""
