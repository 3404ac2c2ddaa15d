"""A fake Hugging Face Hub on the loopback, for tests of a client.

    fake_hub.py --root TREE [--control FILE]

serves the tree (repositories.py says how it is laid out) from five origins on ports of the system's
choice. When it is ready it prints one line of JSON with their addresses:

    hub         the endpoint
    cdn         where the signed links of large files point
    mirror      another endpoint, which redirects to the hub (308)
    elsewhere   a stranger who answers as the hub does, and should never see a token
    refused     a port where nobody listens

Each line of JSON on stdin is a control document, each answered by one line of JSON; `POST /_control`
at any origin does the same, `GET /_log` tells what was asked and sent. The server ends with its
stdin. A control document may hold

    "faults": [RULE, ...]       these instead of all before (faults.py; `--faults` prints the table)
    "repositories": {NAME: {"gated" | "private" | "disabled": true, "renamed_to": NAME,
                            "branches": {BRANCH: REVISION}}}
    "tokens": {TOKEN: [NAME, ...]}    valid tokens, and the gated or private repositories each may read
    "link_seconds": N           how long links signed from now on hold
    "range_with_gzip": true     the CDN gives ranges to a client that accepts gzip, too
    "stop", "start": [ORIGIN, ...]    closes an origin's port and connections; opens it again (a
                                POST to an origin that stops gets no reply)
    "clear_log": true
    "log": true                 the reply holds the log

An absolute request target (a client that uses an origin as its proxy) is served as by the origin it
names, as by the hub if it names none.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import socket
import socketserver
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from delivery import Delivery
from faults import Rule, table
from log import Entry, Log
from messages import Answer, Request
from repositories import Repositories, RepositoryFile
from servers import Cdn, Hub, Mirror, SignedLinks, Stranger

HOST = "127.0.0.1"


class Origin(socketserver.ThreadingTCPServer):
    """One port. Keeps it when stopped, so that it can start again there."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, name: str, world: World, port: int = 0) -> None:
        super().__init__((HOST, port), Handler)
        self.port = self.server_address[1]
        self.name = name
        self.world = world
        self.open_sockets: set[socket.socket] = set()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self.open_sockets):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # It was closed meanwhile.

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no error of the server; any other is told."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class World:
    """All origins with what they serve, the faults in force and the log."""

    def __init__(self, root: Path) -> None:
        self.lock = threading.Lock()
        self.log = Log()
        self.rules: list[Rule] = []
        self.repositories = Repositories(root)
        names = ("hub", "cdn", "mirror", "elsewhere")
        self.origins = {name: Origin(name, self) for name in names}
        # Bound and never listening: connections to it are refused, and nobody else gets the port.
        self._refused = socket.socket()
        self._refused.bind((HOST, 0))
        self.addresses = {name: origin.address for name, origin in self.origins.items()}
        self.addresses["refused"] = f"http://{HOST}:{self._refused.getsockname()[1]}"
        self.links = SignedLinks(self.addresses["cdn"])
        self.hub = Hub(self.repositories, self.links)
        self.cdn = Cdn(self.repositories, self.links)
        self.servers = {
            "hub": self.hub,
            "cdn": self.cdn,
            "elsewhere": Stranger(self.hub, self.cdn),
            "mirror": Mirror(self.addresses["hub"]),
        }

    def answer(self, request: Request, entry: Entry) -> Answer:
        """What the request's origin answers, changed by the faults that hit the request."""
        with self.lock:
            rules = [rule for rule in self.rules if rule.hits(request)]
        entry.faults = [rule.name for rule in rules]
        for rule in rules:
            if rule.fault.on_request:
                rule.fault.on_request(request, rule.parameters)

        def change_file(_: Request, file: RepositoryFile) -> None:
            for rule in rules:
                if rule.fault.on_file:
                    rule.fault.on_file(file, rule.parameters)

        answer = self.servers[request.origin].answer(request, change_file)
        for rule in rules:
            if rule.fault.on_answer:
                rule.fault.on_answer(answer, request, rule.parameters, self.addresses)
        return answer

    def control(self, document: dict[str, Any]) -> dict[str, Any]:
        """Does what a control document says and returns the reply."""
        actions = {
            "faults": self._set_rules,
            "repositories": self._configure_repositories,
            "tokens": lambda tokens: setattr(self.hub, "tokens", tokens),
            "link_seconds": lambda seconds: setattr(self.links, "seconds", float(seconds)),
            "range_with_gzip": lambda honest: setattr(self.cdn, "range_with_gzip", honest),
            "stop": self._stop,
            "start": self._start,
            "clear_log": lambda _: self.log.clear(),
            "log": lambda _: None,
        }
        try:
            for key, value in document.items():
                if key not in actions:
                    raise ValueError(f"nothing is controlled by {key!r}")
                actions[key](value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return {"error": f"{type(error).__name__}: {error}"}
        return self.log.document() if document.get("log") else {"ok": True}

    def _set_rules(self, documents: list[dict[str, Any]]) -> None:
        rules = [Rule(document) for document in documents]
        with self.lock:
            self.rules = rules

    def _configure_repositories(self, documents: dict[str, dict[str, Any]]) -> None:
        for name, settings in documents.items():
            self.repositories.configure(name, settings)

    def _stop(self, names: list[str]) -> None:
        for name in names:
            self.origins[name].stop()

    def _start(self, names: list[str]) -> None:
        for name in names:
            self.origins[name] = Origin(name, self, self.origins[name].port)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection: reads its requests, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Origin

    def setup(self) -> None:
        super().setup()
        self.server.open_sockets.add(self.connection)
        self.number = self.server.world.log.open_connection(self.server.name)

    def finish(self) -> None:
        self.server.open_sockets.discard(self.connection)
        # Closed here and not by the base class, whose shutdown() would send FIN before a reset.
        self.rfile.close()
        self.connection.close()
        self.server.world.log.close_connection(self.server.name)

    def do_GET(self) -> None:
        if self.path == "/_log":
            self._deliver(Answer.json(self.server.world.log.document()), None)
        else:
            self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/_control":
            self.close_connection = True
            return
        try:
            reply = self.server.world.control(json.loads(body))
        except json.JSONDecodeError as error:
            reply = {"error": str(error)}
        self._deliver(Answer.json(reply, status=400 if "error" in reply else 200), None)

    def _serve(self) -> None:
        world = self.server.world
        origin, target = self._origin_and_target()
        request = Request(origin, self.command, target, self.headers)
        entry = world.log.add(
            origin=origin,
            connection=self.number,
            method=self.command,
            target=target,
            kind=request.kind,
            file=request.file,
            range=self.headers.get("Range"),
            authorization=self.headers.get("Authorization"),
            user_agent=self.headers.get("User-Agent"),
            accept_encoding=self.headers.get("Accept-Encoding"),
            headers=dict(self.headers),
            proxied=target != self.path,
        )
        try:
            answer = world.answer(request, entry)
            entry.status = answer.status if answer.raw is None else None
            self._deliver(answer, entry)
        finally:
            entry.done = True

    def _origin_and_target(self) -> tuple[str, str]:
        if self.path.startswith("/"):
            return self.server.name, self.path
        url = urlsplit(self.path)
        address = f"{url.scheme}://{url.netloc}"
        named = [name for name, of in self.server.world.addresses.items() if of == address]
        return (named or ["hub"])[0], url._replace(scheme="", netloc="").geturl()

    def _deliver(self, answer: Answer, entry: Entry | None) -> None:
        delivery = Delivery(self.connection, answer, entry or _Uncounted())
        if not delivery.send(with_body=self.command != "HEAD"):
            self.close_connection = True

    def log_message(self, format: str, *arguments: Any) -> None:
        """Silent: the log is `/_log`."""


class _Uncounted:
    """Counts of an answer that isn't in the log."""

    header_bytes = 0
    body_bytes = 0


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake Hugging Face Hub; see the top of the file.")
    parser.add_argument("--root", type=Path, help="the tree of repositories")
    parser.add_argument("--control", type=Path, help="a control document to begin with")
    parser.add_argument("--faults", action="store_true", help="print the table of faults")
    arguments = parser.parse_args()
    if arguments.faults:
        print(table())
        return
    if arguments.root is None or not arguments.root.is_dir():
        parser.error("--root must name a directory")
    world = World(arguments.root)
    if arguments.control is not None:
        reply = world.control(json.loads(arguments.control.read_text()))
        if "error" in reply:
            parser.error(reply["error"])
    print(json.dumps(world.addresses), flush=True)
    for line in sys.stdin:
        try:
            reply = world.control(json.loads(line))
        except json.JSONDecodeError as error:
            reply = {"error": str(error)}
        print(json.dumps(reply), flush=True)
    # Threads that still hold a connection open must not keep the process alive.
    os._exit(0)


if __name__ == "__main__":
    main()
