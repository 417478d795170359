"""A training that is killed again and again. Run as a program, which loads the libraries once and forks for each try:

python -m tests.kgtag.train.extractor.killing ENCODER DIRECTORY
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from kgtag.train.checkpoints import RunPlace, keeping
from kgtag.train.extractor.config import TrainOptions
from kgtag.train.extractor.loop import Learner
from kgtag.train.extractor.prepare import Training, prepare, variants
from tests.kgtag.extract.tiny import held_out

OPTIONS = TrainOptions(
    epochs=3, batch_size=8, gradient_accumulation_steps=2, learning_rate=1e-3, head_learning_rate=3e-3, device="cpu",
    max_tokens=48, swap=0.5,
)  # fmt: skip
VALUES = {"Color": ["violet"]}


def learn(encoder: str, place: RunPlace | None, result: Path) -> None:
    """Writes the learned weights and the history to `result`."""
    train, dev = held_out()
    task = Training(train, dev, encoder, 5, OPTIONS, VALUES)
    ready = prepare(task)
    mark = task.fingerprint()
    said: list[str] = []
    with nullcontext(None) if place is None else keeping(place, mark) as keeper:
        learner = Learner(ready.network, ready.batcher, options=OPTIONS, seed=5)
        best = learner.run(ready.train, ready.dev, said.append, variants=variants(ready, task), keeper=keeper)
    found = {"state": best.state, "history": best.history, "curves": best.curves, "epoch": best.epoch}
    torch.save(found | {"continued": [line for line in said if line.startswith("continuing")]}, result)


def forked(work: Callable[[], None]) -> int:
    """How a child that does the work ends: 0, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(event: str, name: str, count: int) -> None:
    """Makes the process kill itself at the count-th time that it opens or renames a file of that name."""
    seen = 0

    def hook(what: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        if what == event and Path(os.fsdecode(args[0])).name.startswith(name):
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main(encoder: str, directory: Path) -> None:
    from transformers import AutoModel, BertModel  # noqa: F401 - once, and not in every child

    torch.set_num_threads(1)
    assert forked(lambda: learn(encoder, None, directory / "whole.pt")) == 0
    place = RunPlace(directory / "model.run", minutes=0)
    points = [
        ("os.rename", ".run.json.part", 1),
        ("open", ".checkpoint.pt.part", 1),
        ("os.rename", ".checkpoint.pt.part", 3),
        ("os.rename", ".best-", 1),
        ("open", ".checkpoint.pt.part", 5),
    ]
    for point in points:

        def work(point: tuple[str, str, int] = point) -> None:
            killed_at(*point)
            learn(encoder, place, directory / "never.pt")

        ended = forked(work)
        assert ended == -signal.SIGKILL, (point, ended)
    assert forked(lambda: learn(encoder, place, directory / "resumed.pt")) == 0


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
