"""The contract: its model, its reading with all problems at once, inference from a sample."""
