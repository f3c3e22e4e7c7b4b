"""`labeling import`: articles → tasks with predictions in the project, one file per step.

- `command`: the steps in order.
- `read`: inputs → articles.
- `compare`: articles and the project's tasks → what to do with each article.
- `annotate`: articles → documents with predictions.
- `push`: documents → tasks in the project.
- `confirm`: the check of the project at the end.
- `report`: what was done and confirmed.

They use `project_state` (the project's tasks, with as few requests as possible), `ledger` (what earlier imports
remember of them), `spool` (articles kept on disk) and `set_aside` (removing tasks without deleting them).
"""
