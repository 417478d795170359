"""The models of a service: loaded again when a directory is replaced, and swapped beside the requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from graph.errors import InputError
from kgtag.recommend.model import RecommenderModel
from kgtag.serve.assemble import with_challenger
from kgtag.serve.settings import Settings
from kgtag.tag.models import Models

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Device, inode and time of change of each directory; None where there is none."""


class FollowedModels:
    """The models that the settings name, and whether they still stand there.

    `kgtag train … --out DIR` replaces a directory as a whole, and so does a symbolic link that is moved: either is seen
    at the next poll. New models that do not load, or do not fit the taxonomy, are logged once and left alone.

    Args:
        settings: Names the directories.
        load: Reads all of them.
        models: Those already loaded; by default `load` is called.
    """

    def __init__(self, settings: Settings, load: Callable[[Settings], Models], *, models: Models | None = None) -> None:
        self._settings, self._load = settings, load
        self._lock = threading.Lock()
        self._seen = self._stamp()
        self.current = models if models is not None else load(settings)
        self.error: str | None = None
        """Why the models that stand in the directories now are not served; None when they are."""

    def follow(self, renew: Callable[[], None], *, force: bool = False) -> None:
        """Load what was replaced, all of it with `force`, and call `renew`, which assembles the served parts from
        `current`."""
        with self._lock:
            stamp = self._stamp()
            if force or (stamp != self._seen and None not in _changed(stamp, self._seen)):
                self._follow(stamp, renew, force)

    def _follow(self, stamp: Stamp, renew: Callable[[], None], force: bool) -> None:
        before, seen = self.current, self._seen
        self._seen = stamp
        try:
            self.current = self._load(self._settings) if force else self._loaded(stamp, seen)
            renew()
        except InputError as error:
            self.current, self.error = before, str(error)
            log.error("the new models are not served, the ones before are: %s", error)
        else:
            self.error = None
            log.info("serving the new models")

    def _loaded(self, stamp: Stamp, seen: Stamp) -> Models:
        """The recommender or the challenger alone where nothing else changed: the other models take long, and memory
        twice."""
        changed = [n for n, (now, before) in enumerate(zip(stamp, seen, strict=True)) if now != before]
        if changed == [3] and self._settings.recommender is not None:
            return replace(self.current, recommender=RecommenderModel.load(self._settings.recommender))
        if changed == [4]:
            return with_challenger(self.current, self._settings)
        return self._load(self._settings)

    def _stamp(self) -> Stamp:
        settings = self._settings
        places = (
            settings.model, settings.embeddings, settings.query_model, settings.recommender, settings.challenger,
        )  # fmt: skip
        return tuple(_state(Path(place)) if place is not None else None for place in places)


def _state(place: Path) -> tuple[int, int, int] | None:
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _changed(stamp: Stamp, seen: Stamp) -> list[tuple[int, int, int] | None]:
    return [now for now, before in zip(stamp, seen, strict=True) if now != before]
