"""What people load or check CSV files with today, each a program: ``python -m bench.contenders.NAME FILE ...``.

Each is written as its own documentation or the usual tutorial has it, and gives the same cells the same types:
numbers as Decimal, everything else as text, empty cells left out.
"""
