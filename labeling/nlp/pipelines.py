"""Which spaCy pipeline is for which language."""

from labeling.core.schema import LabelSchema
from labeling.errors import ModelError
from labeling.nlp.load import how_to_get, is_there, model_language

ENGLISH = "en"
EVERY = frozenset({"xx", "mul"})  # pipelines for no language in particular
SAME = {"nb": "no", "nn": "no"}  # spaCy's Norwegian is Bokmål
# spaCy's own pipelines: en_core_web_sm and the like. All have the sizes sm, md and lg.
WEB = ("en", "zh")
NEWS: tuple[str, ...] = (
    "ca",
    "da",
    "de",
    "el",
    "es",
    "fi",
    "fr",
    "hr",
    "it",
    "ja",
    "ko",
    "lt",
    "mk",
    "nb",
    "nl",
    "pl",
    "pt",
    "ro",
)
NEWS += ("ru", "sl", "sv", "uk")
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
    get = "" if is_there(wanted) else f" after `{how_to_get(wanted)}`"
    raise ModelError(
        f"The model {model} is for {named(language)}, and the labels of the schema {schema.key} are for "
        f"{named(schema.language)}.",
        f"Set `model` in labeling.toml or --model to one for that language, such as {wanted}{get}; or, where the "
        f'articles are in the model\'s language, set `language = "{language}"` in the schema.',
    )


def fits(model: str, language: str) -> bool:
    """Whether a pipeline for the one language code may be used on texts in the other."""
    return model in EVERY or language in EVERY or SAME.get(model, model) == SAME.get(language, language)


def pipeline_for(language: str) -> str:
    """The smallest of spaCy's own pipelines for the language that is installed, else the smallest that there is."""
    names = [name for size in SIZES if (name := official(language, size))]
    return next(filter(is_there, names), names[0] if names else OTHER)


def official(language: str, size: str) -> str | None:
    """The name of spaCy's own pipeline for a language in a size (sm, md, lg, trf): `fr_core_news_md`; None without."""
    code = "nb" if language in ("no", "nn") else language
    if code in WEB:
        return f"{code}_core_web_{size}"
    return f"{code}_core_news_{size}" if code in NEWS else None


def has_rules(schema: LabelSchema) -> bool:
    """Whether a schema has a `[preannotate]`, and rules that can be for its language: the shipped ones are English."""
    wanted = schema.preannotate
    return wanted is not None and (schema.language == ENGLISH or wanted.rules != ENGLISH)


def idle(schema: LabelSchema) -> list[str]:
    """What a schema asks for and does not get, since it is known of English only: a sentence each."""
    if schema.language == ENGLISH:
        return []
    labels = ", ".join(name for name, label in schema.labels.items() if label.normal)
    known = f"is known of English only, and the schema is for {named(schema.language)}"
    notes = []
    if schema.preannotate and not has_rules(schema):
        notes.append(f"[preannotate] {known}: no events are predicted, only entities and patterns.")
    if labels:
        notes.append(f"`normal` {known}: annotators fill it in themselves ({labels}).")
    return notes


def named(code: str) -> str:
    """The language as people call it, with its code: `French (fr)`."""
    if code in EVERY:
        return "any language"
    from labeling.nlp import detect  # spaCy takes most of a second, and mostly nothing is to be named

    return detect.named(code)
