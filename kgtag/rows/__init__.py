"""Rows of the pipeline and of the service: what the library, `--json`, the HTTP API and its client give, defined once.

Each row is a plain dict, typed; the example in its docstring is the one of the OpenAPI description. Rows of concepts,
versions, proposals and audits are in `graph.rows`.
"""
