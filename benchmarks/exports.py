"""A Label Studio export of any size, as a newsroom's project would give it. Made up, and the same at every run.

    python benchmarks/exports.py 10000 export.json

Each task has about 3 kB of text and 30 regions with their relations. The words are those of the seed articles and, one
in five, of an endless lexicon, so that the vocabulary grows with the text as it does in news (Heaps' law: some 28,000
different words in 240,000, 180,000 in five million). A few spans overlap, have white space at an edge or end inside of
a token; a few tasks are skipped, have emoji, or are copies of others with another first sentence.
"""

import json
import math
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SEEDS = Path(__file__).parents[1] / "seeds"
LABELS = ("ACTOR", "ACTION", "LOCATION", "DATE")
SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstvz" for vowel in "aeiou"]
LEXICON = 300_000
TIME = "2026-11-0{}T10:00:00.000000Z"


def words_of_seeds() -> list[str]:
    """Every word of the seed articles, as often as it stands there."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(SEEDS.glob("*.txt"))]
    return [word for text in texts for word in text.split()]


def word(rank: int) -> str:
    """The word of the lexicon at a rank; two in five are names."""
    name = ""
    while rank or not name:
        rank, digit = divmod(rank, len(SYLLABLES))
        name += SYLLABLES[digit]
    return name.capitalize() if hash_of(name) % 5 < 2 else name


def hash_of(text: str) -> int:
    """A number that is the same in every process."""
    return sum(ord(character) * 31**i for i, character in enumerate(text)) % 1009


def text_of(chance: random.Random, known: list[str], size: int) -> str:
    """About so many characters of sentences and paragraphs."""
    parts: list[str] = []
    length = 0
    while length < size:
        words = chance.choices(known, k=chance.randint(8, 28))
        for i in range(len(words)):
            if chance.random() < 0.2:
                words[i] = word(int(math.exp(chance.random() * math.log(LEXICON))))
        sentence = " ".join(words).rstrip(",.;:") + (".\n\n" if chance.random() < 0.2 else ". ")
        parts.append(sentence)
        length += len(sentence)
    return "".join(parts).strip()


def task(number: int, chance: random.Random, known: list[str], before: str) -> dict[str, Any]:
    """One task with one annotation; `before` is the text of an earlier one, of which a few are copies."""
    if before and chance.random() < 0.02:
        text = text_of(chance, known, 80) + " " + before.split(". ", 1)[-1]
    else:
        text = text_of(chance, known, 2950)
    if chance.random() < 0.05:
        text = f"😀 {text}"
    result = regions(text, chance)
    made = TIME.format(1 + number % 9)
    annotation = {
        "id": number, "completed_by": 1 + number % 5, "result": result, "was_cancelled": chance.random() < 0.01,
        "ground_truth": False, "created_at": made, "updated_at": made, "draft_created_at": None, "lead_time": 93.7,
        "prediction": {}, "result_count": len(result), "unique_id": f"{chance.getrandbits(64):016x}", "task": number,
        "project": 1, "parent_prediction": None, "parent_annotation": None, "last_created_by": None,
    }  # fmt: skip
    data = {"doc_id": f"article-{number}", "text": text, "title": text[:60], "published": made[:10], "source": "Wire"}
    return {
        "id": number, "annotations": [annotation], "file_upload": None, "drafts": [], "predictions": [], "data": data,
        "meta": {}, "created_at": made, "updated_at": made, "inner_id": number, "total_annotations": 1, "project": 1,
        "cancelled_annotations": 0, "total_predictions": 0, "comment_count": 0, "updated_by": 1, "comment_authors": [],
    }  # fmt: skip


def regions(text: str, chance: random.Random, count: int = 30) -> list[dict[str, Any]]:
    """Spans over one to four words, and relations between neighbours."""
    words = [match.span() for match in re.finditer(r"[\w’'-]*\w", text)]
    step = max(1, len(words) // count)
    result: list[dict[str, Any]] = []
    for first in range(0, step * min(count, len(words) - 4), step):
        start, end = words[first][0], words[first + min(step - 1, chance.choice((0, 0, 0, 1, 1, 2, 3)))][1]
        odd = chance.random()
        if odd < 0.02:  # overlaps the next one
            end = words[min(first + step, len(words) - 1)][1]
        elif odd < 0.03 and text[end : end + 1] == " ":
            end += 1
        elif odd < 0.035:
            end -= 1
        value = {"start": start, "end": max(start + 1, end), "labels": [chance.choice(LABELS)]}
        value["text"] = text[value["start"] : value["end"]].replace("\n", "\\n")
        region_id = f"{chance.getrandbits(40):010x}"
        names = {"from_name": "label", "to_name": "text", "type": "labels", "origin": "manual"}
        result.append({"value": value, "id": region_id, **names})
    arrows = [
        {"from_id": a["id"], "to_id": b["id"], "type": "relation", "direction": "right", "labels": ["agent"]}
        for a, b in zip(result[::4], result[1::4], strict=False)
    ]
    return result + arrows


def tasks(count: int) -> Iterator[dict[str, Any]]:
    """So many tasks."""
    chance = random.Random(2026)
    known = words_of_seeds()
    before = ""
    for number in range(1, count + 1):
        made = task(number, chance, known, before)
        before = made["data"]["text"]
        yield made


def write(count: int, file: Path) -> Path:
    """The file, as one line: the JSON list that Label Studio's Export button gives."""
    with file.open("w", encoding="utf-8") as out:
        for i, made in enumerate(tasks(count)):
            out.write(("," if i else "[") + json.dumps(made))
        out.write("]")
    return file


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
