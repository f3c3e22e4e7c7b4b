"""`labeling adjudicate`: what people differ about → tasks of a project of its own, and the answers → decisions.

- `decisions`: the store of what was decided.
"""
