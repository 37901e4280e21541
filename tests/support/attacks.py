"""What a hostile server answers to a POST. Each attack is an answer of `servers`; none needs longer than its client."""

from __future__ import annotations

import functools
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any, TypeAlias

from tests.support.servers import Request

Answer: TypeAlias = Callable[[Request], Any]

JSON = "Content-Type: application/json"
HTML = "Content-Type: text/html; charset=utf-8"
HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIPPED = CHUNKED[:-2] + b"Content-Encoding: gzip\r\n\r\n"
MEBIBYTE = 1024 * 1024
TOKEN = "0b7e6f0e-7c35-4b8e-9d2f-6a4c8f3a1b20"

# What acts on a terminal, a CI's log reader, XML, or a page, where it is not made harmless.
NASTY = {
    "ansi": "\x1b[2J\x1b[31m\x9b1m",
    "osc": "\x1b]0;owned\x07\x1b]8;;http://x\x1b\\link\x1b]52;c;aGk=\x07",
    "workflow commands": "\n::error::owned\n  ::set-output name=x::y\r\n::stop-commands::z\n##[error]x\n##vso[x]",
    "xml": "]]></failure></testcase><testcase name='x'/><![CDATA[ &bogus; \x00\x01\x08\x0b\x0c\x1f\x7f\ufffe\uffff",
    "markup": "<script>alert(1)</script> ``` `x` </code></details> | [x](javascript:x) ![x](http://x)\n\n<img src=x>",
    "bidi": "\u202eevil\u2066\u2069\u200e\u200b\u2060\ufeff\u00ad\u3164\ufe0f\U000e0041\U000e0101",
    "line ends": "a\rb\nc\x85d\u2028e\u2029f\x0bg\x0ch",
    "surrogates": "\ud800\udfff\udc00",
}
ALL_NASTY = " ".join(NASTY.values())


def _created(id_: Any, token: Any, **more: Any) -> Answer:
    return lambda r: r.created({"id": id_, "public_token": token, **more})


def _body(body: bytes, *headers: str, status: str = "201 Created") -> Answer:
    return lambda r: r.answer(status, body, *(headers or (JSON,)))


def _sent(data: bytes) -> Answer:
    return lambda r: r.send(data)


def _without_end(data: bytes, head: bytes = HEAD + b"\r\n") -> Answer:
    """As fast as it is taken, for as long as it is."""

    def answer(request: Request) -> None:
        request.send(head)
        request.flood(data * max(1, 65536 // len(data)), 20_000)

    return answer


def _dripping(data: bytes, head: bytes = b"") -> Answer:
    def answer(request: Request) -> None:
        request.send(head)
        request.trickle(data)

    return answer


@functools.cache
def bomb() -> bytes:
    """200 MB of blanks in 200 KB (gzip)."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * 1_000_000) for _ in range(200)) + packer.flush()


@functools.cache
def _nested_bomb() -> bytes:
    return functools.reduce(lambda inner, _: gzip.compress(inner), range(4), bomb())


def _bombed(encoding: str, data: Callable[[], bytes] = bomb) -> Answer:
    return lambda r: r.answer("201 Created", data(), JSON, f"Content-Encoding: {encoding}")


def _bombed_in_chunks(request: Request) -> None:
    request.send(GZIPPED + b"%x\r\n" % len(bomb()) + bomb() + b"\r\n0\r\n\r\n")


def _headers(name: bytes, number: int, size: int) -> Answer:
    """So many headers of this name, each of a value that no other answer has."""

    def answer(request: Request) -> None:
        lines = (name % n + b"%x-%d-" % (id(request), n) + b"y" * size + b"\r\n" for n in range(number))
        request.send(HEAD + b"".join(lines) + b"Content-Length: 2\r\n\r\n{}")

    return answer


def _text(value: str) -> bytes:
    return json.dumps({"id": value, "public_token": value}, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _head(line: str, status: str = "302 Found") -> Answer:
    return _sent(f"HTTP/1.1 {status}\r\n{line}\r\nContent-Length: 2\r\n\r\n{{}}".encode("latin-1"))


_RAW_HEADER = "\x1b[2J\x9b1m\x07\x08::error::x ##[error]y <script>"

INJECTIONS: dict[str, Answer] = {
    **{f"{name} as id and token": _created(text, text) for name, text in NASTY.items()},
    **{f"{name} as it is": _body(_text(text)) for name, text in NASTY.items()},
    **{f"{name} in an error page": _body(_text(text), JSON, status="500 Oops") for name, text in NASTY.items()},
    **{f"{name} in HTML": _body(_text(text), HTML, status="404 Oops") for name, text in NASTY.items()},
    "the same id again": _created(ALL_NASTY, ALL_NASTY),
    "the same token again": _created(ALL_NASTY + "x", ALL_NASTY),
    "in a Location": _head(f"Location: {_RAW_HEADER}"),
    "in a login's Location": _head(f"Location: /login?{_RAW_HEADER}"),
    "in Retry-After": _head(f"Retry-After: {_RAW_HEADER}", "429 Slow"),
    "in the reason": _head("X: y", f"500 {_RAW_HEADER}"),
    "in a Content-Type": _head(f"Content-Type: {_RAW_HEADER}", "201 Created"),
    "in a Content-Encoding": _head(f"Content-Encoding: {_RAW_HEADER}", "201 Created"),
    "in a Content-Length": _head(f"Content-Length: {_RAW_HEADER}", "201 Created"),
    "in a status line": _sent(_RAW_HEADER.encode("latin-1") + b"\r\n\r\n"),
    "in a chunk's length": _sent(CHUNKED + _RAW_HEADER.encode("latin-1") + b"\r\n"),
    "in a cookie": _head(f"Set-Cookie: a={_RAW_HEADER}", "500 Oops"),
}

DOCUMENTS: dict[str, Answer] = {
    "a million brackets": _body(b"[" * 1_000_000),
    "a million brackets that close": _body(b"[" * 500_000 + b"]" * 500_000),
    "deep objects": _body(b'{"a":' * 200_000),
    "an integer of 100,000 digits": _body(b'{"id":' + b"9" * 100_000 + b',"public_token":"t"}'),
    "an integer of 4,000 digits": _body(b'{"id":' + b"9" * 4_000 + b',"public_token":"t"}'),
    "a float of 100,000 digits": _body(b'{"id":0.' + b"9" * 100_000 + b',"public_token":"t"}'),
    "1e999999999": _body(b'{"id":1e999999999,"public_token":-1e999999999}'),
    "NaN": _body(b'{"id":NaN,"public_token":Infinity}'),
    "duplicate keys": _body(b'{"id":1,"id":2,"public_token":"a","public_token":"b"}'),
    "keys without number": _body(b"{" + b",".join(b'"%x":{}' % n for n in range(80_000)) + b"}"),
    "a mebibyte of lists": _body(b"[" + b"[]," * (MEBIBYTE // 3 - 2) + b"[]]"),
    "a mebibyte of objects": _body(b"[" + b'{"":0},' * (MEBIBYTE // 7 - 2) + b"{}]"),
    "an id of a megabyte": _created("i" * 1_000_000, TOKEN),
    "a token of a megabyte": _created(1, "\x1b" * 170_000),
    "an id that is a mebibyte of lists": _created([[]] * 250_000, TOKEN),
    "invalid UTF-8": _body(b'{"id":1,"public_token":"\xff\xfe\xc0\x80\xed\xa0\x80"}'),
    "UTF-16": _body('{"id":1}'.encode("utf-16")),
    "lone surrogates": _body(b'{"id":"\\ud800","public_token":"\\udfff\\ud800"}'),
    "only NULs": _body(b"\0" * 1_000_000),
    "many password fields": _body(b"<input " * 9_300, HTML, status="404 x"),
    "many types": _body(b"<input " * 3_000 + (b"type" + b" " * 40) * 1_000, HTML, status="404 x"),
}

FRAMES: dict[str, Answer] = {
    "a gzip bomb": _bombed("gzip"),
    "a gzip bomb in chunks": _bombed_in_chunks,
    "five gzips in each other": _bombed("gzip, gzip, gzip, gzip, gzip", _nested_bomb),
    "a thousand encodings": _bombed(", ".join(["gzip"] * 1_000)),
    "gzip named as deflate": _bombed("deflate"),
    "brotli announced": _bombed("br"),
    "zstd announced": _bombed("zstd"),
    "an unknown encoding": _bombed("x-unheard-of"),
    "endless empty gzip members": _without_end(gzip.compress(b""), HEAD + b"Content-Encoding: gzip\r\n\r\n"),
    "endless chunks": _without_end(b"10\r\n" + b" " * 16 + b"\r\n", CHUNKED),
    "endless chunks of nothing else": _without_end(b"1\r\n \r\n", CHUNKED),
    "one endless chunk": _without_end(b" ", CHUNKED + b"f" * 12 + b"\r\n"),
    "an endless chunk length": _without_end(b"1", CHUNKED),
    "an endless chunk extension": _without_end(b"x", CHUNKED + b"1;"),
    "endless trailers": _without_end(b"X: y\r\n", CHUNKED + b"0\r\n"),
    "an endless trailer": _without_end(b"y", CHUNKED + b"0\r\nX: "),
    "a negative chunk": _sent(CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n"),
    "endless headers": _without_end(b"X: y\r\n", HEAD),
    "an endless header": _without_end(b"y", HEAD + b"X: "),
    "an endless status line": _without_end(b"A", b""),
    "100,000 headers": _headers(b"X-%d: ", 100_000, 1),
    "90 headers of 60 KB": _headers(b"X-%d: ", 90, 60_000),
    "90 cookies of 60 KB": _headers(b"Set-Cookie: c%d=", 90, 60_000),
    "90 cookies": _headers(b"Set-Cookie: c%d=", 90, 1_000),
    "endless interim answers": _without_end(b"HTTP/1.1 103 x\r\nX: y\r\n\r\n", b""),
    "endless body": _without_end(b" "),
    "a length too long": _sent(HEAD + b"Content-Length: 100\r\n\r\n{}"),
    "a length too short": _sent(HEAD + b"Content-Length: 1\r\n\r\n{}"),
    "a negative length": _sent(HEAD + b"Content-Length: -5\r\n\r\n{}"),
    "two lengths": _sent(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "a length of 60,000 digits": _sent(HEAD + b"Content-Length: " + b"9" * 60_000 + b"\r\n\r\n{}"),
    "a length beside chunks": _sent(CHUNKED[:-2] + b"Content-Length: 1\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    "a dripping head": _dripping(b"H"),
    "dripping headers": _dripping(b"X: y\r\n", HEAD),
    "a dripping body": _dripping(b"{", HEAD + b"Content-Length: 100000\r\n\r\n"),
    "dripping chunks": _dripping(b"1\r\n{\r\n", CHUNKED),
    "silence": _dripping(b""),
    "no answer": lambda r: None,
    "a reset": lambda r: r.reset(),
}
ALL = {**INJECTIONS, **DOCUMENTS, **FRAMES}
