"""Every reason that a `Problem` may have, and what it means."""

from typing import Literal, NamedTuple, get_args

Reason = Literal[
    "advertisement",
    "after-decision",
    "alone",
    "answers-differ",
    "archive-bomb",
    "bad-annotation",
    "bad-answer",
    "bad-data",
    "bad-offsets",
    "bad-region",
    "bad-result",
    "bad-row",
    "begun-meanwhile",
    "breadcrumb",
    "broken-archive",
    "caption",
    "cookie-notice",
    "copyright",
    "cut-off",
    "deleted-account",
    "duplicate",
    "duplicate-document",
    "duplicate-id",
    "duplicate-key",
    "duplicate-relation",
    "duplicate-text",
    "edited-conflict",
    "empty",
    "encrypted",
    "guessed-encoding",
    "hidden",
    "illegal-relation",
    "json-min",
    "kills-workers",
    "label-in-some-files",
    "link-line",
    "misaligned",
    "missing-field",
    "missing-sections",
    "nameless-annotator",
    "nested-archive",
    "newer-draft",
    "newsletter",
    "no-label",
    "no-prediction",
    "no-such-span",
    "no-task",
    "no-text",
    "not-an-export",
    "not-confirmed",
    "not-in-a-text",
    "not-json",
    "not-utf8",
    "odd-field",
    "odd-path",
    "offsets-repaired",
    "older-annotation",
    "one-person",
    "one-way",
    "only-space",
    "open-conflict",
    "other-language",
    "other-name",
    "other-text",
    "out-of-range",
    "overlapping-spans",
    "passed-over",
    "record-too-large",
    "relabelled",
    "relation-left-out",
    "renamed-label",
    "sentence-left-out",
    "several-lists",
    "shadowed",
    "share-line",
    "snapped",
    "space-in-token",
    "spacing-differs",
    "task-not-article",
    "text-changed",
    "text-copy",
    "text-differs",
    "text-elsewhere",
    "title-repeated",
    "too-long",
    "too-many-spans",
    "trailing-data",
    "trimmed",
    "turned",
    "unclear-answer",
    "unknown-as-outside",
    "unknown-date",
    "unknown-format",
    "unknown-label",
    "unlabelled-relation",
    "unreadable",
    "unstorable-characters",
]
REASONS: frozenset[str] = frozenset(get_args(Reason))
Fault = tuple[Reason, str]  # a reason, and the details in words


class Meaning(NamedTuple):
    """What a reason means in a section of docs/formats.md; `actions` are separated by commas."""

    reason: Reason
    actions: str
    meaning: str


# The tables of docs/formats.md, by section. Lines that `labeling.ingest.clean` removes have their kind as the reason.
MEANINGS: dict[str, tuple[Meaning, ...]] = {
    "Reading files (`annotate`, `import`, `convert`)": (
        Meaning("unreadable", "refused", "the file is missing, cannot be read, or changes while it is read"),
        Meaning("cut-off", "refused", "JSON ends in the middle of a record; the records before it are read"),
        Meaning("trailing-data", "refused", "there is text after the end of the list"),
        Meaning(
            "record-too-large",
            "refused",
            "one record is too long: 200 MB or five million values for a task, for articles see above",
        ),
        Meaning("not-an-export", "refused", "`convert`: another kind of file, which is named"),
        Meaning(
            "broken-archive",
            "refused",
            "a damaged `.gz`, `.zst` or `.zip`; of the first two, everything before the damage is read",
        ),
        Meaning("archive-bomb", "refused", "it unpacks to more than 256 MiB and 200 times its size"),
        Meaning("odd-path", "refused", "an entry of a `.zip` with `..`, an absolute path, or a link"),
        Meaning("encrypted", "refused", "an entry of a `.zip` with a password"),
        Meaning("nested-archive", "refused", "an archive within an archive"),
        Meaning(
            "passed-over",
            "skipped",
            "a file in a folder or an archive that nobody named and that is clearly something else",
        ),
        Meaning("hidden", "skipped", "files and folders in a folder or an archive whose names begin with a dot"),
    ),
    "Reading articles (`annotate`, `import`)": (
        Meaning("unknown-format", "refused", "neither the file's ending nor its content is one of those above"),
        Meaning("not-utf8", "refused", "a file other than HTML is in another encoding, or binary"),
        Meaning("not-json", "refused", "a JSON record is not valid, or nested too deeply"),
        Meaning(
            "bad-row",
            "refused",
            "a row and the header have different numbers of fields, an article is not an object, or a field is not "
            "valid; an unclosed quote ends the file",
        ),
        Meaning(
            "duplicate-key",
            "refused",
            "a field of an article, or its column, occurs twice; nobody can tell which one is meant",
        ),
        Meaning("several-lists", "refused", "several lists in one object hold articles"),
        Meaning("task-not-article", "refused", "it is a Label Studio task; `labeling convert` reads those"),
        Meaning(
            "empty",
            "refused",
            "no text, or none after cleaning; a file, list, table or folder without an article",
        ),
        Meaning("duplicate", "refused", "same id and same text as an article read before in this run"),
        Meaning("duplicate-id", "refused", "same id, another text"),
        Meaning("duplicate-text", "refused", "same text, another id"),
        Meaning(
            "odd-field",
            "changed",
            "an id, title, date, source or URL is a list, an object, true or false, or a number that is not "
            "exact, infinite or NaN; it is kept in `extra`",
        ),
        Meaning("duplicate-key", "changed", "another field occurs twice; the last one is kept"),
        Meaning("missing-field", "changed", "an article lacks the field that `--id-field` or `--title-field` names"),
        Meaning("guessed-encoding", "changed", "an HTML page is not UTF-8 and does not declare its encoding"),
        Meaning("unstorable-characters", "changed", "NUL or lone surrogates became U+FFFD"),
        Meaning("unknown-date", "changed", "the date is not in a known form; it is kept in `extra`"),
    ),
    "Pre-annotation and pushing (`import`; `other-language` and `kills-workers` also `annotate`)": (
        Meaning(
            "kills-workers",
            "refused",
            "the process that annotates the article, or converts the task, was killed four times over it alone, "
            "probably because memory ran out",
        ),
        Meaning(
            "other-language",
            "kept",
            "the text is clearly in another language than the schema, which is named; it is pre-annotated anyway",
        ),
        Meaning(
            "too-many-spans",
            "refused",
            "a long article has so many spans that Label Studio could not store them in one request; other articles "
            "are imported (`import` only)",
        ),
        Meaning(
            "too-long",
            "refused",
            "the text has more characters than `[articles] max_characters` of the settings; usually it is a whole "
            "corpus in one file",
        ),
        Meaning("text-differs", "refused", "the project has this article with another text, which is kept"),
        Meaning(
            "begun-meanwhile",
            "refused, kept",
            "someone began to label a task while it was being set aside, or in a page that was still open: it stays, "
            "or was moved back; refused if another text was to replace it",
        ),
        Meaning(
            "no-prediction",
            "kept",
            "the task has no prediction, since the server had lost it, and someone has begun to label it; `url` "
            "is its page",
        ),
        Meaning(
            "not-confirmed",
            "refused",
            "the server does not confirm what was done with the article; run the same command again",
        ),
    ),
    "Tasks (`status`, `export`, `convert`)": (
        Meaning("no-task", "refused", "the record is not JSON or not a task; the message says what it looks like"),
        Meaning("no-text", "refused", "the task has no text"),
        Meaning("text-elsewhere", "refused", "the task has the address of its text instead of the text"),
        Meaning(
            "text-changed",
            "refused",
            "the text is not the one that was pushed; every span of the task is refused too",
        ),
        Meaning("bad-data", "refused", "the task's fields do not make a valid article"),
        Meaning("bad-annotation", "refused", "an annotation is not an object"),
        Meaning("older-annotation", "unused", "gave way to a newer submitted annotation of the same task"),
        Meaning("newer-draft", "unused", "an edit after the last submit was never submitted"),
        Meaning("bad-result", "refused", "the annotation's result is not a list"),
        Meaning(
            "duplicate-document",
            "unused",
            "another task has the same article, with an annotation that is newer or was read first",
        ),
        Meaning(
            "missing-sections",
            "kept",
            "a long article is in several tasks and some of them are not here, or their text was changed; the document "
            "consists of the others",
        ),
        Meaning("json-min", "kept", "the task comes from a JSON_MIN export"),
    ),
    "What several people annotated (`agreement`, `adjudicate`)": (
        Meaning("one-person", "changed", "several names or spellings of a name count as one person, who is named"),
        Meaning("other-name", "kept", "files name an account differently; its names count as different people"),
        Meaning("deleted-account", "kept", "an annotator is an account that was deleted and has lost its name"),
        Meaning("nameless-annotator", "kept", "annotations do not say whose they are, or only by a number"),
        Meaning("older-annotation", "unused", "gave way to a newer one of the same person, also in another file"),
        Meaning(
            "spacing-differs",
            "changed",
            "the same text is in another file with other white space; the labels were moved to that one",
        ),
        Meaning("label-in-some-files", "kept", "only some of the files have a label or relation, as if it were new"),
    ),
    "Adjudicated documents (`export` and `convert` with `--choose adjudicated`)": (
        Meaning("alone", "unused", "only one person annotated the text, or the part of a long article"),
        Meaning("spacing-differs", "changed", "texts differ by white space; the labels were moved to the first"),
        Meaning("open-conflict", "unused", "people differ and nobody has decided; the stretch is unknown in training"),
        Meaning(
            "after-decision",
            "unused",
            "a span that came after a decision about spans of the same label in the same place, which stays",
        ),
        Meaning("answers-differ", "unused", "people gave different answers about a span or an article"),
    ),
    "Spans and answers": (
        Meaning("bad-region", "refused", "a region is not an object"),
        Meaning("not-in-a-text", "refused", "the region lies on an image or in a dialogue"),
        Meaning("no-label", "refused", "the region has no label"),
        Meaning("unknown-label", "refused", "the schema has no such label; `--map`, `--drop` or `--schema auto`"),
        Meaning(
            "bad-offsets", "refused", "start and end are not both whole numbers, or their XPath is not in the page"
        ),
        Meaning("out-of-range", "refused", "the offsets are not within the text"),
        Meaning(
            "other-text",
            "refused",
            "the region's text is not at its offsets, however they are counted",
        ),
        Meaning("only-space", "refused", "nothing but white space"),
        Meaning(
            "duplicate",
            "refused",
            "another span has the same offsets and label; relations to the copy go to that one",
        ),
        Meaning("trimmed", "changed", "white space was cut off the edges"),
        Meaning("offsets-repaired", "changed", "the offsets are counted differently, as all regions of the task prove"),
        Meaning("text-copy", "kept", "the region's copy of its text differs only in insignificant ways"),
        Meaning("bad-answer", "refused", "a choice, text area or the like without name or value"),
        Meaning(
            "no-such-span",
            "refused",
            "an answer about a region without label, or one that was refused; an end of a relation is not a span",
        ),
    ),
    "Relations": (
        Meaning("no-such-span", "refused", "an end is not a span, or a refused one"),
        Meaning("no-label", "refused", "no label, and the schema allows none or several"),
        Meaning("illegal-relation", "refused", "unknown relation, or not between these labels in either direction"),
        Meaning("duplicate-relation", "refused", "occurs twice between the same spans"),
        Meaning("turned", "changed", "legal only in the other direction; reversed"),
        Meaning(
            "relabelled",
            "changed",
            "cannot be between these labels, as after a span got another one; the one relation that can be was taken",
        ),
        Meaning("unlabelled-relation", "changed", "no label was picked and no schema applies; it is called `relation`"),
        Meaning("one-way", "changed", "a two-way arrow was taken from its first to its second end"),
    ),
    "Answers of adjudicators (`adjudicate`)": (
        Meaning(
            "unclear-answer",
            "refused",
            "it says nothing, contradicts itself or another adjudicator's, or changes what all had agreed on; the "
            "conflict stays open",
        ),
        Meaning(
            "edited-conflict", "refused", "somebody edited the task's text, options or conflict; it is asked again"
        ),
    ),
    "Training files (`export`, `convert`)": (
        Meaning(
            "misaligned",
            "refused",
            "an edge is inside a token: in `docs.jsonl`, not in `doc.ents` or `doc.spans`",
        ),
        Meaning("snapped", "changed", "an edge was inside a token; moved over punctuation, or as `--align` says"),
        Meaning("shadowed", "kept", 'overlaps a longer span: in `doc.spans["sc"]`, not in `doc.ents`'),
        Meaning(
            "renamed-label",
            "changed",
            "a format cannot spell the label (brat, conll), or the events table has such a column",
        ),
        Meaning("overlapping-spans", "refused", "conll: the document's spans overlap; `--overlaps longest` writes it"),
        Meaning("sentence-left-out", "refused", "conll: nobody knows the tag of some token in the sentence"),
        Meaning("space-in-token", "changed", "conll: white space inside a token became `_`; one per document"),
        Meaning("relation-left-out", "refused", "prodigy: the edges of its head or tail are not edges of tokens"),
        Meaning(
            "unknown-as-outside",
            "changed",
            "prodigy: unreviewed tokens count as outside; one per document",
        ),
    ),
}
