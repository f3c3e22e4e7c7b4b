"""Files → articles. One reader a format; text is normalised and cleaned here once, and never again."""

from labeling.ingest.fields import FieldNames
from labeling.ingest.read import read_articles

__all__ = ["FieldNames", "read_articles"]
