"""A WebSocket server by a library of its own: refuses, greets, echoes, or is silent, as told.

    websocket_server.py CONFIG.json

The configuration is read at the start for the port, and anew for each connection: paths (by path,
`*` is any other), each with status (refuses with it), first (sent at once, as JSON; `{path}` in a
text is the second part but one of the path), then (more messages), echo, close (a code, at once), silent
(answers no ping), and name (header x-served-by); subprotocols. For all paths together: limit (more connections
are refused with 503), drop (seconds after which every tenth is torn down), gauge (served as a gauge at /metrics:
how many are open), and stuck (what it says instead).
"""

import asyncio
import http
import json
import signal
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol


OPEN = set()
COUNT = 0


def config():
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def behaviour(path):
    paths = config().get("paths", {})
    return paths.get(path.split("?")[0], paths.get("*", {"status": 404}))


class Quiet(ServerConnection):
    """Takes what comes and answers nothing, where the path says so."""

    def data_received(self, data):
        request = getattr(self, "request", None)
        if request is not None and behaviour(request.path).get("silent"):
            return
        super().data_received(data)


def refuse(connection, request):
    told = config()
    if "gauge" in told and request.path == "/metrics":
        return connection.respond(http.HTTPStatus.OK, f"{told['gauge']} {told.get('stuck', len(OPEN))}\n")
    if len(OPEN) >= told.get("limit", 1 << 30):
        return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "full\n")
    status = behaviour(request.path).get("status", 101)
    if status != 101:
        return connection.respond(http.HTTPStatus(status), "refused on purpose\n")
    return None


def mark(connection, request, response):
    name = behaviour(request.path).get("name")
    if name:
        response.headers["x-served-by"] = name
    return response


async def talk(connection):
    global COUNT
    COUNT += 1
    OPEN.add(connection)
    drop = config().get("drop") if COUNT % 10 == 0 else None
    if drop is not None:
        asyncio.get_running_loop().call_later(drop, connection.transport.abort)
    try:
        await converse(connection)
    finally:
        OPEN.discard(connection)


async def converse(connection):
    told = behaviour(connection.request.path)
    if "close" in told:
        await connection.close(told["close"], "closed on purpose")
        return
    if "first" in told:
        parts = connection.request.path.split("?")[0].split("/")
        text = json.dumps(told["first"]).replace("{path}", parts[-2] if len(parts) > 1 else "")
        await connection.send(text)
    for message in told.get("then", []):
        await connection.send(json.dumps(message))
    async for message in connection:
        if told.get("echo", True):
            await connection.send(message)


async def main():
    told = config()
    ended = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set_result, None)
    offered = [Subprotocol(name) for name in told.get("subprotocols", [])]
    async with serve(talk, "127.0.0.1", told["port"], process_request=refuse, process_response=mark,
                     subprotocols=offered or None, ping_interval=None, create_connection=Quiet):
        await ended


asyncio.run(main())
