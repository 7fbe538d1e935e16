"""Packed bodies: what unfolds too far, what is packed in another way or badly. None costs more than its limit."""

from __future__ import annotations

import gzip
import json
import lzma
import re
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
import requests
from conftest import RunningServer, call_body, serving

LIMIT = 20_000_000
GOOD = json.dumps(call_body()).encode()
PACKED = gzip.compress(GOOD)


def send(server: RunningServer, body: bytes, encoding: str = "gzip", **headers: str) -> requests.Response:
    said = {"Content-Type": "application/json", "Content-Encoding": encoding, **headers}
    return server.post(None, data=body, headers=said)


def zeros(size: int) -> bytes:
    return gzip.compress(b"0" * size)


def raised(header: bytes) -> bytes:
    """The good body behind a gzip header of our own."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return header + packer.compress(GOOD) + packer.flush() + struct.pack("<II", zlib.crc32(GOOD), len(GOOD))


@cache
def ten_times() -> bytes:
    return zeros(LIMIT * 10)


BOMBS: dict[str, Callable[[], bytes]] = {
    "one byte beyond": lambda: zeros(LIMIT + 1),
    "ten times": ten_times,
    "in levels that match": lambda: gzip.compress(b"[" * LIMIT + b"]" * LIMIT),
    "a call and blanks behind it": lambda: gzip.compress(GOOD + b" " * LIMIT),
    "a call and blanks before it": lambda: gzip.compress(b" " * LIMIT + GOOD),
    "a string": lambda: gzip.compress(GOOD[:-1] + b',"a":"' + b"x" * LIMIT + b'"}'),
    "worst of all levels": lambda: gzip.compress(b"\0" * LIMIT * 2, 1),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_unfolds_beyond_the_limit(server: RunningServer, bomb: str) -> None:
    answer = send(server, BOMBS[bomb]())
    assert answer.status_code == 413
    assert answer.json()["issue"][0]["code"] == "too-long"


INSIDE: dict[str, Callable[[], bytes]] = {
    "blanks": lambda: b" " * LIMIT,
    "nulls": lambda: b"\0" * LIMIT,
    "levels": lambda: b"[" * LIMIT,
    "values": lambda: b"[" + b"1," * (LIMIT // 2 - 1) + b"1]",
    "empty objects": lambda: b"[" + b"{}," * (LIMIT // 3 - 1) + b"{}]",
    "quotes": lambda: b'["' + b'"' * (LIMIT - 2),
    "backslashes": lambda: b'["' + b"\\" * (LIMIT - 4) + b'"]',
    "keys": lambda: b"{" + b'"a":1,' * (LIMIT // 6 - 1) + b'"a":1}',
    "a number": lambda: b"[" + b"1" * (LIMIT - 2) + b"]",
    "gzip in gzip": lambda: gzip.compress(b" " * LIMIT),
}


@pytest.mark.parametrize("text", INSIDE)
def test_what_unfolds_up_to_the_limit_is_refused_for_what_it_is(server: RunningServer, text: str) -> None:
    assert send(server, gzip.compress(INSIDE[text]())).status_code in (400, 413)
    assert server.get("/health/ready").status_code == 200


def test_a_call_that_unfolds_up_to_the_limit_is_answered(server: RunningServer) -> None:
    filled = GOOD[:-1] + b',"a":"' + b"x" * (LIMIT - len(GOOD) - 7) + b'"}'
    assert len(filled) == LIMIT
    assert send(server, gzip.compress(filled)).status_code == 200


def worker(server: RunningServer) -> Path:
    main = server.process.pid
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    (found,) = [one for one in children if b"serve" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return Path(f"/proc/{found}/status")


def kilobytes(status: Path, name: str) -> int:
    return int(re.findall(rf"{name}:\s+(\d+) kB", status.read_text())[0])


def test_a_hundred_bombs_at_once_cost_no_more_than_the_threads_hold(tmp_path: Path) -> None:
    """20 kB each, 20 MB unfolded: two gigabytes if all were unfolded at once. Four threads unfold one each."""
    bomb = ten_times()
    with serving(tmp_path, SPINE_CDS_CALL_SECONDS="300") as fresh:
        before = kilobytes(worker(fresh), "VmRSS")
        with ThreadPoolExecutor(100) as callers:
            answers = [call.result() for call in [callers.submit(send, fresh, bomb) for _ in range(100)]]
        assert {answer.status_code for answer in answers} <= {413, 503}
        assert sum(answer.status_code == 413 for answer in answers) >= 60
        assert kilobytes(worker(fresh), "VmHWM") - before < 400_000
        assert send(fresh, PACKED).status_code == 200


OTHERS = {
    "deflate": ("deflate", zlib.compress(GOOD)),
    "raw deflate": ("deflate", zlib.compress(GOOD)[2:-4]),
    "br": ("br", GOOD),
    "zstd": ("zstd", GOOD),
    "compress": ("compress", GOOD),
    "xz": ("xz", lzma.compress(GOOD)),
    "x-gzip": ("x-gzip", PACKED),
    "two": ("gzip, gzip", gzip.compress(PACKED)),
    "two, the first unknown": ("br, gzip", PACKED),
    "two, one idle": ("identity, gzip", PACKED),
    "a list with nothing": ("gzip,", PACKED),
    "a quality": ("gzip;q=1", PACKED),
    "quoted": ('"gzip"', PACKED),
    "a star": ("*", GOOD),
    "utf-8": ("utf-8", GOOD),
    "aws-chunked": ("aws-chunked", GOOD),
}


@pytest.mark.parametrize(("encoding", "body"), OTHERS.values(), ids=OTHERS)
def test_what_is_packed_in_another_way(server: RunningServer, encoding: str, body: bytes) -> None:
    answer = send(server, body, encoding)
    assert answer.status_code == 415
    assert "gzip" in answer.text


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "gzip ", "GZip"])
def test_how_gzip_may_be_written(server: RunningServer, encoding: str) -> None:
    assert send(server, PACKED, encoding).status_code == 200


@pytest.mark.parametrize("encoding", ["identity", "", "IDENTITY"])
def test_not_packed_may_be_said(server: RunningServer, encoding: str) -> None:
    assert send(server, GOOD, encoding).status_code == 200


BAD = {
    "nothing": b"",
    "not packed at all": GOOD,
    "only the first two bytes": b"\x1f\x8b",
    "only a header": PACKED[:10],
    "half": PACKED[: len(PACKED) // 2],
    "without its last byte": PACKED[:-1],
    "without checksum": PACKED[:-8],
    "a wrong checksum": PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
    "a wrong length": PACKED[:-4] + b"\0\0\0\0",
    "a bit turned": PACKED[:200] + bytes([PACKED[200] ^ 0x55]) + PACKED[201:],
    "another method": PACKED[:2] + b"\x07" + PACKED[3:],
    "reserved flags": PACKED[:3] + b"\xe0" + PACKED[4:],
    "zlib": zlib.compress(GOOD),
    "raw deflate": zlib.compress(GOOD)[2:-4],
    "a byte behind": PACKED + b"\0",
    "a line break behind": PACKED + b"\n",
    "a second member": PACKED + gzip.compress(b" "),
    "an empty second member": PACKED + gzip.compress(b""),
    "the call in two members": gzip.compress(GOOD[:99]) + gzip.compress(GOOD[99:]),
    "a bomb as second member": PACKED + zeros(LIMIT * 2),
    "an empty member before": gzip.compress(b"") + PACKED,
    "ten thousand empty members": gzip.compress(b"") * 10_000,
    "a header that promises a field": b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\xff\xff",
    "a header with a name without end": b"\x1f\x8b\x08\x08\0\0\0\0\0\x03" + b"n" * 1_000_000,
    "nothing, packed": gzip.compress(b""),
    "twice": gzip.compress(PACKED),
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_what_is_packed_badly(server: RunningServer, body: bytes) -> None:
    answer = send(server, body)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["code"] == "invalid"
    assert server.post(call_body()).status_code == 200


def test_header_fields_of_gzip_are_no_harm(server: RunningServer) -> None:
    named = raised(b"\x1f\x8b\x08\x18\0\0\0\0\0\x03" + b"name\0" + b"comment" * 1000 + b"\0")
    assert send(server, named).status_code == 200


def test_packed_in_chunks(server: RunningServer) -> None:
    pieces = (PACKED[place : place + 100] for place in range(0, len(PACKED), 100))
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert server.post(None, data=pieces, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/fhir/ValueSet/_search", "/cds-services/spine-patient-view/feedback"])
def test_a_bomb_elsewhere(server: RunningServer, path: str) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
        answer = requests.post(server.url + path, data=ten_times(), headers=headers, timeout=60)
        assert answer.status_code in (400, 413, 415)
