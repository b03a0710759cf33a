"""The steps by which many workers load one object, whoever calls them: Step Functions, or Spark.

Each goes on where its saved state says, and all that steps have to tell one another is in the run's folder; so any of them can be
done again, by anyone, at once or later.
"""
