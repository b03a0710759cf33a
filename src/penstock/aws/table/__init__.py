"""The write path: requests under way side by side, each sent until every write is acknowledged, at the rate that the table takes."""
