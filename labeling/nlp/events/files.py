"""The files that a schema names for its pre-annotation, in memory, so that they can be saved with a pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from labeling.core.preannotate import Preannotate
from labeling.core.schema import LabelSchema
from labeling.errors import InputError, SchemaError
from labeling.files import read_text
from labeling.resources import resource

SCHEMA, RULES, PATTERNS, LISTS = "schema.json", "rules", "patterns", "lists"


@dataclass(frozen=True)
class Files:
    """A schema with all files that its `[preannotate]` names.

    Attributes:
        schema: The schema.
        wanted: The settings of the pre-annotation.
        content: File name → bytes: `rules/nouns.tsv`, `patterns/0.jsonl`, `lists/light_verbs.0.txt`.
    """

    schema: LabelSchema
    wanted: Preannotate
    content: Mapping[str, bytes]

    @classmethod
    def of(cls, schema: LabelSchema) -> Self:
        """The schema with the files that it names, from its own folder or the shipped ones.

        Raises:
            SchemaError: It has no `[preannotate]`, or names a file that does not exist.
        """
        wanted = schema.predicted
        if not wanted:
            raise SchemaError(f"The schema {schema.key} has no [preannotate].", "docs/preannotation.md describes it.")
        rules = _located(wanted.rules, schema.folder)
        content = {f"{RULES}/{file.name}": file for file in sorted(rules.iterdir()) if file.is_file()}
        for number, name in enumerate(wanted.patterns):
            content[f"{PATTERNS}/{number}.jsonl"] = _located(name, schema.folder)
        for list_name, names in wanted.lists.items():
            for number, name in enumerate(names):
                content[f"{LISTS}/{list_name}.{number}.txt"] = _located(name, schema.folder)
        return cls(schema, wanted, {name: _bytes(file) for name, file in content.items()})

    def packed(self) -> dict[str, bytes]:
        """The files and the schema, by name; `unpacked` reads them."""
        # defaults stay out: a default label that the schema lacks would be an error if it were set
        schema = self.schema.model_dump_json(indent=1, exclude_unset=True)
        return {**self.content, SCHEMA: schema.encode("utf-8")}

    @classmethod
    def unpacked(cls, packed: Mapping[str, bytes]) -> Self:
        """The value that `packed` saved."""
        schema = LabelSchema.model_validate_json(packed[SCHEMA])
        content = {name: data for name, data in packed.items() if name != SCHEMA}
        return cls(schema, schema.predicted or Preannotate(), content)

    def text(self, name: str) -> str:
        """The text of a file.

        Raises:
            SchemaError: There is no such file, or it is not UTF-8.
        """
        if name not in self.content:
            raise SchemaError(
                f"The rules {self.wanted.rules} lack {name}.", "schemas/en/README.md says what they need."
            )
        try:
            return self.content[name].decode("utf-8")
        except UnicodeDecodeError as error:
            raise SchemaError(f"{name} is not UTF-8: {error}") from error

    def named(self, folder: str, ending: str) -> dict[str, str]:
        """The texts of a folder's files with this ending, by name without folder and ending."""
        return {
            name.removeprefix(f"{folder}/").removesuffix(ending): self.text(name)
            for name in self.content
            if name.startswith(f"{folder}/") and name.endswith(ending)
        }


def read_schema(name: str) -> LabelSchema:
    """A schema by its path, or a shipped one by its name.

    Raises:
        InputError: There is no such schema.
        SchemaError: It has problems.
    """
    file = Path(name) if name.endswith(".toml") else resource("schemas") / f"{name}.toml"
    if not file.is_file():
        raise InputError(f"There is no schema {name!r}.", "Name a .toml file, or one that is shipped, such as event.")
    return LabelSchema.from_toml(read_text(file, "The schema"), str(file), file.parent)


def _located(name: str, folder: Path | None) -> Path:
    places = [Path(name)] if Path(name).is_absolute() else [p / name for p in (folder, resource("schemas")) if p]
    found = next((place for place in places if place.exists()), None)
    if not found:
        raise SchemaError(
            f"The schema names {name}, which does not exist.", f"Looked for {' and '.join(map(str, places))}."
        )
    return found


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SchemaError(f"{file} cannot be read: {error.strerror or error}") from error
