"""`kgtag train` of everything but extractors: encoders, ensembles, new attributes, linkers, embeddings."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from graph.errors import InputError
from kgtag.cli.console import err, log, print_json
from kgtag.cli.options import ConfigSeed, Encoder, Format, Json, Out, Seed, Store, load_taxonomy, open_store


def encoder(
    data: Annotated[list[Path], typer.Option("--data", help="Unlabelled products or lines of text; repeatable.")],
    out: Out,
    format: Annotated[
        str, typer.Option(help="products, lines, bieos, bio or extractgpt; .txt files are always lines.")
    ] = "products",
    encoder: Annotated[
        str | None, typer.Option(help="Encoder to adapt: hub name or path.", show_default="a new small one")
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="Train a new encoder whose states resemble those of this one.")
    ] = None,
    epochs: Annotated[
        int, typer.Option(min=1, help="At most; training stops when perplexity on held-out text no longer falls.")
    ] = 10,
    layers: Annotated[int, typer.Option(min=1, help="Layers of a new encoder.")] = 4,
    width: Annotated[int, typer.Option(min=32, help="Hidden size of a new encoder; a multiple of 64.")] = 256,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate.", show_default="1e-3 for a new one, else 1e-4")
    ] = None,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Discard the run in OUT.run; by default it is resumed.")
    ] = False,
    json: Json = False,
) -> None:
    """Pretrain an encoder on unlabelled product text. Stopped at any point, the same command resumes.

    Example: `kgtag train encoder --data titles.jsonl --encoder all-MiniLM-L6-v2 --out encoders/shop`
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from kgtag.train.embeddings.settings import parse_device
    from kgtag.train.encoder.loop import PretrainOptions, Watching
    from kgtag.train.encoder.masking import read_texts
    from kgtag.train.encoder.run import pretrain

    options = PretrainOptions(
        epochs=epochs, rate=learning_rate, layers=layers, width=width, device=parse_device(device)
    )
    texts = read_texts(data, format=format)
    columns = (TextColumn("pretraining"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        watching = Watching(log, lambda share: bar.update(task, completed=share))
        report = pretrain(
            texts,
            out=out,
            encoder=encoder,
            teacher=teacher,
            seed=seed,
            options=options,
            resume="never" if fresh else "auto",
            watching=watching,
        )
    if json:
        print_json({**asdict(report), "directory": str(report.directory)})
    log(
        f"encoder in {out}: perplexity {report.before:.1f} before, {report.after:.1f} after {report.epoch} epochs"
        f" ({report.chance:.1f} by frequency), {report.parameters / 1e6:.1f} M parameters, {report.seconds:.0f} s"
    )


def ensemble(
    models: Annotated[
        list[Path], typer.Argument(help="Two or more, trained on the same data with other seeds or encoders.")
    ],
    dev: Annotated[Path, typer.Option(help="Annotated products that none of them was trained on.")],
    out: Out,
    format: Format = "annotated",
    json: Json = False,
) -> None:
    """Build an ensemble of extractors, better and slower than each of them.

    To be fast again, distil it: `kgtag train extractor --set teachers=ENSEMBLE`.

    Example: `kgtag train ensemble models/seed0 models/seed1 models/seed2 --dev dev.jsonl --out models/three`
    """
    from kgtag.data import read_annotated
    from kgtag.train.extractor.derived import build_ensemble

    with err.status("building the ensemble …"):
        f1 = build_ensemble(models, list(read_annotated(dev, format=format)), out=out)
    if json:
        print_json({"members": len(models), "dev_f1": f1})
    log(f"ensemble of {len(models)} models in {out}: F1 {f1:.3f} on dev")


def attributes(
    model: Annotated[Path, typer.Option(help="The extractor to extend; it is left as it is.")],
    add: Annotated[list[str], typer.Option(help="NAME, or NAME=definition; may be repeated.")],
    out: Out,
    store: Annotated[
        str | None, typer.Option(help="Taxonomy with their values; tags are of its concepts.", metavar="URL")
    ] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only for these categories; all by default.")] = None,
    encoder: Annotated[str | None, typer.Option(help="What the model was trained from, if it was moved since.")] = None,
    json: Json = False,
) -> None:
    """Add zero-shot attributes to an extractor.

    With --store, the taxonomy's values are looked up; by its name alone hardly any attribute is found. Measure before
    you rely on it.

    Example: `kgtag train attributes --model models/shop --add "Fit=how tightly it is worn" --store sqlite:///shop.db
    --out models/shop2`
    """
    from kgtag.train.extractor.derived import NewAttribute, add_attributes

    new: dict[str, NewAttribute] = {}
    for given in add:
        name, _, definition = (part.strip() for part in given.partition("="))
        if name in new:
            raise InputError(f"attribute {name!r} is given twice; once is enough")
        new[name] = NewAttribute(definition or None)
    if store is not None:
        from kgtag.train.model import known_attribute

        taxonomy = load_taxonomy(store)
        new = {name: known_attribute(taxonomy, name, one.definition) for name, one in new.items()}
    with err.status("adding attributes …"):
        config = add_attributes(model, new, out=out, categories=category or (), encoder=encoder)
    if json:
        print_json({"attributes": list(config.attributes), "added": list(new)})
    values = sum(len(one.values) for one in new.values())
    log(f"{out} looks for {len(config.attributes)} attributes, {len(new)} of them new, with {values} known values")


def linker(
    out: Out,
    store: Store = None,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Annotated products with links (`concept` on their spans).")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="Further synonyms, as lines of mention TAB concept id or label.")
    ] = None,
    usage: Annotated[
        Path | None, typer.Option(help="How often concepts are used, as lines of concept id or label TAB count.")
    ] = None,
    tune: Annotated[bool, typer.Option("--tune", help="Fine-tune the encoder on all synonyms (minutes).")] = False,
    encoder: Encoder = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train a linker alone: from the taxonomy's own labels, annotators' links, and synonyms from elsewhere.

    Example: `kgtag train linker --store sqlite:///shop.db --pairs synonyms.tsv --out models/shop/linker`
    """
    from graph.history.versions import stamped
    from kgtag.data import read_annotated
    from kgtag.train.encoder import pretrained
    from kgtag.train.linker.run import Material, read_mentions, read_usage, train_linker
    from kgtag.train.model import link_examples

    taxonomy, stamp = stamped(open_store(store))
    gold = [e for file in data or () for one in read_annotated(file) for e in link_examples(one, taxonomy)]
    material = Material(
        gold,
        mentions=read_mentions(pairs, taxonomy) if pairs is not None else (),
        usage=read_usage(usage, taxonomy) if usage is not None else {},
    )
    name = encoder or pretrained.DEFAULT
    with err.status("training the linker …"):
        metrics = train_linker(taxonomy, material, out=out, encoder=name, tune=tune, seed=seed, stamp=stamp)
    if json:
        print_json(metrics)
    measured = metrics["all"]
    log(f"linker in {out}: accuracy {measured['accuracy']:.3f}, calibration error {measured['ece']:.3f}")


def recommender(
    interactions: Annotated[
        list[Path], typer.Option("--interactions", help="Rows of user TAB item [TAB weight [TAB time]]; repeatable.")
    ],
    out: Out,
    store: Store = None,
    neighbours: Annotated[int, typer.Option(min=1, help="Items kept for each item.")] = 200,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Learn which items go together from what users chose: sparse item-item weights, for `serve --recommender`.

    Example: `kgtag train recommender --interactions orders.tsv --store sqlite:///shop.db --out models/items`
    """
    from graph.history.versions import stamped
    from kgtag.train.recommender import train_recommender

    opened = open_store(store)
    tagged = {item.id for item in opened.items()}
    report = train_recommender(
        interactions,
        out=out,
        known=tagged.__contains__,
        stamp=stamped(opened)[1],
        neighbours=neighbours,
        seed=seed,
        log=log,
    )
    if json:
        print_json(report.to_json())
    if report.unknown:
        log(f"{report.unknown} of {report.items} items are not in the store: learned from, but never recommended")
    log(f"recommender {report.version} in {out}: {report.users} users, {report.items} items, {report.weights} weights")


def embeddings(
    out: Out,
    store: Store = None,
    triples: Annotated[
        Path | None, typer.Option(help="A directory with train.txt, valid.txt, test.txt instead of a store.")
    ] = None,
    texts: Annotated[
        Path | None, typer.Option(help="With --triples, what entities are called: lines of entity TAB text.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Annotated products, which count as items, too.")
    ] = None,
    format: Annotated[str, typer.Option(help="annotated, spans or extractgpt.")] = "annotated",
    kge_model: Annotated[
        str | None, typer.Option(help="A model of PyKEEN's: ComplEx, RotatE, TuckER …", show_default="ComplEx")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Training settings; the command line wins.")
    ] = None,
    dim: Annotated[int | None, typer.Option(min=2, help="Dimension of the vectors.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the triples.")] = None,
    encoder: Encoder = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.", show_default="auto")] = None,
    audit_folds: Annotated[
        int,
        typer.Option(min=0, help="Further models, so that audits weigh what concepts occur with, not labels alone."),
    ] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Discard the run in OUT.run; by default it is resumed.")
    ] = False,
    seed: ConfigSeed = None,
    json: Json = False,
) -> None:
    """Train graph embeddings with PyKEEN on the taxonomy and the tags on its items, and calibrate them.

    Entities read: a concept's vector is what its label says, plus what the graph adds. Stopped at any point, the same
    command resumes.

    Example: `kgtag train embeddings --store sqlite:///shop.db --out models/graph`
    """
    from kgtag.train.embeddings.run import DEFAULT_ENCODER, train_embeddings, train_graph, train_on_texts
    from kgtag.train.embeddings.settings import parse_device, read_settings

    if texts is not None and triples is None:
        raise InputError("--texts names the entities of --triples; concepts of a store have their labels")
    resume: Literal["auto", "never"] = "never" if fresh else "auto"

    given = {"model": kge_model, "dim": dim, "epochs": epochs, "seed": seed}
    given |= {"device": parse_device(device) if device is not None else None, "progress": err.is_terminal}
    settings = read_settings(config) if config is not None else {}
    settings |= {name: value for name, value in given.items() if value is not None}
    if triples is not None:
        from kgtag.embed.triples import read_texts, read_triples

        read = read_triples(triples)
        if texts is None:
            report = train_embeddings(read, out=out, settings=settings, resume=resume)
        else:
            named, reader = read_texts(texts), encoder or DEFAULT_ENCODER
            report = train_on_texts(read, named, out=out, encoder=reader, settings=settings, resume=resume)
    else:
        from graph.history.versions import stamped
        from kgtag.data import read_annotated

        opened = open_store(store)
        taxonomy, stamp = stamped(opened)
        report = train_graph(
            taxonomy,
            out=out,
            stamp=stamp,
            items=opened.items(),
            annotated=(one for path in data or () for one in read_annotated(path, format=format)),
            encoder=encoder or DEFAULT_ENCODER,
            settings=settings,
            audit_folds=audit_folds,
            resume=resume,
        )
    if json:
        print_json(report.to_json())
    log(
        f"embeddings {report.version} in {out}: {report.model}, {report.entities} entities, {report.triples} triples, "
        f"MRR {report.ranks.mrr:.3f} on held-out triples, {report.seconds:.0f} s on {report.device}"
    )
