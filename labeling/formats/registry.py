"""Every format by its name."""

from labeling.formats import brat, conll, events, hf, prodigy
from labeling.formats.format import Format

FORMATS: dict[str, Format] = {
    format.name: format for format in (prodigy.FORMAT, conll.FORMAT, brat.FORMAT, hf.FORMAT, events.FORMAT)
}
