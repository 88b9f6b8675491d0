#!/usr/bin/env python3
"""Prints what Alertmanager sends, for people: `receiver.py PORT`. Pages and tickets come by different paths."""

import http.server
import json
import sys
import time

LINES = [
    ("what", "description"),
    ("since", "since"),
    ("last pass", "last_pass"),
    ("reason", "reason"),
    ("evidence", "item_url"),
    ("board", "board_url"),
    ("runbook of the item", "item_runbook_url"),
    ("runbook", "runbook_url"),
]


def told(kind, alert):
    """One alert as lines of text."""
    labels, annotations = alert["labels"], alert["annotations"]
    ended = alert["status"] == "resolved"
    yield f"{time.strftime('%H:%M:%S')} {kind}{' resolved' if ended else ''}: {annotations.get('summary', labels['alertname'])}"
    for name, key in LINES:
        if annotations.get(key):
            yield f"    {name}: {annotations[key]}"
    if labels.get("root_cause"):
        yield f"    root cause: {labels['root_cause']}"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
        kind = self.path.strip("/").upper()
        for alert in json.loads(body)["alerts"]:
            print("\n" + "\n".join(told(kind, alert)), flush=True)

    def log_message(self, *_):
        """The messages themselves are the log."""


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
