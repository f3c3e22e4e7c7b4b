"""`labeling import`: articles → tasks with predictions in the project, a step a file.

- `command`: the line of the steps.
- `read`: inputs → articles.
- `compare`: articles and what the project has of them → what is to be done with each.
- `annotate`: articles → documents with predictions.
- `push`: documents → tasks in the project.
- `confirm`: what the project has in the end.
- `report`: what was done and confirmed.

Beside them: `project_state` (what the project has, asked for as rarely as can be), `ledger` (what is known of it
without asking), `spool` (articles that wait on the disk) and `set_aside` (tasks that are to go).
"""
