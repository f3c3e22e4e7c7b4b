"""Which spaCy pipeline is for which language."""

from labeling.core.schema import LabelSchema
from labeling.errors import ModelError
from labeling.nlp.load import how_to_get, model_exists, model_language

ENGLISH = "en"
EVERY = frozenset({"xx", "mul"})  # pipelines for no language in particular
NORWEGIAN = frozenset({"no", "nb", "nn"})  # spaCy's is Bokmål, "nb"
# Languages of spaCy's own pipelines, en_core_web_sm, fr_core_news_sm and the like; all have the sizes sm, md and lg.
WEB = frozenset(("en", "zh"))
NEWS = frozenset("ca da de el es fi fr hr it ja ko lt mk nb nl pl pt ro ru sl sv uk".split())  # noqa: SIM905
OTHER = "xx_ent_wiki_sm"  # finds names in any language, and nothing else
SIZES = ("sm", "md", "lg", "trf")


def check_language(model: str, schema: LabelSchema) -> None:
    """Check that the model is for the schema's language, or for any.

    Raises:
        ModelError: It is for another language, and would find nothing or nonsense; or there is no such model.
    """
    language = model_language(model)
    if fits(language, schema.language):
        return
    wanted = pipeline_for(schema.language)
    get = "" if model_exists(wanted) else f" after `{how_to_get(wanted)}`"
    raise ModelError(
        f"The model {model} is for {named(language)}, and the labels of the schema {schema.key} are for "
        f"{named(schema.language)}.",
        f"Set `model` in labeling.toml or --model to one for that language, such as {wanted}{get}; or, where the "
        f'articles are in the model\'s language, set `language = "{language}"` in the schema.',
    )


def fits(model: str, language: str) -> bool:
    """Whether a pipeline for the language `model` may be used on texts in `language`."""
    return bool({model, language} & EVERY) or model == language or {model, language} <= NORWEGIAN


def pipeline_for(language: str) -> str:
    """The smallest installed one of spaCy's own pipelines for the language, else the smallest one to install."""
    names = [name for size in SIZES if (name := official(language, size))]
    return next(filter(model_exists, names), names[0] if names else OTHER)


def official(language: str, size: str) -> str | None:
    """The name of spaCy's own pipeline for a language and size (sm, md, lg, trf): `fr_core_news_md`; None without."""
    code = "nb" if language in NORWEGIAN else language
    if code in WEB:
        return f"{code}_core_web_{size}"
    return f"{code}_core_news_{size}" if code in NEWS else None


def has_rules(schema: LabelSchema) -> bool:
    """Whether a schema has a `[preannotate]` with rules for its language: the shipped rules are for English only."""
    wanted = schema.preannotate
    return wanted is not None and (schema.language == ENGLISH or wanted.rules != ENGLISH)


def idle(schema: LabelSchema) -> list[str]:
    """A sentence for each setting of the schema that has no effect, because it works for English only."""
    if schema.language == ENGLISH:
        return []
    labels = ", ".join(name for name, label in schema.labels.items() if label.normal)
    known = f"works for English only, and the schema is for {named(schema.language)}"
    notes = []
    if schema.preannotate and not has_rules(schema):
        notes.append(f"[preannotate] {known}: no events are predicted, only entities and patterns.")
    if labels:
        notes.append(f"`normal` {known}: annotators fill it in themselves ({labels}).")
    return notes


def named(code: str) -> str:
    """The English name of the language with its code, such as `French (fr)`; the code alone if spaCy lacks it.

    >>> named("fr")
    'French (fr)'
    """
    if code in EVERY:
        return "any language"
    from spacy.util import get_lang_class  # takes most of a second, and a language is rarely named

    try:
        return f"{get_lang_class('nb' if code in NORWEGIAN else code).__name__} ({code})"
    except ImportError:
        return f"`{code}`"
