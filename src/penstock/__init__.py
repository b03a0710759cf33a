"""Penstock: CSV files on Amazon S3 to Amazon DynamoDB, with every record accounted for."""
