"""The embedded AWS: install and run it, deploy a project there, follow a file, show all of it in a demo.

install ──► server ──► deployment (the same stack as AWS, with `differences`) ──► follow ──► demo
"""
