"""The normal form of a span, one of its attributes: which day "Friday" was, which country Kyiv is in."""

from labeling.core.labels import Span

NORMAL = "normal"  # the attribute, and the control of the annotator's page that shows it


def normal_form(span: Span) -> str:
    """The span's normal form; "" if it has none.

    >>> normal_form(Span(id="d", start=0, end=6, label="DATE", attributes={"normal": {"text": ["2024-03-01"]}}))
    '2024-03-01'
    """
    answer = span.attributes.get(NORMAL)
    texts = answer.get("text") if isinstance(answer, dict) else None
    lines = texts if isinstance(texts, list) else [texts]
    return " ".join(line.strip() for line in lines if isinstance(line, str))
