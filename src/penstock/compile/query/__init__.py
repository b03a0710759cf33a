"""Queries over all rows of a file: one SELECT, typed by rules of its own and written for DuckDB and for Spark."""
