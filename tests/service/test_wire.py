"""What is no proper HTTP: two lengths, broken pieces, half a head. Nothing in a body is ever taken for a request."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import RunningServer, call_body, serving
from connections import connected, until
from test_hostile_callers import CALL, connect

HIDDEN = b"GET /version HTTP/1.1\r\nHost: hidden\r\n\r\n"
TOLD = b"cdsHooks"  # stands in the answer to the hidden request, and in no other
POST = f"POST {CALL} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n".encode()
GET = b"GET /health/live HTTP/1.1\r\nHost: here\r\n"
LAST = GET + b"Connection: close\r\n\r\n"  # behind all others, so that nobody has to wait whether more will come
LIVE = b'{"status":"live"}'  # its answer
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
GOOD = json.dumps(call_body()).encode()


def length(of: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(of)


def said(server: RunningServer, sent: bytes) -> tuple[list[int], bytes]:
    """The statuses of all answers, and everything that came until the server hung up, as it must within a minute."""
    came = b""
    with connect(server) as line, contextlib.suppress(ConnectionError):
        line.sendall(sent)
        while piece := line.recv(65_536):
            came += piece
    return [int(one) for one in re.findall(rb"HTTP/1\.[01] (\d{3}) ", came)], came


# One answer at most, which is a refusal, and the connection is closed.
REFUSED = {
    "length and pieces": POST + length(END + HIDDEN) + b"Transfer-Encoding: chunked\r\n\r\n" + END + HIDDEN,
    "pieces and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + END + HIDDEN,
    "two lengths": POST + b"Content-Length: 0\r\n" + length(HIDDEN) + b"\r\n" + HIDDEN,
    "two lengths, the long one first": POST + length(HIDDEN) + b"Content-Length: 0\r\n\r\n" + HIDDEN,
    "a list of lengths": POST + b"Content-Length: 0, 40\r\n\r\n" + HIDDEN,
    "a list of the same length": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "a length in hexadecimal": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "no length after all": POST + b"Content-Length: \r\n\r\n" + HIDDEN,
    "a length in words": POST + b"Content-Length: two\r\n\r\n{}",
    "a length with a point": POST + b"Content-Length: 2.0\r\n\r\n{}",
    "a length with a blank in it": POST + b"Content-Length: 1 0\r\n\r\n" + HIDDEN,
    "Arabic digits": POST + "Content-Length: ٢\r\n\r\n{}".encode(),
    "a length beyond 64 bits": POST + b"Content-Length: 99999999999999999999\r\n\r\n" + HIDDEN,
    "a length of 63 bits": POST + b"Content-Length: 9223372036854775807\r\n\r\n{}",
    "a blank before the colon of a length": POST + b"Content-Length : 2\r\n\r\n{}",
    "a blank before the colon of pieces": POST + b"Transfer-Encoding : chunked\r\n\r\n" + END + HIDDEN,
    "pieces of an unknown kind": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + END + HIDDEN,
    "pieces, then something else": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + END + HIDDEN,
    "no pieces, and a length": POST + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "pieces in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + END + HIDDEN,
    "pieces behind a vertical tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + END + HIDDEN,
    "pieces on a folded line": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + END + HIDDEN,
    "pieces behind a lone return": POST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n" + END + HIDDEN,
    "pieces in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + END + HIDDEN,
    "a piece of no size": CHUNKED + b"zz\r\n{}\r\n" + END,
    "a piece of negative size": CHUNKED + b"-2\r\n{}\r\n" + END,
    "a piece of size 0x2": CHUNKED + b"0x2\r\n{}\r\n" + END,
    "a piece beyond 64 bits": CHUNKED + b"10000000000000002\r\n{}\r\n" + END + HIDDEN,
    "a piece longer than its size": CHUNKED + b"2\r\n{}xx" + END + HIDDEN,
    "a piece shorter than its size": CHUNKED + b"a\r\n{}\r\n" + END + HIDDEN,
    "pieces that end lines with a line feed": CHUNKED + b"2\n{}\n0\n\n" + HIDDEN,
    "a piece with a line feed in its extension": CHUNKED + b"2;a\nb\r\n{}\r\n" + END,
    "a piece with a megabyte of extension": CHUNKED + b"2;" + b"a" * 1_000_000 + b"\r\n{}\r\n" + END,
    "a megabyte of trailers": CHUNKED + b"2\r\n{}\r\n0\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\n",
    "a hundred thousand trailers": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"A: b\r\n" * 100_000 + b"\r\n",
    "a null in a header": GET + b"X: a\0b\r\n\r\n",
    "a return in a header": GET + b"X: a\rb\r\n\r\n",
    "a header that begins with a blank": b"GET /health/live HTTP/1.1\r\n Host: here\r\n\r\n",
    "a header without a colon": GET + b"nothing\r\n\r\n",
    "a header without a name": GET + b": nothing\r\n\r\n",
    "a name with a blank": GET + b"X Y: nothing\r\n\r\n",
    "an address with a blank": b"GET /health /live HTTP/1.1\r\nHost: here\r\n\r\n",
    "an address of bytes": b"GET /\xff\xfe HTTP/1.1\r\nHost: here\r\n\r\n",
    "no version": b"GET /health/live\r\n\r\n",
    "version 2.0": b"GET /health/live HTTP/2.0\r\nHost: here\r\n\r\n",
    "version 9.9": b"GET /health/live HTTP/9.9\r\nHost: here\r\n\r\n",
    "a method that is none": b"G@T /health/live HTTP/1.1\r\nHost: here\r\n\r\n",
    "no method": b" /health/live HTTP/1.1\r\nHost: here\r\n\r\n",
    "the greeting of TLS": bytes.fromhex("16030100a5010000a10303") + b"\0" * 160,
    "no text at all": b"\x00\x01\x02\xff" * 100 + b"\r\n\r\n",
    "a line of another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "a thousand headers": GET + b"X: a\r\n" * 1000 + b"\r\n",
    "a megabyte of one header": GET + b"X: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "a megabyte of method": b"A" * 1_000_000 + b" / HTTP/1.1\r\nHost: here\r\n\r\n",
    "a megabyte of address": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n",
    "a hundred kilobytes of address": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n",
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_what_can_be_read_in_two_ways_is_read_in_none(patient: RunningServer, sent: bytes) -> None:
    """And is refused at once: this server would wait for minutes for what is still to come."""
    statuses, came = said(patient, sent)
    assert TOLD not in came
    assert len(statuses) <= 1
    assert all(status in (400, 413, 414, 431) for status in statuses)
    assert patient.get("/health/live").status_code == 200


def test_the_greeting_of_http_2_is_hung_up_on(patient: RunningServer) -> None:
    assert said(patient, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 20) == ([], b"")


def pieces(size: int) -> bytes:
    cut = (GOOD[place : place + size] for place in range(0, len(GOOD), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in cut) + END


# What the standard allows is understood in one way, and the next request is the next one.
ALLOWED = {
    "a length": POST + length(GOOD) + b"\r\n" + GOOD,
    "the same length twice": POST + length(GOOD) * 2 + b"\r\n" + GOOD,
    "pieces": CHUNKED + pieces(1000),
    "pieces of a byte": CHUNKED + pieces(1),
    "pieces with an extension": CHUNKED + pieces(1000).replace(b"3e8\r\n", b"3e8;a=b\r\n"),
    "sizes in capitals, with zeros before": CHUNKED + pieces(1000).replace(b"3e8\r\n", b"00003E8\r\n"),
    "trailers that mean nothing": CHUNKED
    + pieces(1000).removesuffix(b"\r\n")
    + b"Content-Length: 5\r\nAuthorization: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "the method in small letters": (POST + length(GOOD) + b"\r\n").replace(b"POST", b"post") + GOOD,
    "the whole address": POST.replace(b"/cds", b"http://elsewhere.example/cds", 1) + length(GOOD) + b"\r\n" + GOOD,
    "a tab before the word": POST + b"Transfer-Encoding:\tchunked\r\n\r\n" + pieces(1000),
}


@pytest.mark.parametrize("sent", ALLOWED.values(), ids=ALLOWED)
def test_what_is_allowed_is_understood_and_then_comes_the_next(server: RunningServer, sent: bytes) -> None:
    statuses, came = said(server, sent + HIDDEN + LAST)
    assert statuses == [200, 200, 200]
    assert came.count(TOLD) == 1
    assert came.index(b'"cards"') < came.index(TOLD) < came.index(LIVE)
    assert b"elsewhere.example" not in came


def test_a_body_where_none_belongs_is_no_request(server: RunningServer) -> None:
    for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PUT", b"TRACE", b"PATCH"):
        statuses, came = said(server, method + GET[3:] + length(HIDDEN) + b"\r\n" + HIDDEN + LAST)
        assert statuses[1:] == [200]
        assert came.endswith(LIVE)
        assert TOLD not in came


@pytest.mark.parametrize("path", ["/cds-services/spine-patient-view", "/version", "/fhir/ValueSet/_search"])
def test_a_refused_body_is_no_request(server: RunningServer, path: str) -> None:
    """Whatever it is refused for, and whether it is taken whole or not."""
    for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
        body = HIDDEN * 3000
        sent = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: {kind}\r\n".encode() + length(body) + b"\r\n"
        statuses, came = said(server, sent + body + LAST)
        assert statuses[0] >= 400
        assert statuses[1:] in ([], [200])
        assert TOLD not in came


def test_a_hundred_requests_at_once_on_one_connection_are_answered_in_turn(server: RunningServer) -> None:
    statuses, came = said(server, (GET + b"\r\n" + HIDDEN) * 50 + LAST)
    assert statuses == [200] * 101
    came = came.removesuffix(LIVE)
    places = [match.start() for match in re.finditer(rb'"status"|"cdsHooks"', came)]
    assert [came[place : place + 9] for place in places] == [b'"status":', b'"cdsHooks'] * 50


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The sandbox, with two seconds to send a body and to take something of an answer."""
    with serving(tmp_path_factory.mktemp("impatient"), SPINE_CDS_BODY_SECONDS="2") as running:
        yield running


def test_a_piece_that_promises_everything_is_awaited_no_longer_than_a_body(impatient: RunningServer) -> None:
    statuses, _ = said(impatient, CHUNKED + b"ffffffffffffffff\r\n{}")
    assert statuses in ([408], [413], [400])


MANY = GET + b"\r\n"
LARGE = b"GET /fhir/ValueSet?_count=1000 HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has this time limit")
def test_who_does_not_read_is_hung_up_on_and_holds_nobody_up(impatient: RunningServer) -> None:
    """Fifty callers ask for megabytes and take none: others are served, and the fifty are gone after two seconds."""
    wanted = 400
    with ExitStack() as lines:
        deaf = [lines.enter_context(connect(impatient)) for _ in range(50)]
        for line in deaf:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.sendall(LARGE * wanted)
        for _ in range(5):
            assert impatient.post(call_body()).status_code == 200
            assert impatient.get("/health/live").status_code == 200
        until(lambda: connected(impatient, deaf) == 0)
        answers = [heard(line) for line in deaf]
    assert max(answers) < wanted  # a caller who reads gets them all, as the next test says
    assert impatient.post(call_body()).status_code == 200


def test_who_reads_gets_all_that_was_asked_for(impatient: RunningServer) -> None:
    with connect(impatient) as line:
        line.sendall(LARGE * 20 + LAST)
        assert heard(line) == 21


def heard(line: socket.socket) -> int:
    """How many answers come until the connection ends."""
    came, rest = 0, b""
    try:
        while piece := line.recv(1 << 20):
            came += (rest + piece).count(b"HTTP/1.1 200 ")
            rest = piece[-12:]
    except OSError:
        pass
    return came


def test_connections_that_only_stand_there_end_after_a_while(impatient: RunningServer) -> None:
    """Half a head, one that drips, none at all, one that has been answered: all have gone after three times a body."""
    with ExitStack() as lines:
        standing = [lines.enter_context(connect(impatient)) for _ in range(4)]
        standing[0].sendall(b"GET /health/live HTTP/1.1\r\nHo")
        standing[1].sendall(b"GET /health/live HTTP/1.1\r\nX: ")
        standing[2].sendall(GET + b"\r\n")
        give_up = time.monotonic() + 60
        open_still = set(standing)
        while open_still and time.monotonic() < give_up:
            for line in list(open_still):
                line.settimeout(0.2)
                try:
                    if line is standing[1]:
                        line.sendall(b"x")
                    if not line.recv(65_536):
                        open_still.discard(line)
                except TimeoutError:
                    continue
                except OSError:
                    open_still.discard(line)
        assert not open_still


def test_more_connections_than_are_taken_wait_and_are_served_later(tmp_path: Path) -> None:
    """1,024 callers who stand there silently: the next one is not refused, and is answered when they have gone."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
    try:
        with serving(tmp_path) as server, ExitStack() as lines:
            for _ in range(1100):
                lines.enter_context(connect(server))
            with connect(server) as late:
                late.sendall(GET + b"Connection: close\r\n\r\n")
                late.settimeout(1)
                with pytest.raises(TimeoutError):
                    late.recv(100)
                lines.close()
                late.settimeout(60)
                assert late.recv(100).startswith(b"HTTP/1.1 200 ")
            assert server.post(call_body()).status_code == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
