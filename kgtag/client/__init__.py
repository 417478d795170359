"""A typed client of the HTTP API, sync and async. Needs `pip install 'kgtag[client]'`.

Example:
    >>> from kgtag.client import Client
    >>> with Client("http://localhost:8000", key) as shop:  # doctest: +SKIP
    ...     shop.tag("Red leather trainers")["tags"][0]["label"]
    'Red'
"""

from kgtag.client.call import ApiError, Call
from kgtag.client.client import AsyncClient, Client

__all__ = ["ApiError", "AsyncClient", "Call", "Client"]
