"""Files → articles. One reader a format; text is normalised and cleaned here once, and never again."""

from labeling.ingest.read import read_articles

__all__ = ["read_articles"]
