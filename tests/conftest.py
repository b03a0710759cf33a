"""How properties are tried: anew each time by people, the same each time in continuous integration.

A property that finds something new is a gift at a desk, and a riddle in a run that should judge one change.
"""

import os

from hypothesis import settings

settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
