"""Champion and challenger: how often equal models are called different, how soon a worse one is found, what it costs.

    python benchmarks/challenger.py [--simulations 1000]
    python benchmarks/challenger.py --demo DIR [--seconds 20]

The first command simulates: one to four verdicts a product, half of the products easier than the others, and a look
after each product. Beside kgtag's test: the mixture sequential probability ratio test (mSPRT; Johari et al., KDD 2017,
doi:10.1145/3097983.3097992) and the two-proportion z-test, looked at as often and only once.

The second is `kgtag serve` over HTTP with the model of the demo in DIR; the challenger is the same model, whose
categories are mixed up. Titles are the sample shop's test set, again and again with a number behind; its gold
says which tags are right, for one tag of each title, drawn at random. Answers are timed in turns, without and with a
shadow of a tenth and of all titles, one connection asking `/v1/tag` and another neighbours.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from abuse import wait_until_ready
from common import arguments, machine, percentile, report, table
from neighbours import free_port

from graph.api_keys import create_key
from graph.stores import open_store
from graph.taxonomy import Taxonomy
from kgtag.artifacts import ModelDirectory
from kgtag.data import read_annotated, sample
from kgtag.evaluation.sequential import SequentialTest
from kgtag.evaluation.tagging import closed, gold_concepts
from kgtag.extract.files import EXTRACTOR, config_of, rewrite_config
from kgtag.tag.decisions import Arm

_Z = 1.959964
_TAU = 0.1
"""Of the mSPRT: the standard deviation of the differences that are expected."""


class Rivals:
    """The z-test and the mSPRT on the same products, a product counted by its share of right verdicts."""

    def __init__(self) -> None:
        self.sums = {arm: [0.0, 0.0, 0.0] for arm in ("champion", "challenger")}
        self.peeked = self.mixture = False
        self.z = 0.0

    def add(self, arm: Arm, right: int, wrong: int) -> None:
        share, row = right / (right + wrong), self.sums[arm]
        row[0], row[1], row[2] = row[0] + 1, row[1] + share, row[2] + share * share
        (n, s, q), (m, t, r) = self.sums.values()
        if min(n, m) < 10:
            return
        variance = (q / n - (s / n) ** 2) / n + (r / m - (t / m) ** 2) / m
        if variance <= 0:
            return
        difference = t / m - s / n
        self.z = difference / math.sqrt(variance)
        self.peeked |= abs(self.z) > _Z
        spread = variance + _TAU**2
        log_ratio = 0.5 * math.log(variance / spread) + _TAU**2 * difference**2 / (2 * variance * spread)
        self.mixture |= log_ratio > math.log(20)


def products(draw: random.Random, champion: float, challenger: float, share: float) -> Iterator[tuple[Arm, int, int]]:
    """Verdicts on products without end; those on one product are alike."""
    while True:
        arm: Arm = "challenger" if draw.random() < share else "champion"
        rate = challenger if arm == "challenger" else champion
        rate += (1 - rate) / 2 * (1 if draw.random() < 0.5 else -1)
        verdicts = draw.randint(1, 4)
        right = sum(draw.random() < rate for _ in range(verdicts))
        yield arm, right, verdicts - right


def false_alarms(simulations: int, length: int) -> list[list[Any]]:
    rows = []
    for rate in (0.7, 0.9, 0.98):
        for share in (0.5, 0.1):
            counts = [0, 0, 0, 0]
            for seed in range(simulations):
                test, rivals = SequentialTest(), Rivals()
                stream = products(random.Random(f"aa {rate} {share} {seed}"), rate, rate, share)
                for _, (arm, right, wrong) in zip(range(length), stream, strict=False):
                    test.add(arm, right=right, wrong=wrong, share=share)
                    rivals.add(arm, right, wrong)
                found = (test.certain_after is not None, rivals.mixture, rivals.peeked, abs(rivals.z) > _Z)
                counts = [count + one for count, one in zip(counts, found, strict=True)]
            rows.append([f"{rate:.0%}", f"{share:.0%}", *(100 * count / simulations for count in counts)])
            print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    return rows


def found_after(simulations: int, most: int) -> list[list[Any]]:
    rows = []
    for champion, challenger in ((0.9, 0.7), (0.9, 0.8), (0.9, 0.85), (0.8, 0.9)):
        for share in (0.5, 0.1):
            took, wrong_way = [], 0
            for seed in range(simulations):
                test = SequentialTest()
                stream = products(
                    random.Random(f"ab {champion} {challenger} {share} {seed}"), champion, challenger, share
                )
                for n, (arm, right, wrong) in enumerate(stream):
                    test.add(arm, right=right, wrong=wrong, share=share)
                    if test.certain_after is not None or n == most:
                        break
                took.append(test.products if test.certain_after is not None else math.inf)
                wrong_way += test.better is not None and (test.better == "challenger") != (challenger > champion)
            variance = champion * (1 - champion) / (1 - share) + challenger * (1 - challenger) / share
            fixed = (_Z + 0.8416) ** 2 * variance / (champion - challenger) ** 2
            missed = sum(one == math.inf for one in took)
            quick, slow = (percentile(took, at) for at in (0.5, 0.9))
            shown = [round(one) if one < math.inf else f"over {most:,}" for one in (quick, slow)]
            name = f"{champion:.0%}, {challenger:.0%}"
            rows.append([name, f"{share:.0%}", *shown, 100 * missed / simulations, wrong_way, round(fixed)])
            print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    return rows


class Asker:
    """Requests with a key to a port."""

    def __init__(self, port: int, key: str) -> None:
        self._url, self._key = f"http://127.0.0.1:{port}", key

    def __call__(self, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"X-API-Key": self._key, "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self._url + path, data, headers), timeout=60) as answer:
            return json.load(answer)


@contextmanager
def serving(home: Path, *options: str) -> Iterator[Asker]:
    url = f"sqlite:///{home / 'shop.db'}"
    store = open_store(url)
    store.migrate()
    _, key = create_key(store, name="challenger", scopes=["admin"])
    store.close()
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "api",
        "serve",
        "--store",
        url,
        "--port",
        str(port),
        "--model",
        str(home / "model"),
    ]
    command += ["--embeddings", str(home / "embeddings"), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home)
    try:
        wait_until_ready(port, process)
        yield Asker(port, key)
    finally:
        process.kill()
        process.wait()


def in_turns(asks: list[Asker], titles: list[str], ids: list[str], seconds: float) -> list[list[float]]:
    """By service: p50 and p99 of tagging, then of neighbours, in ms; each gets a second in turn."""
    took: list[dict[str, list[float]]] = [{"tag": [], "read": []} for _ in asks]
    turn, stop = [0], threading.Event()

    def reads() -> None:
        for n in range(1 << 30):
            if stop.is_set():
                return
            at, started = turn[0], time.perf_counter()
            asks[at](f"/v1/concepts/{ids[n % len(ids)]}/neighbours")
            took[at]["read"].append(time.perf_counter() - started)
            time.sleep(0.01)

    reader = threading.Thread(target=reads)
    reader.start()
    number = 0
    for n in range(round(seconds) * len(asks)):
        turn[0] = n % len(asks)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            number += 1
            started = time.perf_counter()
            asks[turn[0]]("/v1/tag", {"id": f"t{number}", "title": f"{titles[number % len(titles)]} no. {number}"})
            took[turn[0]]["tag"].append(time.perf_counter() - started)
            time.sleep(0.02)
    stop.set()
    reader.join()
    return [
        [1000 * percentile(one[kind], share) for kind in ("tag", "read") for share in (0.5, 0.99)] + [len(one["tag"])]
        for one in took
    ]


def worsen(model: Path, other: Path) -> None:
    """A copy of the model that takes each category for another one."""
    shutil.copytree(model, other)
    config = config_of(ModelDirectory.open(other, EXTRACTOR))
    ids = dict(config.category_concepts)
    names = sorted(ids)
    mixed = dict(zip(names, [ids[name] for name in (*names[1:], names[0])], strict=True))
    rewrite_config(other, replace(config, category_concepts=ids | mixed))


def over_http(demo: Path, seconds: float) -> tuple[list[list[Any]], list[list[Any]]]:
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "demo"
        shutil.copytree(demo, home)
        worsen(home / "model", home / "next")
        store = open_store(f"sqlite:///{home / 'shop.db'}")
        store.migrate()
        taxonomy = Taxonomy.of(store.read())
        store.close()
        rows = [one for one in read_annotated(sample.TEST) if one.product.title]
        right = [(one.product.title, closed(gold_concepts(one, taxonomy), taxonomy)) for one in rows]
        titles, ids = [title for title, _ in right], list(taxonomy.ids)[:200]
        challenge = ("--challenger", str(home / "next"), "--decisions")
        facts = _reviewed(home, challenge, right)
        facts += _promoted(home, challenge, titles)
        with (
            serving(home) as alone,
            serving(home, *challenge, str(home / "d1"), "--challenge", "shadow", "--share", "0.1") as tenth,
            serving(home, *challenge, str(home / "d2"), "--challenge", "shadow", "--share", "0.99") as most,
        ):
            asks = [alone, tenth, most]
            in_turns(asks, titles, ids, 3)
            times = in_turns(asks, titles, ids, seconds)
    names = ("without", "shadow of 10%", "shadow of 99%")
    return facts, [[name, *row] for name, row in zip(names, times, strict=True)]


def _reviewed(home: Path, challenge: tuple[str, ...], right: list[tuple[str, Any]]) -> list[list[Any]]:
    """How many verdicts the real service needs to find the worse model; the share of its products."""
    draw, verdicts, split = random.Random(0), 0, {}
    with serving(home, *challenge, str(home / "d0"), "--share", "0.5") as ask:
        for n in range(3_000):
            title, good = right[n % len(right)]
            product = {"id": f"p{n}", "title": f"{title} no. {n}"}
            tags = [tag["concept"] for tag in ask("/v1/tag", product)["tags"] if tag["kind"] != "attribute"]
            if not tags:
                continue
            concept = draw.choice(tags)
            verdict = "right" if concept in good else "wrong"
            ask("/v1/feedback", {"product": product, "concept": concept, "verdict": verdict})
            verdicts += 1
            if verdicts % 50 == 0:
                split = ask("/v1/challenger")["split"]
                print(verdicts, split["p"], file=sys.stderr, flush=True)
                if split["better"] is not None:
                    break
    arms = ", ".join(
        f"{split[arm]['share_right']:.1%} of {split[arm]['reviewed']:,}" for arm in ("champion", "challenger")
    )
    return [
        ["share of the products, 50% wanted", f"{split['share_of_products']:.1%}"],
        ["right verdicts of champion, challenger", arms],
        ["better, and p", f"{split['better']}, {split['p']:g}"],
        ["certain after", f"{split['certain_after']} reviewed products" if split["certain_after"] else "not certain"],
    ]


def _promoted(home: Path, challenge: tuple[str, ...], titles: list[str]) -> list[list[Any]]:
    """Ten exchanges under load."""
    statuses: list[str] = []
    stop = threading.Event()
    models = set()
    with serving(home, *challenge, str(home / "d0"), "--share", "0.5") as ask:

        def load() -> None:
            for n in range(1 << 30):
                if stop.is_set():
                    return
                try:
                    models.add(ask("/v1/tag", {"id": f"x{n}", "title": titles[n % len(titles)]})["model"])
                    statuses.append("200")
                except Exception as error:  # each counts as a failed request
                    statuses.append(str(getattr(error, "code", error)))

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            waits = []
            for n in range(2):
                action = ("promote", "rollback")[n % 2]
                before = ask("/readyz")["model"]
                command = [sys.executable, "-m", "kgtag", "challenger", action, "--model", str(home / "model")]
                command += ["--challenger", str(home / "next"), "--decisions", str(home / "d0")]
                started = time.monotonic()
                subprocess.run([*command, "--store", f"sqlite:///{home / 'shop.db'}"], check=True, capture_output=True)
                exchanged = time.monotonic()
                while ask("/readyz")["model"] == before:
                    if time.monotonic() - started > 120:
                        raise SystemExit("the new champion is not served")
                    time.sleep(0.05)
                waits.append(time.monotonic() - exchanged)
                print(action, exchanged - started, waits[-1], len(statuses), file=sys.stderr, flush=True)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    failed = sum(one != "200" for one in statuses)
    return [
        ["requests during a promotion and a rollback", len(statuses)],
        ["of them failed", failed],
        ["seconds from the exchange to the new answers, median", round(statistics.median(waits), 1)],
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--demo", type=Path, help="measure the service in place of the simulations")
    parser.add_argument("--seconds", type=float, default=20.0)
    options: argparse.Namespace = parser.parse_args()
    host = machine()
    if options.demo is not None:
        facts, times = over_http(options.demo, options.seconds)
        table("A worse challenger, and promotion under load, over HTTP", ["", ""], facts)
        columns = ["", "tag p50 ms", "tag p99 ms", "neighbours p50 ms", "neighbours p99 ms", "taggings"]
        table("Answers without and with a shadow", columns, times)
        report("challenger", "the demo's shop, served", host, save=options.save)
        return
    looks = 2000
    rows = false_alarms(options.simulations, looks)
    columns = ["right verdicts", "challenger's share", "kgtag %", "mSPRT %", "z-test at each look %", "z-test once %"]
    title = f"Equal models called different (5% allowed); {options.simulations:,} simulations of {looks:,} looks"
    table(title, columns, rows, rivals=())
    rows = found_after(options.simulations // 4, 20_000)
    columns = ["right verdicts of champion, challenger", "challenger's share", "median", "90th percentile"]
    columns += ["never found %", "wrong way", "z-test once, one verdict a product"]
    table("Reviewed products until the better one is certain", columns, rows)
    report("challenger", "simulated verdicts", host, save=options.save)


if __name__ == "__main__":
    main()
