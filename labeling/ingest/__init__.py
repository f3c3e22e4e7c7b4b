"""Files → articles. A reader for each format; texts are normalised and cleaned here, and never changed again."""

from labeling.ingest.fields import FieldNames
from labeling.ingest.read import read_articles

__all__ = ["FieldNames", "read_articles"]
