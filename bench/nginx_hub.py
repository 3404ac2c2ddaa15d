"""One model behind nginx as the Hub would have it: the fastest server at hand, which counts what it sent
and on how many connections. Standard library, nginx, and for TLS openssl.

Resolved are the files of one directory, at one commit: small ones directly, safetensors by a redirect to
another path of the same server, which stands for the CDN.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPO = "Org/Model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

CONFIG = """
daemon off;
worker_processes 2;
pid {work}/pid;
error_log {work}/errors;
events {{ worker_connections 256; }}
http {{
  access_log off;
  log_format requests escape=json '{{"connection":$connection,"protocol":"$server_protocol",'
    '"uri":"$uri","status":$status,"bytes":$bytes_sent}}';
  client_body_temp_path {work}; proxy_temp_path {work}; fastcgi_temp_path {work};
  uwsgi_temp_path {work}; scgi_temp_path {work};
  sendfile on;
  sendfile_max_chunk 2m;
  tcp_nopush on;
  keepalive_requests 100000;
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port} {options};
    {tls}
    access_log {work}/requests requests;
{resolved}
    location = /{repo}/resolve/main/config.json {{ add_header X-Repo-Commit {commit} always; return 200; }}
    location /cdn/ {{ alias {tree}/; limit_rate {rate}; }}
    location / {{ add_header X-Error-Code EntryNotFound always; add_header X-Repo-Commit {commit} always;
                  return 404; }}
  }}
}}
"""

RESOLVED = """
    location = /{repo}/resolve/{commit}/{name} {{
      add_header X-Repo-Commit {commit} always; add_header X-Linked-Size {size} always;
      add_header X-Linked-Etag '"{etag}"' always;
      {answer}
    }}"""


@dataclass
class Request:
    connection: int
    protocol: str
    uri: str
    status: int
    bytes: int  # head and body


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class NginxHub:
    """`with NginxHub(tree) as hub`: hub.address is the endpoint. rate is in bytes a second for each
    request, 0 for none; tls puts HTTP/2 on."""

    def __init__(self, tree, rate=0, tls=False):
        self.tree = Path(tree).resolve()
        self.work = Path(tempfile.mkdtemp(prefix="nginx-"))
        self.port = free_port()
        self.address = f"http{'s' * tls}://127.0.0.1:{self.port}"
        self.certificate = self.work / "certificate.pem"
        text = CONFIG.format(work=self.work, port=self.port, options="ssl http2" if tls else "",
                             tls=self._make_certificate() if tls else "", repo=REPO, commit=COMMIT,
                             tree=self.tree, rate=rate, resolved="".join(map(self._resolved, self._names())))
        (self.work / "config").write_text(text)

    def __enter__(self):
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        # Whoever runs this may read the tree; nginx's workers would be somebody else.
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        self.server = subprocess.Popen([nginx, "-c", self.work / "config", "-p", self.work, *user,
                                        "-e", self.work / "errors"], stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise RuntimeError((self.work / "errors").read_text())

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()
        shutil.rmtree(self.work)

    def requests(self):
        """All requests so far, those that were broken off too, in the order of their ends."""
        return [Request(**json.loads(line)) for line in (self.work / "requests").read_text().splitlines()]

    def _names(self):
        return sorted(path.name for path in self.tree.iterdir() if path.is_file())

    def _resolved(self, name):
        size = (self.tree / name).stat().st_size
        # A stand-in: hashing gigabytes would take longer than the run.
        etag = hashlib.sha256(f"{name} {size}".encode()).hexdigest()
        answer = f"return 302 {self.address}/cdn/{name};"
        if not name.endswith(".safetensors"):
            answer = f"alias {self.tree}/{name};"
        return RESOLVED.format(repo=REPO, commit=COMMIT, name=name, size=size, etag=etag, answer=answer)

    def _make_certificate(self):
        key = self.work / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key,
                        "-out", self.certificate, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
        return f"ssl_certificate {self.certificate}; ssl_certificate_key {key};"
