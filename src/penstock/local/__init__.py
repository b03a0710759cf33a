"""The embedded AWS."""
