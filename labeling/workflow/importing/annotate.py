"""Articles → documents with the pipeline's predictions."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.loading import what_stays
from labeling.settings import Workspace
from labeling.workflow.annotating import annotated
from labeling.workflow.problems import Problems
from labeling.workflow.progress import ItemProgress

Left = Callable[[Iterator[Article]], Iterator[Article]]


class Annotator:
    """Annotates articles with the workspace's model and schema.

    Attributes:
        noted: Articles in another language.
        lost: The articles that were left out, since they kill the processes that annotate them.
        notes: What the schema asks for and this model does not provide.
    """

    def __init__(self, workspace: Workspace, jobs: int | None = None) -> None:
        self.workspace = workspace
        self.engine = workspace.engine(jobs)
        self.noted = Problems()
        self.lost: set[str] = set()
        self.notes: tuple[str, ...] = ()

    def documents(
        self, articles: Iterable[Article], within: ItemProgress, *, is_small: bool = False, left: Left = iter
    ) -> Iterator[LabeledDoc]:
        """The articles with predictions, in order.

        Processes are forked when this is called, before a progress bar starts its threads.

        Args:
            articles: The articles, perhaps an endless stream.
            within: Is told how far a long article is.
            is_small: Whether they are too few to be worth sharing.
            left: Leaves out those that were annotated before; their problems are noted all the same.
        """
        with what_stays():
            from labeling.nlp.annotate import finds_no_events
            from labeling.nlp.load import load
            from labeling.nlp.pipelines import idle

        schema, model = self.workspace.label_schema, self.workspace.model
        nlp = load(model)
        self.notes = (*idle(schema), *filter(None, [finds_no_events(nlp, schema)]))
        engine = self.engine.for_little() if is_small else self.engine
        return annotated(nlp, model, schema, left(self._noted(articles)), engine, within, self.lose)

    def lose(self, doc_id: str) -> None:
        """Add an article to those that were left out, since they kill workers."""
        self.lost.add(doc_id)

    @property
    def problems(self) -> Iterator[Problem]:
        """Articles in another language, and then those that were left out."""
        detail = "the process that annotates it was killed time and again, probably because memory ran out"
        lost = (
            Problem(reason="kills-workers", action="refused", detail=detail, doc_id=doc_id)
            for doc_id in sorted(self.lost)
        )
        return chain(self.noted, lost)

    def _noted(self, articles: Iterable[Article]) -> Iterator[Article]:
        """The articles; those in another language than the schema's are noted."""
        from labeling.nlp.language import foreign

        language = self.workspace.label_schema.language
        for article in articles:
            if code := foreign(article.text, language):
                detail = f"the text is in another language ({code}) than the schema's labels ({language})"
                self.noted.append(Problem(reason="other-language", action="kept", detail=detail, doc_id=article.doc_id))
            yield article


def version_of(workspace: Workspace) -> str:
    """The model version of the workspace's predictions, from its pipeline and schema.

    Raises:
        ModelError: There is no such model, or it is for another language than the schema.
    """
    from labeling.nlp.load import model_version
    from labeling.nlp.pipelines import check_language

    check_language(workspace.model, workspace.label_schema)
    return model_version(workspace.model, workspace.label_schema)
