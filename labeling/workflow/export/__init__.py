"""Reviewed tasks → training files. Each file is a step of the way, or what a step needs.

    commands          `labeling export` and `labeling convert`: two entrances to the same steps
    sources           where the tasks come from: the pulled copy of a project, or files that Label Studio exported
    options, spec     how the files are made: as the user asks for it, and as every process has to know it
    run               the steps in their order
    survey            first pass, in every process: what a chunk of tasks shows
    plan              first pass: every document's part, and which annotations of an article count
    previous_parts    the parts of earlier exports
    language          whose rules make the tokens
    convert, tally    second pass, in every process: a chunk of tasks as bytes for every file, and as numbers
    task_locations    where the task of each document is
    files             the open files, which chunks are appended to
    refusals          when nothing is written
    training_config   what to train, and spaCy's config for it
    manifest          the numbers as manifest.json
    folder, ownership the files appear in their folder as a whole, and replace only what an export wrote
    report            what is said of it at the end

The tasks are read twice. The first pass shows which articles are copies of each other and which annotations of an
article compete; the second converts, when each document's part is known. Each pass parses a task once, and neither
holds more than a few chunks of tasks.
"""
