"""Trains an Annif project and suggests, in Annif's own environment; called by benchmarks/annif.py, not by people.

    python annif_side.py WORK

WORK has `projects.cfg` with the project `beside`, `vocabulary.tsv`, `train.jsonl` and `test.jsonl` (text, subjects);
`out.json` gets the seconds and CPU seconds of training and of suggesting, and by title [[uri, score], …], best first.
"""

import json
import os
import sys
import time
from pathlib import Path


def main(work: Path) -> None:
    os.chdir(work)
    import annif
    import annif.registry
    import nltk.tokenize
    from annif.corpus.types import Document, DocumentCorpus, SubjectSet
    from annif.vocab import VocabFileTSV

    # A title is one sentence, and NLTK's model of sentences is not on the package index.
    nltk.tokenize.sent_tokenize = lambda text, language="english": [text]

    class Rows(DocumentCorpus):
        def __init__(self, name: str, subjects: object = None) -> None:
            self._rows = [json.loads(line) for line in Path(name).read_text(encoding="utf-8").splitlines()]
            self._subjects = subjects

        @property
        def documents(self):
            for row in self._rows:
                ids = [self._subjects.by_uri(uri) for uri in row["subjects"]] if self._subjects is not None else []
                yield Document(text=row["text"], subject_set=SubjectSet([id for id in ids if id is not None]))

    app = annif.create_flask_app()
    with app.app_context():
        project = annif.registry.get_project("beside")
        project.vocab.load_vocabulary(VocabFileTSV("vocabulary.tsv", "en"))
        began, cpu = time.perf_counter(), time.process_time()
        project.train(Rows("train.jsonl", project.subjects), jobs=0)
        trained = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
        project.suggest([Document(text="warm")])
        began, cpu = time.perf_counter(), time.process_time()
        answers = []
        for batch in Rows("test.jsonl").doc_batches:
            found = project.suggest(batch)
            answers += [[[project.subjects[one.subject_id].uri, float(one.score)] for one in row] for row in found]
        suggested = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    out = {"train": trained, "suggest": suggested, "answers": answers}
    Path("out.json").write_text(json.dumps(out), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
