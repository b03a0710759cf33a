"""Bytes in; items, rejects and counts out. No AWS, no environment, no clock."""
