"""`kgtag keys`: API keys."""

from __future__ import annotations

from typing import Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, out, print_json, print_table
from kgtag.cli.options import Json, Store, open_store

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    scope: Annotated[str, typer.Option(help="Comma-separated: read, tag, propose, edit, approve, admin.")] = "",
    role: Annotated[str, typer.Option(help="In place of scopes: proposer, editor or approver.")] = "",
    name: Annotated[str, typer.Option(help="The owner's name, for the list.")] = "",
    store: Store = None,
) -> None:
    """Create a key and print it, once: the store has only its hash.

    Examples: `kgtag keys create --scope read,tag --name shop-frontend`; `kgtag keys create --role approver --name ann`
    """
    from graph.api_keys import ROLES, create_key

    scopes = [part.strip() for part in scope.split(",") if part.strip()]
    if role:
        if role not in ROLES:
            raise InputError(f"no role {role!r}; there is {', '.join(ROLES)}")
        scopes += ROLES[role]
    key, secret = create_key(open_store(store), name=name, scopes=scopes)
    log(f"key {key.id} with scope {', '.join(key.scopes)}; keep it now, it can't be shown again:")
    out.print(secret, soft_wrap=True)


@app.command("list")
def list_(store: Store = None, json: Json = False) -> None:
    """All keys, without their secrets.

    Example: `kgtag keys list --json`
    """
    found = open_store(store).keys()
    if json:
        print_json([{"id": k.id, "name": k.name, "scopes": list(k.scopes), "created": k.created} for k in found])
    else:
        print_table(
            "Keys", ["id", "name", "scopes", "created"], [(k.id, k.name, ",".join(k.scopes), k.created) for k in found]
        )


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")], store: Store = None
) -> None:
    """Revoke a key; running servers refuse it within seconds.

    Example: `kgtag keys revoke 0f2a4c6e8b1d`
    """
    if not open_store(store).delete_key(id):
        raise InputError(f"no key {id!r}; see: kgtag keys list")
    log(f"key {id} is revoked")
