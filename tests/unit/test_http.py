"""HTTP requests out of bytes: what is taken, what is denied and why, however the bytes are cut."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.server.http import Reader
from webhook.server.wsgi import ProtocolError, Request

_LARGEST = 10_000
_POST = b"POST /validate?timeout=10s HTTP/1.1\r\nHost: localhost\r\n"
_GET = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class Memory:
    """Counts what is held; has no more than `bytes`."""

    bytes: int = 2**40
    held: int = 0
    most: int = field(default=0)

    def hold(self, size: int, more: int) -> bool:
        """Take memory."""
        del size
        if self.held + more > self.bytes:
            return False
        self.held += more
        self.most = max(self.most, self.held)
        return True

    def release(self, size: int) -> None:
        """Give memory back."""
        self.held -= size
        assert self.held >= 0


def _read(*pieces: bytes, memory: Memory | None = None) -> list[Request]:
    """Return the requests in bytes that come in pieces, each taken as soon as it is there."""
    memory = memory or Memory()
    reader, found = Reader(_LARGEST, memory), []
    for piece in pieces:
        data, at = bytearray(piece), 0
        while True:
            while reader.ready:
                request = reader.ready.popleft()
                memory.release(request.held)
                found.append(request)
                if request.too_large:
                    return found
            if at >= len(data):
                break
            at = reader.feed(data, at, len(data))
    reader.close()
    assert memory.held == 0
    return found


def _refused(*pieces: bytes) -> tuple[int, str]:
    with pytest.raises(ProtocolError) as error:
        _read(*pieces)
    return int(error.value.status), str(error.value)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"nonsense\r\n\r\n", 400, id="no-http"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", 400, id="tls"),
        pytest.param(b"GET /\r\n\r\n", 505, id="http-0.9"),
        pytest.param(b"GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505, id="http-0.9-named"),
        pytest.param(b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, id="http-2"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="http-2-preface"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no-host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400, id="two-hosts"),
        pytest.param(b"GET / HTTP/1.1\nHost: x\n\n", 400, id="bare-lf"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400, id="folded"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400, id="nul"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400, id="space-before-colon"),
        pytest.param(_POST + b"Content-Length: x\r\n\r\n", 400, id="length-no-number"),
        pytest.param(_POST + b"Content-Length: +3\r\n\r\n", 400, id="length-signed"),
        pytest.param(_POST + b"Content-Length: 0x3\r\n\r\n", 400, id="length-hexadecimal"),
        pytest.param(_POST + b"Content-Length: 3, 3\r\n\r\n", 400, id="length-list"),
        pytest.param(_POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400, id="length-twice"),
        pytest.param(_POST + b"Content-Length:\r\n\r\n", 400, id="length-empty"),
        pytest.param(_POST + b"Content-Length: " + b"1" * 1_500 + b"\r\n\r\n", 413, id="length-overflow"),
        pytest.param(_POST + b"Content-Length: " + b"1" * 5_000 + b"\r\n\r\n", 431, id="length-long-field"),
        pytest.param(_POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="two-framings"),
        pytest.param(_POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400, id="two-framings-reversed"),
        pytest.param(_POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, id="gzip-chunked"),
        pytest.param(_POST + b"Transfer-Encoding: identity\r\n\r\n", 501, id="identity"),
        pytest.param(_POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="chunked-twice"),
        pytest.param(_POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400, id="chunked-vertical-tab"),
        pytest.param(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="chunked-in-1.0"),
        pytest.param(_POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, id="chunk-size"),
        pytest.param(_POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400, id="chunk-size-signed"),
        pytest.param(_POST + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n", 400, id="chunk-bare-lf"),
        pytest.param(_POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n", 413, id="chunk-size-overflow"),
        pytest.param(_POST + b"Transfer-Encoding: chunked\r\n\r\n3;" + b"x" * 9_000, 400, id="chunk-extension"),
        pytest.param(_POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 4_100, 400, id="tiny-chunks"),
        pytest.param(_POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 60 + b"\r\n", 431, id="trailers"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 60 + b"\r\n", 431, id="many-fields"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 3_000 + b"\r\n\r\n", 431, id="long-field"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 200_000, 431, id="endless-field"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a" * 200_000, 431, id="endless-name"),
        pytest.param(b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, id="long-line"),
        pytest.param(b"GET /" + b"x" * 200_000, 414, id="endless-line"),
        pytest.param(b"\r\n" * 100_000, 431, id="endless-blank-lines"),
        pytest.param(b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403, id="connect"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 403, id="websocket"
        ),
        pytest.param(
            _POST + b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 3\r\n\r\nabc", 403, id="upgrade-with-body"
        ),
    ],
)  # fmt: skip
def test_what_is_refused(sent: bytes, status: int) -> None:
    """Bytes that are no request, or an ambiguous or a too large one, are denied with a sentence: whole, and in pieces."""
    found, sentence = _refused(sent)
    assert (found, sentence.partition(" ")[0]) == (status, "expected")
    # A part of a field may be wrong before the field is known to be too long.
    assert _refused(*(sent[at : at + 500] for at in range(0, len(sent), 500)))[0] in (status, 413)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(_GET, [("GET", b"/readyz", "1.1", True, b"")], id="get"),
        pytest.param(b"\r\n\r\n" + _GET, [("GET", b"/readyz", "1.1", True, b"")], id="blank-lines"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", [("GET", b"/", "1.0", False, b"")], id="1.0"),
        pytest.param(
            b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [("GET", b"/", "1.0", True, b"")], id="1.0-keep-alive"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [("GET", b"/", "1.1", False, b"")], id="close"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            [("GET", b"/", "1.1", False, b"")],
            id="upgrade-that-is-not-taken",
        ),
        pytest.param(
            (_POST + b"Content-Length: 3\r\n\r\nabc") * 3,
            [("POST", b"/validate?timeout=10s", "1.1", True, b"abc")] * 3,
            id="pipelined",
        ),
        pytest.param(
            _POST + b"Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: railer\r\n\r\n" + _GET,
            [("POST", b"/validate?timeout=10s", "1.1", True, b"abcde"), ("GET", b"/readyz", "1.1", True, b"")],
            id="chunked",
        ),
    ],
)
def test_what_is_taken(sent: bytes, expected: list[tuple[str, bytes, str, bool, bytes]]) -> None:
    """A request is the same whether it comes at once or byte by byte."""
    for pieces in ([sent], [sent[at : at + 1] for at in range(len(sent))]):
        found = _read(*pieces)
        assert [
            (each.method, each.target, each.version, each.keep_alive, bytes(each.body)) for each in found
        ] == expected


def test_fields_as_wsgi_has_them() -> None:
    """Fields have the names of PEP 3333; those with an underscore are dropped, for they would pass for others."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent_Length: 9\r\nX_Y: evil\r\nX-Y:  1 \r\nx-y: \xe4\r\n"
    (request,) = _read(head + b"Content-Length: 2\r\n\r\nab")
    assert request.fields == {"HTTP_HOST": "x", "CONTENT_TYPE": "a/b", "HTTP_X_Y": "1,ä", "CONTENT_LENGTH": "2"}


def test_chunks_are_framed_by_their_length() -> None:
    """A body that came in chunks is handed on with its length, and without the coding."""
    (request,) = _read(_POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert request.fields == {"HTTP_HOST": "localhost", "CONTENT_LENGTH": "3"}


@pytest.mark.parametrize(
    "sent",
    [
        _POST + b"Content-Length: 10001\r\n\r\n",
        _POST + b"Transfer-Encoding: chunked\r\n\r\n2711\r\n" + b"x" * 10_001 + b"\r\n0\r\n\r\n",
    ],
    ids=["length", "chunks"],
)
def test_a_body_that_is_too_large(sent: bytes) -> None:
    """It is handed on without its content, as soon as that is known, with a length that is more than allowed."""
    memory = Memory()
    (request,) = _read(sent, memory=memory)
    assert (request.too_large, bytes(request.body), request.held) == (True, b"", 0)
    assert int(request.fields["CONTENT_LENGTH"]) > _LARGEST
    assert memory.held == 0


def test_no_memory_for_a_body() -> None:
    """It is read to its end and dropped, so that the connection can carry the next request."""
    first, second = _read(
        _POST + b"Content-Length: 9000\r\n\r\n" + b"x" * 5_000, b"x" * 4_000 + _GET, memory=Memory(bytes=100)
    )
    assert (first.shed, bytes(first.body), second.shed, second.method) == (True, b"", False, "GET")


@pytest.mark.parametrize(
    ("head", "expects"),
    [
        (_POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", True),
        (_POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\na", False),
        (_POST + b"Expect: 100-continue\r\nContent-Length: 20000\r\n\r\n", False),
        (_POST + b"Content-Length: 3\r\n\r\n", False),
        (b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", False),
    ],
    ids=["waits", "sends-already", "too-large", "does-not-ask", "1.0"],
)
def test_who_waits_for_100(head: bytes, expects: bool) -> None:
    """Only a client that waits, and may send its body, is told to go on."""
    reader = Reader(_LARGEST, Memory())
    data = bytearray(head)
    reader.feed(data, 0, len(data))
    assert reader.expects is expects


def test_pipelined_requests_are_not_read_ahead() -> None:
    """The reader stops after each request, so that thousands of them take no memory before their turn."""
    data = bytearray(_GET * 1_000)
    reader = Reader(_LARGEST, Memory())
    assert reader.feed(data, 0, len(data)) == len(_GET)
    assert len(reader.ready) == 1


def test_requests_after_chunks_are_read_ahead_a_little() -> None:
    """After a chunked body, whose end only the parser knows, few requests are read ahead."""
    data = bytearray(_POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + _GET * 1_000)
    reader = Reader(_LARGEST, Memory())
    assert reader.feed(data, 0, len(data)) < 2_000
    assert len(reader.ready) < 40


_BODIES = st.binary(max_size=3_000)


@st.composite
def _requests(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A request, and its body."""
    body = draw(_BODIES)
    if draw(st.booleans()):
        return _POST + b"Content-Length: %d\r\n\r\n" % len(body) + body, body
    size = draw(st.integers(1, 700))
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(body[at : at + size]), body[at : at + size]) for at in range(0, len(body), size)
    )
    return _POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", body


@given(requests=st.lists(_requests(), min_size=1, max_size=4), cuts=st.lists(st.integers(0, 14_000), max_size=12))
def test_cuts_do_not_matter(requests: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    """However the bytes of some requests are cut, the same bodies come out."""
    sent = b"".join(request for request, _ in requests)
    places = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    pieces = [sent[start:end] for start, end in pairwise(places)]
    assert [bytes(each.body) for each in _read(*pieces)] == [body for _, body in requests]


@given(st.binary(max_size=300))
def test_any_bytes(garbage: bytes) -> None:
    """The data after a head is a request, an error, or incomplete; memory is released."""
    for start in (b"", _POST, _POST + b"Transfer-Encoding: chunked\r\n\r\n"):
        memory = Memory()
        reader = Reader(_LARGEST, memory)
        data, at = bytearray(start + garbage), 0
        try:
            while at < len(data) and not reader.ready:
                at = reader.feed(data, at, len(data))
        except ProtocolError as error:
            assert error.status in range(400, 506)
        reader.close()
        assert memory.held == 0
