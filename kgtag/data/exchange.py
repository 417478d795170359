"""Annotated products in the formats of annotation tools, out and back with all offsets: Label Studio, doccano, CoNLL,
and spaCy's DocBin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import orjson

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.formats.reading import Row, kind_of
from graph.labels import CJK_CLASS
from kgtag.data.annotated import annotated, gold_row
from kgtag.types import AnnotatedProduct, Mention, Span

FORMATS = ("label-studio", "doccano", "conll", "docbin")
Predict = Callable[[Sequence[AnnotatedProduct]], list[tuple[Mention, ...]]]
"""Mentions of a model for products, in their order."""
_TOKEN = re.compile(rf"[{CJK_CLASS}]|[^\W_{CJK_CLASS}]+|[^\s\w]|_")
_FIELDS = ("id", "category", "lang", "text", "image", "at")
_META = "kgtag"
"""Where the fields of a product are kept that a format has no place for."""


def write_annotations(
    path: Path, products: Iterable[AnnotatedProduct], format: str, *, predict: Predict | None = None, version: str = ""
) -> int:
    """Write a file of a format, and for Label Studio the labelling interface beside it, FILE.config.xml.

    Args:
        predict: A model whose mentions become predictions (Label Studio) or, of products without any gold, suggested
            labels (the other formats).
        version: Names the model.

    Returns:
        How many products there are.

    Raises:
        InputError: An unsupported format, or spaCy is missing for "docbin".
    """
    if format not in FORMATS:
        raise InputError(f"no format {format!r} of annotations; there is {', '.join(FORMATS)}")
    given = list(products)
    found = predict(given) if predict is not None else [()] * len(given)
    if format == "label-studio":
        tasks = [
            _task(n, one, mentions, version) for n, (one, mentions) in enumerate(zip(given, found, strict=True), 1)
        ]
        labels = {result["value"]["labels"][0] for task in tasks for each in _results(task) for result in each}
        reading.write(path, [orjson.dumps(tasks, option=orjson.OPT_INDENT_2), b"\n"])
        reading.write(path.with_name(f"{path.name}.config.xml"), [_interface(sorted(labels)).encode()])
        return len(given)
    given = [_suggested(one, mentions) for one, mentions in zip(given, found, strict=True)]
    if format == "docbin":
        _write_docbin(path, given)
        return len(given)
    one_row = _doccano_row if format == "doccano" else _conll_block
    reading.write(path, (one_row(one) for one in given))
    return len(given)


def read_annotations(path: Path, format: str, *, annotator: str | None = None) -> Iterator[AnnotatedProduct]:
    """The annotated products of a file.

    Args:
        annotator: With Label Studio: whose labels count, by e-mail or id; else the latest annotation.

    Raises:
        FileFormatError: The file is not of the format.
    """
    if format == "label-studio":
        return (
            one for n, task in enumerate(_tasks(path)) if (one := _of_task(Row.of(task, path, f"[{n}]"), annotator))
        )
    if format == "doccano":
        return (_of_doccano(Row(str(path), line, fields)) for line, fields in reading.json_rows(path))
    if format == "conll":
        return _read_conll(path)
    if format == "docbin":
        return _read_docbin(path)
    raise InputError(f"no format {format!r} of annotations; there is {', '.join(FORMATS)}")


# Label Studio


def _task(number: int, one: AnnotatedProduct, mentions: Sequence[Mention], version: str) -> dict[str, Any]:
    """A task; without gold it has no annotation, so that it is one to annotate."""
    product = one.product
    data = {"title": product.title, **_meta(one)}
    task: dict[str, Any] = {"id": number, "data": data}
    spans = [(name, span) for name, span in one.spans if span.field == "title"]
    if spans or any(one.attributes.values()):
        task["annotations"] = [{"result": [_result(i, product.title, name, s) for i, (name, s) in enumerate(spans)]}]
    title = [mention for mention in mentions if mention.span.field == "title"]
    if title:
        results = [
            {**_result(i, product.title, m.attribute, m.span), "score": round(m.probability, 4)}
            for i, m in enumerate(title)
        ]
        least = min(mention.probability for mention in title)
        task["predictions"] = [{"model_version": version, "score": round(least, 4), "result": results}]
    return task


def _result(number: int, title: str, name: str, span: Span) -> dict[str, Any]:
    start, end = (len(title[:at].encode("utf-16-le")) // 2 for at in (span.start, span.end))
    value = {"start": start, "end": end, "text": title[span.start : span.end], "labels": [name]}
    return {"id": f"s{number}", "from_name": "label", "to_name": "title", "type": "labels", "value": value}


def _from_units(task: Row, title: str, value: Mapping[str, Any]) -> tuple[Any, Any]:
    """Offsets in characters. A browser counts UTF-16 units, which differ after an emoji; the value's text decides."""
    start, end, text = value.get("start"), value.get("end"), value.get("text")
    if not isinstance(start, int) or not isinstance(end, int) or title.isascii():
        return start, end
    units = title.encode("utf-16-le")
    before, inside = (units[2 * a : 2 * b].decode("utf-16-le", "ignore") for a, b in ((0, start), (start, end)))
    found = [(len(before), len(before) + len(inside)), (start, end)]
    right = [(a, b) for a, b in found if text is None or title[a:b] == text]
    if not right:
        raise task.error(f"the region [{start}, {end}) holds {title[start:end]!r}, not its text {text!r}")
    return right[0]


def _results(task: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    return (each["result"] for name in ("annotations", "predictions") for each in task.get(name, ()))


def _interface(labels: Sequence[str]) -> str:
    shown = "\n".join(f"    <Label value={quoteattr(one)}/>" for one in labels)
    return (
        f'<View>\n  <Labels name="label" toName="title">\n{shown}\n  </Labels>\n'
        '  <Text name="title" value="$title" granularity="word"/>\n</View>\n'
    )


def _tasks(path: Path) -> list[Any]:
    if path.suffix in (".jsonl", ".ndjson"):
        return [fields for _, fields in reading.json_rows(path)]
    value = reading.json_value(path.read_text(encoding="utf-8"), path)
    if not isinstance(value, list):
        raise FileFormatError(
            str(path), f"a list of tasks was expected, as Label Studio exports JSON, not {kind_of(value)}"
        )
    return value


def _of_task(task: Row, annotator: str | None) -> AnnotatedProduct | None:
    """The product of a task; None for one that nobody has annotated, or that was skipped."""
    data = task.fields.get("data")
    if not isinstance(data, dict):
        raise task.error("'data' must be an object; a task as Label Studio exports it was expected")
    title = data.get("title", data.get("text"))
    if not isinstance(title, str):
        raise task.error("'data' has neither 'title' nor 'text'")
    done = [one for one in task.items("annotations") if not one.get("was_cancelled")]
    if annotator is not None:
        done = [one for one in done if annotator in _who(one.get("completed_by"))]
    if not done:
        return None
    last = max(done, key=lambda one: str(one.get("updated_at", "")))
    spans = [
        {"start": start, "end": end, "label": label}
        for result in last.get("result", ())
        for value in [result.get("value", {}) if isinstance(result, dict) else {}]
        for start, end in [_from_units(task, title, value)]
        for label in value.get("labels", ())
    ]
    return _product(task, title, {"id": task.fields.get("id"), **data}, spans)


def _who(completed_by: Any) -> tuple[str, ...]:
    if isinstance(completed_by, dict):
        return tuple(str(completed_by[key]) for key in ("id", "email") if key in completed_by)
    return (str(completed_by),)


# doccano


def _doccano_row(one: AnnotatedProduct) -> bytes:
    spans = [[span.start, span.end, name] for name, span in one.spans if span.field == "title"]
    row = {"id": one.product.id, "text": one.product.title, "label": spans, **_meta(one)}
    return orjson.dumps(row) + b"\n"


def _of_doccano(row: Row) -> AnnotatedProduct:
    """Labels as triples, or as `entities` of an export with relations."""
    spans: list[dict[str, Any]] = []
    for name in ("label", "labels", "entities"):
        for one in row.fields.get(name) or ():
            if isinstance(one, dict):
                spans.append(
                    {"start": one.get("start_offset"), "end": one.get("end_offset"), "label": one.get("label")}
                )
            elif isinstance(one, list) and len(one) == 3:
                spans.append(dict(zip(("start", "end", "label"), one, strict=True)))
            else:
                raise row.error(f"{name!r} has {one!r}; [start, end, label] was expected")
    return _product(row, row.text("text"), row.fields, spans)


# CoNLL


def _conll_block(one: AnnotatedProduct) -> bytes:
    """Comments with what the tokens do not hold, then TOKEN, start, end, BIO tag, with tabs; a blank line ends it."""
    title, spans = one.product.title, [(name, s) for name, s in one.spans if s.field == "title"]
    edges = sorted({edge for _, span in spans for edge in (span.start, span.end)})
    lines = [f"# title = {orjson.dumps(title).decode()}", f"# {_META} = {orjson.dumps(_meta(one)[_META]).decode()}"]
    nested, flat = list[tuple[str, Span]](), list[tuple[str, Span]]()
    for name, span in sorted(spans, key=lambda pair: (pair[1].start, -pair[1].end)):
        (nested if flat and span.start < flat[-1][1].end else flat).append((name, span))
    if nested:
        rest = [[span.start, span.end, name] for name, span in nested]
        lines.append(f"# nested = {orjson.dumps(rest).decode()}")
    for start, end in _tokens(title, edges):
        inside = next(((name, span) for name, span in flat if span.start <= start and end <= span.end), None)
        tag = "O" if inside is None else ("B-" if inside[1].start == start else "I-") + inside[0]
        lines.append(f"{title[start:end]}\t{start}\t{end}\t{tag}")
    return "\n".join([*lines, "", ""]).encode()


def _tokens(text: str, edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Words and characters, cut where a span begins or ends."""
    for match in _TOKEN.finditer(text):
        cuts = [match.start(), *(edge for edge in edges if match.start() < edge < match.end()), match.end()]
        yield from pairwise(cuts)


def _read_conll(path: Path) -> Iterator[AnnotatedProduct]:
    block: list[str] = []
    first = found = 0
    for number, line in [*reading.lines(path), (0, "")]:
        content = line.rstrip("\r\n")
        if content:
            first = number if not block else first
            block.append(content)
        elif block:
            found += 1
            yield _of_block(path, first, found, block)
            block = []
    if not found:
        raise FileFormatError(str(path), "the file is empty; lines of TOKEN, start, end, tag were expected")


def _of_block(path: Path, line: int, number: int, block: Sequence[str]) -> AnnotatedProduct:
    """With offsets where the columns have them; of two columns, the title is the tokens with a space between them."""
    comments, cells = dict[str, Any](), list[list[str]]()
    for one in block:
        if one.startswith("# ") and " = " in one and "\t" not in one:
            name, _, value = one[2:].partition(" = ")
            comments[name] = reading.json_value(value, path, line=line) if name in ("title", _META, "nested") else value
        else:
            cells.append(re.split(r"\t| (?=\S+$)", one))
    row = Row(str(path), line, {"id": str(number), **comments})
    title, spans, open_label = comments.get("title"), list[dict[str, Any]](), None
    at = 0
    words = []
    for cell in cells:
        token, tag = cell[0], cell[-1]
        start, end = (int(cell[1]), int(cell[2])) if len(cell) >= 4 and cell[1].isdigit() else (at, at + len(token))
        at = end + 1
        words.append(token)
        prefix, _, label = tag.partition("-")
        if tag != "O" and not label:
            raise row.error(f"the tag {tag!r} is neither O nor B- or I- followed by a label")
        if tag == "O":
            open_label = None
        elif prefix in ("I", "E") and label == open_label:
            spans[-1]["end"] = end
        else:
            spans.append({"start": start, "end": end, "label": label})
            open_label = label
    spans += [dict(zip(("start", "end", "label"), one, strict=True)) for one in comments.get("nested", ())]
    return _product(row, title if isinstance(title, str) else " ".join(words), row.fields, spans)


# spaCy


def _spacy() -> Any:
    try:
        import spacy
    except ImportError as error:
        raise InputError("DocBin files are spaCy's; install kgtag[spacy]") from error
    return spacy


def _write_docbin(path: Path, given: Sequence[AnnotatedProduct]) -> None:
    """One document a title, of tokens that span edges cut; spans in `doc.ents`, nested ones in `doc.spans["sc"]`."""
    spacy = _spacy()
    from spacy.tokens import Doc, DocBin
    from spacy.util import filter_spans

    vocab, kept = spacy.blank("xx").vocab, DocBin(store_user_data=True)
    for one in given:
        title, spans = one.product.title, [(name, s) for name, s in one.spans if s.field == "title"]
        edges = sorted({edge for _, span in spans for edge in (span.start, span.end)})
        pieces = _whole(title, list(_tokens(title, edges)))
        doc = Doc(vocab, words=[title[a:b] for a, b in pieces], spaces=[False] * len(pieces))
        placed: list[Any] = [doc.char_span(span.start, span.end, label=name) for name, span in spans]
        doc.ents = filter_spans(placed)
        doc.spans["sc"] = placed
        # msgpack would make tuples of lists.
        doc.user_data[_META] = orjson.dumps(_meta(one)[_META]).decode()
        kept.add(doc)
    reading.write(path, [kept.to_bytes()])


def _whole(text: str, tokens: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The tokens and what stands between them: spaCy's words must add up to the text."""
    edges = sorted({0, len(text), *(edge for token in tokens for edge in token)})
    return list(pairwise(edges))


def _read_docbin(path: Path) -> Iterator[AnnotatedProduct]:
    """From `doc.spans["sc"]`, else from `doc.ents`."""
    spacy = _spacy()
    from spacy.tokens import DocBin

    try:
        docs = DocBin().from_bytes(path.read_bytes()).get_docs(spacy.blank("xx").vocab)
        for number, doc in enumerate(docs, start=1):
            row = Row(str(path), number, {"id": str(number), _META: orjson.loads(doc.user_data.get(_META, "{}"))})
            found = doc.spans.get("sc", doc.ents)
            spans = [{"start": one.start_char, "end": one.end_char, "label": one.label_} for one in found]
            yield _product(row, doc.text, row.fields, spans)
    except (ValueError, KeyError, OSError) as error:
        raise FileFormatError(str(path), f"no readable DocBin: {error}") from error


# What they share


def _meta(one: AnnotatedProduct) -> dict[str, Any]:
    """What a format has no place for: fields of the product, values without a span, concepts of surfaces."""
    product = one.product.to_dict()
    row: dict[str, Any] = {name: product[name] for name in _FIELDS if product.get(name) is not None}
    placed = {(name, one.product.cut(span)) for name, span in one.spans if span.field == "title"}
    left = {name: [value for value in values if (name, value) not in placed] for name, values in one.attributes.items()}
    row["attributes"] = {name: values for name, values in left.items() if values or not one.attributes[name]}
    row["concepts"] = [[name, surface, concept] for (name, surface), concept in one.concepts.items()]
    return {_META: row}


def _product(row: Row, title: str, fields: Mapping[str, Any], spans: Sequence[dict[str, Any]]) -> AnnotatedProduct:
    """The product of a title, spans, and what `_meta` kept, if the file is one of ours."""
    meta = fields.get(_META) or {}
    if not isinstance(meta, dict):
        raise row.error(f"{_META!r} must be an object, not {kind_of(meta)}")
    concepts = {(name, surface): concept for name, surface, concept in meta.get("concepts", ())}
    linked = []
    for span in sorted(spans, key=lambda one: str(one.get("start")).zfill(9)):
        start, end = span.get("start"), span.get("end")
        key = (str(span.get("label")), title[start:end] if isinstance(start, int) and isinstance(end, int) else "")
        linked.append({**span, "concept": concepts[key]} if key in concepts else span)
    own = {name: meta[name] for name in _FIELDS if name in meta}
    id = own.get("id", fields.get("id", row.line or None))
    given = {**own, "id": str(id) if id is not None else None, "title": title, "spans": linked}
    return annotated(Row(row.file, row.line, {**given, "attributes": meta.get("attributes") or {}}, row.at))


def _suggested(one: AnnotatedProduct, mentions: Sequence[Mention]) -> AnnotatedProduct:
    """A product without gold, with the model's mentions in its place."""
    if one.spans or not mentions:
        return one
    spans = [
        {"start": mention.span.start, "end": mention.span.end, "label": mention.attribute}
        for mention in mentions if mention.span.field == "title"
    ]  # fmt: skip
    return annotated(Row("", 1, {**gold_row(one), "spans": spans}))
