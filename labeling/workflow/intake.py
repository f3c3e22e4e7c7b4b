"""Inputs → articles, read once, and those with what the pipeline predicts."""

from collections.abc import Iterable, Iterator, Sequence

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.errors import InputError
from labeling.ingest import FieldNames, read_articles
from labeling.settings import Workspace
from labeling.workflow.annotating import annotated
from labeling.workflow.progress import Within

SHOWN = 10  # of the problems, where nothing could be taken


class Intake:
    """The articles of the inputs, for one pass, and what was noticed on the way.

    Attributes:
        articles: How many were taken.
        problems: What was refused or noticed.
        notes: What the schema asks for and does not get from this model.
    """

    def __init__(
        self, workspace: Workspace, paths: Sequence[str], *, keep_all: bool = False, names: FieldNames | None = None
    ) -> None:
        self.workspace, self.paths = workspace, paths
        self.articles = 0
        self.problems: list[Problem] = []
        self.notes: tuple[str, ...] = ()
        self._items = read_articles(
            paths, keep_all=keep_all, max_characters=workspace.settings.articles.max_characters, names=names
        )

    def __iter__(self) -> Iterator[Article]:
        for item in self._items:
            if isinstance(item, Problem):
                self.problems.append(item)
            else:
                self.articles += 1
                yield item

    def some(self) -> Iterator[Article]:
        """The articles, of which there is at least one.

        Raises:
            InputError: There is none; the message says what was looked at, and why nothing of it was taken.
        """
        articles = iter(self)
        first = next(articles, None)
        if first is None:
            raise self._nothing()
        return self._from(first, articles)

    def _from(self, first: Article, rest: Iterator[Article]) -> Iterator[Article]:
        yield first
        yield from rest

    def _nothing(self) -> InputError:
        places = ", ".join("standard input" if path == "-" else path for path in self.paths)
        if not self.problems:
            return InputError(
                f"There is no article in {places}; nothing was done.",
                "Name files or folders of articles. docs/formats.md says what is read, and what is passed over.",
            )
        lines = [f"  {problem.where}: {problem.detail} ({problem.reason})" for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"  … and {len(self.problems) - SHOWN:,} more")
        return InputError(f"No article could be taken from {places}; nothing was done.\n" + "\n".join(lines))

    def annotated(self, articles: Iterable[Article], jobs: int | None, within: Within) -> Iterator[LabeledDoc]:
        """The articles with predictions; a text in another language than the schema's is noted.

        `within` is told how far a long one is.
        """
        from labeling.nlp.annotate import finds_no_events
        from labeling.nlp.language import foreign
        from labeling.nlp.load import load
        from labeling.nlp.pipelines import idle

        schema, model = self.workspace.label_schema, self.workspace.model

        def noted() -> Iterator[Article]:
            for article in articles:
                if code := foreign(article.text, schema.language):
                    detail = f"the text is in another language ({code}) than the schema's labels ({schema.language})"
                    self.problems.append(
                        Problem(reason="other-language", action="kept", detail=detail, doc_id=article.doc_id)
                    )
                yield article

        nlp = load(model)
        self.notes = (*idle(schema), *filter(None, [finds_no_events(nlp, schema)]))
        return annotated(nlp, model, schema, noted(), jobs, within)


def version_of(workspace: Workspace) -> str:
    """The model version of the workspace's predictions: its pipeline's and its schema's.

    Raises:
        ModelError: There is no such model, or it is for another language than the schema.
    """
    from labeling.nlp.load import model_version
    from labeling.nlp.pipelines import check_language

    check_language(workspace.model, workspace.label_schema)
    return model_version(workspace.model, workspace.label_schema)
