"""The embedded AWS: install and run it, deploy a project there, follow a file, show all of it in a demo.

The modules build on one another: ``install``, ``server``, ``bridge`` (metrics and alarms), ``project`` (the stack that goes to
AWS), ``follow``, ``demo``, ``narrate``.
"""
