"""Reviewed tasks → training files. Each file is a step, or something that a step needs.

    commands          `labeling export` and `labeling convert`, which run the same steps
    sources           sources of tasks: the pulled copy of a project, or files exported by Label Studio
    options, spec     how the files are made: the user's options, and what every process needs
    run               the steps in order
    survey            first pass, in every process: what a chunk of tasks has
    plan              first pass: each document's part, and which annotations of an article are used
    names             what people are called
    previous_parts    the parts of earlier exports
    language          the tokenizer's language
    convert, tally    second pass, in every process: a chunk of tasks as bytes for every file, and as counts
    settling          everybody's annotations of a text as one gold document
    join              documents of the reviewed tasks: one of all tasks of a long article, too
    task_locations    the task of each document
    files             the open files, to which chunks are appended
    refusals          when nothing is written
    training_config   what to train, and spaCy's config for it
    manifest          the counts as manifest.json
    folder, ownership publishing all files at once, replacing only what an export wrote
    report            the report of an export
    sending           an export to an address instead of a folder

The tasks are read twice. The first pass finds articles that are copies of each other, and annotations of an article
that compete; the second converts, when each document's part is known. Each pass parses a task once, and holds only a
few chunks of tasks in memory.
"""
