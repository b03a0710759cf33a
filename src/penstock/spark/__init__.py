"""Apache Spark as the one who distributes: its executors run Penstock's own steps, and the user's SQL runs as Spark SQL.

Needs ``penstock[spark]`` and Java; nothing outside this room imports pyspark.
"""
