"""The central values: articles, spans, relations, the schema. Pure: no I/O, no spaCy, no network."""
