"""The loader: from a generation of the pointer to loaded variants that may serve.

Bundles that are not loaded yet are tried in a child process (`models/isolation`), then every byte is compared, they are
loaded here, and their golden rows are replayed. Nearly all of the time goes into loading a graph: a bundle takes a
graph that is loaded already, and those of the generation before are kept, so that a rollback is quick; so is a bundle
that was tried before.
"""

import pathlib
import threading
import time
from collections.abc import Callable, Mapping

from models.isolation.bundle_trial import Check, loaded, try_bundle
from models.isolation.trial import TrialEnded, TrialOverLimit, Trials
from models.isolation.tried import TriedBundles, name_of
from models.live.serving import Serving
from models.live.short_turns import SHORT_TURNS
from models.live.trouble import trouble_text
from models.registry.pointer import Pointer
from models.registry.registry import Registry
from models.scoring.manifest import check_manifest
from models.scoring.scorer import Scorer
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError, ServiceError
from transforms.graph.graph import TransformGraph

TROUBLES = (OSError, ServiceError)
"""What is raised for the machine or the network, and says nothing of a bundle."""

_PASSING = (*TROUBLES, TrialEnded, TrialOverLimit, MemoryError)  # another time the same bundle may do


class BundleLoader:
    """Loads one generation after the other, all from one thread; what it is doing may be read from others.

    `check` is called with every bundle, in the child and here, and raises if the job cannot use it; it is pickled.
    """

    def __init__(self, registry: Registry, check: Check, trials: Trials, tried: TriedBundles):
        self._registry, self._check, self._trials, self._tried = registry, check, trials, tried
        self._bad: dict[str, str] = {}
        self._graphs: dict[str, TransformGraph] = {}
        self._fresh: dict[str, Scorer] = {}
        self._busy_since = 0.0
        self.making = ""
        """The bundle that is made ready now, empty if none is."""
        self.trying = ""
        """The bundle whose trial goes on now, empty if none does."""

    @property
    def kept(self) -> tuple[str, ...]:
        """The bundles that were loaded for a generation that does not serve yet."""
        return tuple(self._fresh)

    def busy_s(self) -> float:
        """Return for how long a bundle has been loading, 0 if none is; a trial has a deadline of its own."""
        since = self._busy_since
        return time.monotonic() - since if since else 0.0

    def load(
        self, pointer: Pointer, now: Serving | None, still_newest: Callable[[], bool], ended: threading.Event
    ) -> Serving:
        """Return the variants of a pointer, those that serve `now` as they are.

        Raises what is wrong with the first bundle that cannot serve, and `TrialEnded` soon after `ended` is set or if
        the pointer is not `still_newest` when a bundle's turn comes. What was loaded by then is kept for the next.
        """
        served = dict(now.scorers) if now is not None else {}
        # what was loaded for a pointer that changed before it served
        self._fresh = {bundle: one for bundle, one in self._fresh.items() if bundle in pointer.variants.bundles}
        scorers: dict[str, Scorer] = {}
        use_case = now.champion.use_case if now is not None else None
        for bundle in pointer.variants.bundles:
            if bundle not in served and bundle not in self._fresh:
                self.making = bundle  # before the look: a pointer that changes after it ends what is not of use
                if not still_newest():
                    raise TrialEnded(f"generation {pointer.generation} is not wanted any more")
                self._fresh[bundle] = self._loaded(bundle, {**served, **self._fresh}, ended)
            scorers[bundle] = served.get(bundle) or self._fresh[bundle]
            use_case = use_case or scorers[bundle].use_case
            if scorers[bundle].use_case != use_case:
                raise ArtifactError(f"bundle {bundle} is of use case {scorers[bundle].use_case}, wanted {use_case}")
        return Serving(pointer.generation, pointer.variants, scorers)

    def rest(self) -> None:
        """Be doing nothing: a generation is decided, or waits to be tried again."""
        self._busy_since, self.making, self.trying = 0.0, "", ""

    def forget(self) -> None:
        """Drop what was loaded for a generation: it serves now, or was refused."""
        self._fresh = {}

    def keep_graphs(self, scorers: Mapping[str, Scorer]) -> None:
        """Keep the graphs of these bundles, and no others, for generations to come."""
        self._graphs = {scorer.graph.fingerprint: scorer.graph for scorer in scorers.values()}

    def _loaded(self, bundle: str, here: dict[str, Scorer], ended: threading.Event) -> Scorer:
        self._busy_since = time.monotonic()

        def still_wanted() -> None:
            if ended.is_set():
                raise TrialEnded(f"bundle {bundle} is not wanted any more")

        path = self._registry.bundle_path(bundle, still_wanted).absolute()
        with SHORT_TURNS:
            opened = artifact.open_artifact(path, ArtifactKind.BUNDLE)
            opened.verify(still_wanted)
            check_manifest(opened.manifest, str(path))
            name = name_of(opened.manifest, opened.manifest["family"], self._check)
        if name in self._bad:
            raise ArtifactError(f"bundle {bundle} was refused before and its files are as they were: {self._bad[name]}")
        try:
            self._try(path, bundle, name, ended)
            still_wanted()
            self._busy_since = time.monotonic()
            graphs = self._graphs | {scorer.graph.fingerprint: scorer.graph for scorer in here.values()}
            with SHORT_TURNS:
                return loaded(path, bundle, graphs, self._check)
        except _PASSING:
            raise
        except Exception as error:
            self._bad[name] = trouble_text(error)
            raise

    def _try(self, path: pathlib.Path, bundle: str, name: str, ended: threading.Event) -> None:
        self._busy_since, self.trying = 0.0, bundle  # a trial has a deadline of its own
        if name not in self._tried:
            with self._tried.in_turn(ended):
                if name not in self._tried:
                    self._trials.run(f"bundle {bundle}", try_bundle, path, bundle, self._check, ended=ended)
                    self._tried.add(name)
        self.trying = ""
