"""Files → articles. A reader for each format; texts are normalised and cleaned here, and never changed again."""

from labeling.ingest.fields import FieldNames
from labeling.ingest.read import files, read_articles

__all__ = ["FieldNames", "files", "read_articles"]
