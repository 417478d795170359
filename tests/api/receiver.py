"""A receiver of webhooks in a process of its own: `python -m tests.api.receiver PORT FILE SECRET-FILE STATUS-FILE`.

It checks every signature with the official library, notes each message as a line of FILE before it answers, and
answers with the status in STATUS-FILE.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks.webhooks import Webhook


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        secret = Path(sys.argv[3]).read_text()
        event = Webhook(secret).verify(body, dict(self.headers.items()))
        status = int(Path(sys.argv[4]).read_text())
        with Path(sys.argv[2]).open("a") as file:
            file.write(json.dumps({"message": self.headers["webhook-id"], "status": status, "event": event}) + "\n")
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
