"""Contract to plan: SQL for types, checks, transforms and DynamoDB JSON."""
