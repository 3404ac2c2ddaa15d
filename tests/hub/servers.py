"""What the Hub and its CDN answer when nothing is wrong (faults.py changes that).

The Hub resolves names, checks tokens and redirects; the CDN gives the bytes of large files to whoever
has a signed link. Facts: the project's notes on the Hub's protocol, and huggingface_hub itself.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import time
from collections.abc import Callable
from urllib.parse import parse_qs, quote

from content import Content
from messages import Answer, Request
from repositories import Repositories, Repository, RepositoryFile

RATE_LIMIT = {
    "RateLimit": '"resolvers";r=2999;t=172',
    "RateLimit-Policy": '"fixed window";"resolvers";q=3000;w=300',
}
ACCESS_DENIED = '<?xml version="1.0"?><Error><Code>{}</Code><Message>{}</Message></Error>'

# Changes the file that is about to be served; the faults' hook.
FileFilter = Callable[[Request, RepositoryFile], None]


def ranged(request: Request, content: Content, headers: dict[str, str]) -> Answer:
    """200 with the whole content, 206 with the range asked for, or 416."""
    wanted = request.range_in(content.size)
    if wanted is None:
        return Answer(200, headers, content)
    start, stop = wanted
    if start >= stop:
        return Answer.text(416, "", {"Content-Range": f"bytes */{content.size}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    return Answer(206, headers, content.cut(start, stop))


class SignedLinks:
    """Links to the CDN that hold for a while, as CloudFront's do."""

    def __init__(self, cdn: str) -> None:
        self.cdn = cdn
        self.seconds = 3600.0
        self._secret = b"the fake CDN's key"

    def link(self, file: RepositoryFile) -> str:
        path = f"/repos/{quote(file.repository, safe='')}/{file.commit}/{quote(file.name)}"
        expires = repr(time.time() + self.seconds)
        return (
            f"{self.cdn}{path}?response-content-disposition=inline%3B+filename%3D%22"
            f"{quote(file.name, safe='')}%22%3B&Expires={expires}"
            f"&Signature={self._sign(path, expires)}&Key-Pair-Id=FAKE"
        )

    def refusal(self, request: Request) -> str | None:
        """Why the CDN doesn't serve the link, if it doesn't."""
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        expires = query.get("Expires", "")
        if not hmac.compare_digest(query.get("Signature", ""), self._sign(request.path, expires)):
            return "Missing or wrong signature"
        return "Access denied: the link has expired" if time.time() >= float(expires) else None

    def _sign(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path} {expires}".encode(), hashlib.sha256).hexdigest()


class Cdn:
    """Serves blobs by signed link. Its ETag is not the Hub's, and with gzip it ignores Range, unless
    `range_with_gzip`."""

    def __init__(self, repositories: Repositories, links: SignedLinks) -> None:
        self.repositories = repositories
        self.links = links
        self.range_with_gzip = False

    def answer(self, request: Request, file_filter: FileFilter) -> Answer:
        if request.kind != "blob":
            return Answer.text(403, ACCESS_DENIED.format("AccessDenied", "Access Denied"))
        if request.token is not None:
            return Answer.text(
                400, ACCESS_DENIED.format("InvalidArgument", "Only one auth mechanism allowed")
            )
        if why := self.links.refusal(request):
            return Answer.text(403, ACCESS_DENIED.format("AccessDenied", why))
        repository = self.repositories.find(request.repository)
        file = repository and repository.file(request.revision, request.file)
        if not file:
            return Answer.text(404, ACCESS_DENIED.format("NoSuchKey", request.file))
        file_filter(request, file)
        etag = f'"{hashlib.md5(file.etag.encode()).hexdigest()}-9"'
        headers = {"Content-Type": "binary/octet-stream", "Accept-Ranges": "bytes", "ETag": etag}
        ignores_range = request.accepts_gzip and not self.range_with_gzip
        if ignores_range or request.headers.get("If-Range", etag) != etag:
            return Answer(200, headers, file.content)
        return ranged(request, file.content, headers)


class Hub:
    """Resolves revisions and files, and says who may read them."""

    def __init__(self, repositories: Repositories, links: SignedLinks) -> None:
        self.repositories = repositories
        self.links = links
        self.tokens: dict[str, list[str]] = {}  # the repositories that each valid token may read

    def answer(self, request: Request, file_filter: FileFilter) -> Answer:
        answer = self._answer(request, file_filter)
        answer.headers = {**RATE_LIMIT, **answer.headers}
        return answer

    def _answer(self, request: Request, file_filter: FileFilter) -> Answer:
        if request.kind in ("other", "blob"):
            return Answer.error(404, "", "Sorry, we can't find the page you are looking for.")
        if new_name := self.repositories.renamed.get(request.repository):
            target = request.target.replace(f"/{request.repository}", f"/{new_name}", 1)
            return self._redirect(307, target)
        repository = self.repositories.find(request.repository)
        refusal = self._refusal(request, repository)
        if repository is None or refusal:
            return refusal
        commit = repository.commit(request.revision)
        if commit is None:
            message = f"Invalid rev id: {request.revision}"
            return Answer.error(404, "RevisionNotFound", message)
        if request.kind == "api":
            return self._listing(request, repository, commit)
        file = repository.file(commit, request.file)
        if file is None:
            headers = {"X-Repo-Commit": commit}
            return Answer.error(404, "EntryNotFound", "Entry not found", headers)
        file_filter(request, file)
        return self._small(request, file) if request.kind == "cache" else self._resolved(request, file)

    def _refusal(self, request: Request, repository: Repository | None) -> Answer | None:
        """The Hub tells nobody without access whether a private repository is there."""
        token = request.token
        if token is not None and token not in self.tokens:
            return Answer.error(401, "", "Invalid credentials in Authorization header")
        allowed = request.repository in self.tokens.get(token or "", [])
        if repository is None or (repository.private and not allowed):
            if token is None:
                return Answer.error(401, "RepoNotFound", "Invalid username or password.")
            return Answer.error(404, "RepoNotFound", "Repository not found")
        if repository.disabled:
            return Answer.error(403, "", "Access to this resource is disabled.")
        if repository.gated and not allowed and request.kind != "api":
            about = f"Access to model {repository.name} is restricted"
            if token is None:
                words = f"{about}. You must have access to it and be authenticated to access it."
                return Answer.error(401, "GatedRepo", words)
            words = f"{about} and you are not in the authorized list. Ask at its page for access."
            return Answer.error(403, "GatedRepo", words)
        return None

    def _listing(self, request: Request, repository: Repository, commit: str) -> Answer:
        """What `model_info` (revision) and `list_repo_tree` (tree) read."""
        names = repository.files(commit)
        if request.listing == "tree":
            files = [repository.file(commit, name) for name in names]
            entries = [
                {"type": "file", "oid": file.etag, "size": file.content.size, "path": file.name}
                for file in files
                if file is not None
            ]
            return Answer.json(entries, {"X-Repo-Commit": commit})
        about = {"id": repository.name, "modelId": repository.name, "sha": commit}
        about |= {"private": repository.private, "gated": "manual" if repository.gated else False}
        about |= {"disabled": repository.disabled, "tags": [], "downloads": 0, "likes": 0}
        about["siblings"] = [{"rfilename": name} for name in names]
        return Answer.json(about, {"X-Repo-Commit": commit})

    def _resolved(self, request: Request, file: RepositoryFile) -> Answer:
        """A redirect: of a large file to the CDN, of a small one to the Hub's own cache."""
        headers = {"X-Repo-Commit": file.commit, "Accept-Ranges": "bytes"}
        headers["X-Linked-Size"] = str(file.content.size)
        headers["X-Linked-Etag"] = f'"{file.etag}"'
        if file.large:
            return self._redirect(302, self.links.link(file), headers)
        path = f"/api/resolve-cache/models/{file.repository}/{file.commit}/{quote(file.name)}"
        query = f"{quote(request.path, safe='')}=&etag=%22{file.etag}%22"
        return self._redirect(307, f"{path}?{query}", headers)

    def _small(self, request: Request, file: RepositoryFile) -> Answer:
        """A small file's bytes; compressed, and then without ranges, for a client that takes gzip."""
        if "etag=" not in request.query:
            return Answer.error(404, "", "This page needs the query of the redirect to it.")
        headers = {"Content-Type": "text/plain; charset=utf-8", "ETag": f'"{file.etag}"'}
        headers |= {"X-Repo-Commit": file.commit, "Accept-Ranges": "bytes"}
        if request.accepts_gzip:
            headers |= {"Content-Encoding": "gzip", "ETag": f'W/"{file.etag}"'}
            return Answer(200, headers, Content.of_bytes(gzip.compress(file.content.read())))
        return ranged(request, file.content, headers)

    @staticmethod
    def _redirect(status: int, location: str, headers: dict[str, str] | None = None) -> Answer:
        words = f"Redirecting to {location}"
        return Answer.text(status, words, {**(headers or {}), "Location": location, "Vary": "Origin"})


class Stranger:
    """Answers as the Hub and the CDN do, at an origin that is neither."""

    def __init__(self, hub: Hub, cdn: Cdn) -> None:
        self.hub = hub
        self.cdn = cdn

    def answer(self, request: Request, file_filter: FileFilter) -> Answer:
        server = self.cdn if request.kind == "blob" else self.hub
        return server.answer(request, file_filter)


class Mirror:
    """Sends everybody to the Hub, by an absolute 308."""

    def __init__(self, hub: str) -> None:
        self.hub = hub

    def answer(self, request: Request, _: FileFilter) -> Answer:
        return Answer.text(308, "", {"Location": self.hub + request.target})
