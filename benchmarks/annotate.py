"""`labeling annotate` against spaCy alone, whole programs in one run: words a second, CPU, memory, predictions.

    python benchmarks/annotate.py TEXTS.jsonl …              # {"text"} a line: news, other people's gold
    python benchmarks/annotate.py TEXTS.jsonl --rounds 5
    python benchmarks/annotate.py TEXTS.jsonl --stream 100000    # is memory flat over so many articles?

Compared are programs that read the file and write a file, each from its start to its end, as a person runs them: the
loop `for text in texts: nlp(text)` and `nlp.pipe(texts, n_process=2)`, which write the entities, and `labeling
annotate`, which finds events, relations and normal forms too, looks for texts in another language, and writes tasks.
PSS is the memory of all processes together. A word is what stands between white space. On a machine that does other
things too, look at words a CPU second.
"""

import argparse
import json
import platform
import random
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import spacy
from programs import machine, run
from spacy.language import Language
from spacy.tokens import Doc

from labeling.nlp.load import SAME_AS, load

SYLLABLES = ["ka", "ro", "mi", "te", "lu", "na", "vo", "si", "de", "ba", "qu", "en", "ar", "is", "ot", "ul"]

PLAIN = """
import json, sys, spacy
def main():
    model, way, source, target = sys.argv[1:]
    nlp = spacy.load(model)
    texts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
    docs = nlp.pipe(texts, n_process=2) if way == "pipe" else (nlp(text) for text in texts)
    with open(target, "w", encoding="utf-8") as file:
        for doc in docs:
            json.dump([(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents], file)
            file.write("\\n")
main()
"""


def signature(doc: Doc) -> list[tuple[object, ...]]:
    """All that the pipeline says of each token."""
    return [
        (t.text, t.tag_, t.pos_, str(t.morph), t.lemma_, t.head.i, t.dep_, t.is_sent_start, t.ent_iob_, t.ent_type_)
        for t in doc
    ]


def differences(plain: Language, quick: Language, texts: list[str]) -> tuple[int, int, int]:
    """Tokens; those of which the faster pipeline says something else; and the texts with such tokens."""
    tokens = other = touched = 0
    for text, doc in zip(texts, quick.pipe(texts), strict=True):
        expected, found = signature(plain(text)), signature(doc)
        wrong = sum(a != b for a, b in zip(expected, found, strict=True))
        tokens, other, touched = tokens + len(expected), other + wrong, touched + bool(wrong)
    return tokens, other, touched


def varied(texts: list[str], count: int) -> Iterator[str]:
    """So many texts: the given ones over and over, with a name in each that nobody has seen before."""
    chance = random.Random(1)
    for text in islice(cycle(texts), count):
        first, last = ("".join(chance.choices(SYLLABLES, k=4)).capitalize() for _ in range(2))
        yield f"{first} {last} of {last}ville said on Friday: {text}"


def write(texts: list[str] | Iterator[str], file: Path) -> Path:
    """The file, with an article a line."""
    with file.open("w", encoding="utf-8") as lines:
        for number, text in enumerate(texts):
            lines.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")
    return file


def main() -> None:
    """Print the rates, their ratios, and how the predictions compare; or the memory for more and more articles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--model", default="en_core_web_sm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--stream", type=int, default=0)
    options = parser.parse_args()
    lines = [line for path in options.texts for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    texts = list(dict.fromkeys(json.loads(line)["text"] for line in lines))
    print(f"{machine()}, Python {platform.python_version()}, spaCy {spacy.__version__}")
    plain = SAME_AS.get(options.model, options.model)
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)

        def ours(source: Path) -> list[str | Path]:
            command = [Path(sys.executable).with_name("labeling"), "annotate", source, "-o", here / "tasks.jsonl"]
            command += ["-w", here, "--model", options.model]
            return [*command, "--jobs", str(options.jobs)] if options.jobs else command

        if options.stream:
            for count in (options.stream // 10, options.stream // 3, options.stream):
                done = run(ours(write(varied(texts, count), here / "stream.jsonl")))
                print(f"{count:9,} articles {done.seconds:7.0f} s   PSS {done.pss:6.0f} MB", flush=True)
            return
        tokens, other, touched = differences(spacy.load(plain), load(options.model), texts)
        where = f"{other:,} in {touched:,} differ in tag, head, lemma or entity"
        print(f"of {tokens:,} tokens in {len(texts):,} texts, {where}")
        source = write(texts, here / "texts.jsonl")
        words = sum(len(text.split()) for text in texts)
        python = [sys.executable, "-W", "ignore", "-c", PLAIN, plain]
        programs = {
            "loop": [*python, "loop", source, here / "loop.jsonl"],
            "pipe, 2 processes": [*python, "pipe", source, here / "pipe.jsonl"],
            "labeling annotate": ours(source),
        }
        best: dict[str, float] = {}
        for _ in range(options.rounds):
            for name, command in programs.items():
                done = run(command)
                if done.code:
                    sys.exit(done.err)
                best[name] = max(words / done.seconds, best.get(name, 0))
                print(
                    f"{name:18} {done.seconds:7.2f} s {words / done.seconds:8,.0f} words/s, "
                    f"a CPU second {words / done.cpu:7,.0f}   PSS {done.pss:6.0f} MB",
                    flush=True,
                )
    for name in ("loop", "pipe, 2 processes"):
        print(f"labeling annotate / {name}: {best['labeling annotate'] / best[name]:.2f} (best of {options.rounds})")


if __name__ == "__main__":
    main()
