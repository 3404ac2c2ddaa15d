"""TLS before a server that speaks none, on the loopback, for tests of a client.

    tls_front.py CERTIFICATE KEY PORT

prints one line of JSON with its address, {"address": "https://127.0.0.1:..."}, and hands on what
comes there to PORT. Ends with its stdin.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import threading

HOST = "127.0.0.1"


def hand_on(source: socket.socket, target: socket.socket) -> None:
    """Until either side leaves."""
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def serve(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    try:
        secured = context.wrap_socket(client, server_side=True)
    except OSError:
        return  # The client trusts nobody of that name.
    with secured, socket.create_connection((HOST, port)) as server:
        threading.Thread(target=hand_on, args=(secured, server), daemon=True).start()
        hand_on(server, secured)


def main() -> None:
    certificate, key, port = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server((HOST, 0))
    print(json.dumps({"address": f"https://{HOST}:{listener.getsockname()[1]}"}), flush=True)

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, context, int(port)), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
