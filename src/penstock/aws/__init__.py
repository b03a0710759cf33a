"""The edges: S3, the DynamoDB writer, the ledger, events, the Lambda handlers."""
