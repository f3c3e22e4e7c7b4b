"""News articles into training data for custom NER models: pre-annotate, correct in Label Studio, train with spaCy."""

__version__ = "0.1.0"
