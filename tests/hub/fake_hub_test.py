"""Tests of the fake Hub: python3 tests/hub/fake_hub_test.py (the standard library alone)."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from faults import FAULTS, Rule
from messages import Answer, Request
from content import Content

HERE = Path(__file__).resolve().parent
SHARD = bytes(range(256)) * 16
CONFIG = b'{"model_type": "qwen3"}'
INDEX = {"weight_map": {"a": "x-1.safetensors", "b": "x-2.safetensors"}}


class FakeHubTest(unittest.TestCase):
    """A server for all tests of a class; each begins without faults and with an empty log."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.place = tempfile.TemporaryDirectory()
        root = Path(cls.place.name)
        for revision in ("main", "moved"):
            directory = root / "Org/Model" / revision
            directory.mkdir(parents=True)
            (directory / "config.json").write_bytes(CONFIG)
            (directory / "x-1.safetensors").write_bytes(SHARD)
            (directory / "x.index.json").write_text(json.dumps(INDEX))
        (root / "Org/Model/v1").symlink_to("main")
        cls.server = subprocess.Popen(
            [sys.executable, str(HERE / "fake_hub.py"), "--root", str(root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        cls.addresses = json.loads(cls.server.stdout.readline())

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.stdin.close()
        assert cls.server.wait(timeout=60) == 0, "the server must end with its stdin"
        cls.server.stdout.close()
        cls.place.cleanup()

    def setUp(self) -> None:
        self.control({"faults": [], "link_seconds": 3600, "clear_log": True})

    def control(self, document: dict) -> dict:
        self.server.stdin.write(json.dumps(document) + "\n")
        self.server.stdin.flush()
        reply = json.loads(self.server.stdout.readline())
        self.assertNotIn("error", reply)
        return reply

    def faults(self, *rules: dict) -> None:
        self.control({"faults": list(rules)})

    def get(self, url: str, method: str = "GET", **headers: str):
        """One answer, its body in `.body`; redirects are not followed."""
        parts = urlsplit(url if "://" in url else self.addresses["hub"] + url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        self.addCleanup(connection.close)
        target = parts._replace(scheme="", netloc="").geturl()
        connection.request(method, target, headers={k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        response.body = response.read()
        return response

    def link(self, file: str = "x-1.safetensors") -> str:
        return self.get(f"/Org/Model/resolve/main/{file}").headers["Location"]

    def blob(self, **headers: str):
        return self.get(self.link(), **headers)


class OrdinaryTest(FakeHubTest):
    def test_a_large_file_is_redirected_to_the_cdn_with_its_metadata(self) -> None:
        answer = self.get("/Org/Model/resolve/main/x-1.safetensors", "HEAD")
        self.assertEqual(answer.status, 302)
        self.assertEqual(answer.headers["X-Linked-Size"], str(len(SHARD)))
        self.assertTrue(answer.headers["Location"].startswith(self.addresses["cdn"]))
        self.assertEqual(self.get(answer.headers["Location"]).body, SHARD)

    def test_a_small_file_is_redirected_relatively_and_needs_the_query(self) -> None:
        location = self.link("config.json")
        self.assertTrue(location.startswith("/api/resolve-cache/"))
        self.assertEqual(self.get(location).body, CONFIG)
        self.assertEqual(self.get(location.split("?")[0]).status, 404)

    def test_git_and_the_sha256_name_the_blobs(self) -> None:
        answer = self.get("/Org/Model/resolve/main/config.json")
        expected = subprocess.run(["git", "hash-object", "--stdin"], input=CONFIG, capture_output=True)
        self.assertEqual(answer.headers["X-Linked-Etag"], f'"{expected.stdout.decode().strip()}"')

    def test_ranges(self) -> None:
        for asked, first, last in [("5-9", 5, 9), ("4090-", 4090, 4095), ("-3", 4093, 4095)]:
            answer = self.blob(Range=f"bytes={asked}")
            self.assertEqual(answer.status, 206)
            self.assertEqual(answer.headers["Content-Range"], f"bytes {first}-{last}/4096")
            self.assertEqual(answer.body, SHARD[first : last + 1])
        self.assertEqual(self.blob(Range="bytes=4096-").status, 416)

    def test_with_gzip_the_cdn_ignores_the_range(self) -> None:
        self.assertEqual(self.blob(Range="bytes=0-7", Accept_Encoding="gzip").status, 200)
        self.assertEqual(self.blob(Range="bytes=0-7", If_Range='"other"').status, 200)

    def test_the_cdn_refuses_a_token_and_a_wrong_or_old_link(self) -> None:
        self.assertEqual(self.blob(Authorization="Bearer x").status, 400)
        self.assertEqual(self.get(self.link().replace("Signature=", "Signature=0")).status, 403)
        self.control({"link_seconds": 0})
        self.assertEqual(self.blob().status, 403)

    def test_a_link_expires_with_time(self) -> None:
        self.control({"link_seconds": 3})  # half a second was too short for a busy machine
        link = self.link()
        self.assertEqual(self.get(link).status, 200)
        time.sleep(3.1)
        self.assertEqual(self.get(link).status, 403)

    def test_a_tag_a_commit_and_the_api_name_the_same_commit(self) -> None:
        commit = json.loads(self.get("/api/models/Org/Model/revision/v1").body)["sha"]
        self.assertEqual(json.loads(self.get("/api/models/Org/Model").body)["sha"], commit)
        answer = self.get(f"/Org/Model/resolve/{commit}/config.json")
        self.assertEqual(answer.headers["X-Repo-Commit"], commit)

    def test_what_is_not_there(self) -> None:
        for target, code in [
            ("/Org/Model/resolve/main/none", "EntryNotFound"),
            ("/Org/Model/resolve/none/config.json", "RevisionNotFound"),
            ("/Org/None/resolve/main/config.json", "RepoNotFound"),
        ]:
            self.assertEqual(self.get(target).headers["X-Error-Code"], code)
        self.assertEqual(self.get("/Org/Model/resolve/main/../main/config.json").status, 404)

    def test_a_branch_moves_when_told(self) -> None:
        before = self.get("/Org/Model/resolve/main/config.json").headers["X-Repo-Commit"]
        self.control({"repositories": {"Org/Model": {"branches": {"main": "moved"}}}})
        after = self.get("/Org/Model/resolve/main/config.json").headers["X-Repo-Commit"]
        self.control({"repositories": {"Org/Model": {"branches": {}}}})
        self.assertNotEqual(before, after)

    def test_the_mirror_redirects_to_the_hub(self) -> None:
        answer = self.get(self.addresses["mirror"] + "/Org/Model/resolve/main/config.json")
        self.assertEqual(answer.status, 308)
        self.assertTrue(answer.headers["Location"].startswith(self.addresses["hub"]))

    def test_the_log_tells_order_bytes_token_and_connection(self) -> None:
        self.blob(Range="bytes=0-99", User_Agent="me")
        self.get("/api/models/Org/Model", Authorization="Bearer hf_x")
        log = json.loads(self.get("/_log").body)
        asked = [(r["origin"], r["kind"], r["range"]) for r in log["requests"]]
        self.assertEqual(asked[1], ("cdn", "blob", "bytes=0-99"))
        self.assertEqual(log["requests"][1]["body_bytes"], 100)
        self.assertEqual(log["requests"][1]["user_agent"], "me")
        self.assertEqual(log["requests"][2]["authorization"], "Bearer hf_x")
        self.assertEqual(len({r["connection"] for r in log["requests"]}), 3)

    def test_a_connection_serves_many_requests(self) -> None:
        connection = http.client.HTTPConnection(urlsplit(self.addresses["hub"]).netloc, timeout=5)
        for _ in range(3):
            connection.request("GET", "/api/models/Org/Model")
            connection.getresponse().read()
        connection.close()
        self.assertEqual({r["connection"] for r in self.control({"log": True})["requests"]}.__len__(), 1)

    def test_an_absolute_target_is_served_as_a_proxy_does(self) -> None:
        parts = urlsplit(self.addresses["mirror"])
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", "http://huggingface.co/Org/Model/resolve/main/config.json")
        self.assertEqual(connection.getresponse().status, 307)
        self.assertTrue(self.control({"log": True})["requests"][0]["proxied"])

    def test_a_stopped_origin_refuses_and_starts_again(self) -> None:
        self.control({"stop": ["hub"]})
        with self.assertRaises(ConnectionRefusedError):
            self.get("/api/models/Org/Model")
        self.control({"start": ["hub"]})
        self.assertEqual(self.get("/api/models/Org/Model").status, 200)
        with self.assertRaises(ConnectionRefusedError):
            self.get(self.addresses["refused"])

    def test_a_control_document_with_a_wrong_name_is_refused(self) -> None:
        for text in ('{"faults": [{"fault": "none"}]}', '{"x": 1}', "{", '{"faults": [{"fault": "reset", "x": 1}]}'):
            connection = http.client.HTTPConnection(urlsplit(self.addresses["hub"]).netloc)
            connection.request("POST", "/_control", text)
            self.assertEqual(connection.getresponse().status, 400)
            connection.close()


class FaultTest(FakeHubTest):
    def test_skip_times_file_and_kind_choose_the_requests(self) -> None:
        self.faults({"fault": "error_503", "kind": "resolve", "file": "*.json", "skip": 1, "times": 2})
        statuses = [self.get("/Org/Model/resolve/main/config.json").status for _ in range(4)]
        self.assertEqual(statuses, [307, 503, 503, 307])
        self.assertEqual(self.blob().status, 200)

    def test_content_range_is_wrong_each_way(self) -> None:
        for name, words in [
            ("range_first_later", "bytes 11-19/4096"), ("range_first_earlier", "bytes 9-19/4096"),
            ("range_last_later", "bytes 10-20/4096"), ("range_last_earlier", "bytes 10-18/4096"),
            ("range_shifted", "bytes 18-27/4096"), ("range_total", "bytes 10-19/4097"),
            ("range_no_total", "bytes 10-19/*"), ("range_garbled", "bytes 0-"),
            ("range_missing", None),
        ]:
            self.faults({"fault": name})
            answer = self.blob(Range="bytes=10-19")
            self.assertEqual((answer.status, answer.headers["Content-Range"]), (206, words), name)
            self.assertEqual(answer.body, SHARD[10:20])

    def test_200_where_206_was_asked(self) -> None:
        self.faults({"fault": "range_ignored"})
        answer = self.blob(Range="bytes=10-19")
        self.assertEqual((answer.status, answer.body), (200, SHARD))
        self.faults({"fault": "range_as_200"})
        answer = self.blob(Range="bytes=10-19")
        self.assertEqual((answer.status, answer.body), (200, SHARD[10:20]))

    def test_bodies_of_another_length(self) -> None:
        for name, size in [("body_shorter", 4088), ("body_longer", 4104)]:
            self.faults({"fault": name})
            self.assertEqual(len(self.blob().body), size)
        self.faults({"fault": "gzip"})
        self.assertEqual(gzip.decompress(self.blob().body), SHARD)
        self.faults({"fault": "chunked"})
        self.assertEqual(self.blob().body, SHARD)

    def test_a_body_that_ends_early(self) -> None:
        self.faults({"fault": "body_cut", "after": 100})
        with self.assertRaises(http.client.IncompleteRead) as caught:
            self.blob()
        self.assertEqual(len(caught.exception.partial), 100)
        self.faults({"fault": "reset", "after": 100})
        with self.assertRaises(ConnectionResetError):
            self.blob()
        self.assertEqual(self.control({"log": True})["requests"][-1]["body_bytes"], 100)

    def test_a_reset_loses_nothing_for_a_client_that_is_slow(self) -> None:
        after = 3_000_000  # more than lies in buffers
        self.faults({"fault": "body_longer", "by": after}, {"fault": "reset", "after": after})
        link = urlsplit(self.link())
        with socket.create_connection((link.hostname, link.port), timeout=60) as connection:
            connection.sendall(f"GET {link.path}?{link.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            time.sleep(0.3)
            received = b""
            with self.assertRaises(ConnectionResetError):
                while data := connection.recv(1 << 16):
                    received += data
        self.assertEqual(len(received.partition(b"\r\n\r\n")[2]), after)

    def test_a_stall_sends_nothing_more(self) -> None:
        self.faults({"fault": "stall", "after": 100, "seconds": 0.5})
        with self.assertRaises(http.client.IncompleteRead) as caught:
            self.blob()
        self.assertEqual(len(caught.exception.partial), 100)

    def test_a_throttled_body_takes_its_time(self) -> None:
        self.faults({"fault": "throttle", "bytes_per_second": 8192})
        start = time.monotonic()
        self.assertEqual(self.blob().body, SHARD)
        self.assertGreater(time.monotonic() - start, 0.4)

    def test_connections_without_an_answer(self) -> None:
        for name, error in [
            ("empty_answer", http.client.RemoteDisconnected), ("reset_at_once", ConnectionResetError),
            ("not_http", http.client.BadStatusLine), ("broken_status", http.client.BadStatusLine),
        ]:
            self.faults({"fault": name})
            with self.assertRaises(error):
                self.get("/api/models/Org/Model")

    def test_clocks_of_429(self) -> None:
        self.faults({"fault": "rate_limited", "seconds": 7, "by": "both"})
        answer = self.get("/api/models/Org/Model")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, "7"))
        self.assertEqual(answer.headers["RateLimit"], '"resolvers";r=0;t=7')

    def test_redirects(self) -> None:
        target = "/Org/Model/resolve/main/config.json"
        for name, start in [("redirect_loop", target), ("redirect_file", "file:"),
                            ("redirect_ftp", "ftp:"), ("redirect_elsewhere", self.addresses["elsewhere"])]:
            self.faults({"fault": name})
            self.assertTrue(self.get(target).headers["Location"].startswith(start), name)

    def test_files_that_lie(self) -> None:
        self.faults({"fault": "lying_header_length", "length": 5})
        self.assertEqual(self.blob(Range="bytes=0-9").body, b"\5\0\0\0\0\0\0\0" + SHARD[8:10])
        self.faults({"fault": "lying_index"})
        wrong = json.loads(self.get(self.link("x.index.json")).body)["weight_map"]
        self.assertEqual(wrong, {"a": "x-2.safetensors", "b": "x-1.safetensors"})
        self.faults({"fault": "huge_file", "bytes": 100})
        self.assertEqual(self.get(self.link("config.json")).body, CONFIG.ljust(100))
        self.faults({"fault": "etag_changes"}, {"fault": "size_changes"})
        answer = self.get("/Org/Model/resolve/main/config.json")
        self.assertEqual(answer.headers["X-Linked-Size"], str(len(CONFIG) + 8))


class TableTest(unittest.TestCase):
    def test_every_fault_changes_an_ordinary_exchange(self) -> None:
        """By its hook, without a server: whatever each row names is done to something."""
        origins = {"elsewhere": "http://e", "refused": "http://r"}
        for name, fault in FAULTS.items():
            if not fault.on_answer or name == "header":
                continue
            headers = {"Content-Range": "bytes 0-9/20", "X-Repo-Commit": "c", "X-Linked-Etag": "e",
                       "X-Linked-Size": "20"}
            answer = Answer(206, dict(headers), Content.of_bytes(b"0123456789"))
            untouched = Answer(206, dict(headers), answer.content)
            rule = Rule({"fault": name})
            fault.on_answer(answer, Request("cdn", "GET", "/x", {}), rule.parameters, origins)
            self.assertNotEqual(answer, untouched, name)


if __name__ == "__main__":
    unittest.main()
