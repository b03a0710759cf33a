"""The benchmark: how fast, how small and how steady Penstock is, against what people use today.

``python -m bench`` measures; ``make bench`` installs what it needs first. The figures go to docs/benchmarks.md. Every
measured thing runs in a process of its own, and loads the same files into the same sink (:mod:`bench.sink`).
"""
