"""The plan: what every engine executes."""
