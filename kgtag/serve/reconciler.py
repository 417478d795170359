"""The history kept up with external edits that the service notices."""

import logging

from graph.errors import KgtagError
from graph.history.versions import reconcile
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy

log = logging.getLogger(__name__)


class Reconciler:
    """Enters external edits into the store's history, once each."""

    def __init__(self, store: TaxonomyStore) -> None:
        self._store = store
        self._reconciled: Taxonomy | None = None
        self.history_error: str | None = None
        """Why the last attempt failed; None when it did not."""

    def reconcile(self, taxonomy: Taxonomy, token: str) -> Taxonomy:
        """Record what changed since the snapshot that was reconciled last; return it as the history numbers it. `token`
        is the store's from before the read. Failures are logged and kept; serving continues."""
        done = self._reconciled
        if done is not None and (taxonomy.version, taxonomy.revision) == (done.version, done.revision):
            return taxonomy
        try:
            found = reconcile(self._store, taxonomy, known=done, token=token)
        except Exception as error:  # whatever the history trips over, reads must continue
            if str(error) != self.history_error:
                unexpected = not isinstance(error, KgtagError)
                log.warning("external edits could not be recorded: %s", error, exc_info=unexpected)
            self.history_error = str(error)
            return taxonomy
        self.history_error = None
        if found is not None:
            self._reconciled = found
        return found or taxonomy
