"""spaCy: loading, pre-annotating, training files, training. The only place that imports it."""
