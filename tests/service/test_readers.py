"""Who may read the ledger: the readers that a site names, someone at a sandbox's own machine, and nobody else."""

from __future__ import annotations

import base64
import contextlib
import os
import pty
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.security import check_password_hash, generate_password_hash

from cds_service import config
from cds_service.app import create_app
from cds_service.readers import LONGEST, MOST_GUESSES, MOST_OF_ALL, SHORTEST, WINDOW_SECONDS, Guesses
from cds_service.tenants import SettingsError, read_tenant
from tests import callers
from tests.commands import Ended, run
from tests.service.conftest import ROOT, RunningServer, call_body, serving
from tests.service.test_cli import refusal

PASSWORD = "correct horse: battery ä"
HASH = generate_password_hash(PASSWORD)
OTHER_HASH = generate_password_hash("another password")
JSON = {"Accept": "application/json"}
SANDBOX = 'environment = "sandbox"\n[tenant]\nname = "{name}"\n'
READER = '[[reader]]\nname = "{name}"\npassword_hash = "{hash}"\n'
READERS = READER.format(name="committee", hash=HASH) + READER.format(name="second", hash=OTHER_HASH)


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


RIGHT = basic("committee", PASSWORD)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A site with two readers."""
    folder = tmp_path_factory.mktemp("readers")
    (folder / "tenant.toml").write_text(SANDBOX.format(name="here") + READERS)
    with serving(folder, "--tenant", str(folder / "tenant.toml")) as running:
        yield running


def browse(folder: Path, text: str) -> FlaskClient:
    """The application itself, for what has to come from other addresses or is guessed often."""
    (folder / "tenant.toml").write_text(text)
    variables = {"TENANT": folder / "tenant.toml", "DATABASE": f"sqlite:///{folder / 'store.db'}"}
    return create_app(
        config.from_environment({f"SPINE_CDS_{name}": str(one) for name, one in variables.items()})
    ).test_client()


def test_a_reader_sees_the_ledger(server: RunningServer) -> None:
    card = server.post(call_body()).json()["cards"][0]["uuid"]
    for path in ("/ledger", f"/ledger/{card}"):
        page = server.get(path, headers=RIGHT)
        assert page.status_code == 200
        assert "You are signed in as committee." in page.text
    assert server.get(f"/ledger/{card}", headers={**RIGHT, **JSON}).json()["asked"]["card"] == card
    assert server.get("/ledger", headers=basic("second", "another password")).status_code == 200
    assert 'href="/ledger"' in server.get("/").text


@pytest.mark.parametrize("path", ["/ledger", "/ledger/some-card", "/ledger?id=some-card"])
@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_nobody_else_does(server: RunningServer, path: str, kind: str) -> None:
    response = server.get(path, headers={"Accept": kind})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="Spine CDS readers", charset="UTF-8"'
    assert response.headers["Cache-Control"] == "no-store"
    if kind == "text/html":
        assert "<h1>Unauthorized</h1>" in response.text
    else:
        assert response.json()["resourceType"] == "OperationOutcome"


WRONG = {
    "another password": basic("committee", "wrong password"),
    "the other reader's": basic("committee", "another password"),
    "an unknown name": basic("nobody", PASSWORD),
    "no name": basic("", PASSWORD),
    "no password": basic("committee", ""),
    "the hash": basic("committee", HASH),
    "a name in capitals": basic("Committee", PASSWORD),
    "a password too long to be hashed": basic("committee", "x" * (LONGEST + 1)),
    "a null": basic("committee", "\0"),
}
UNUSABLE = {
    "a bearer token": {"Authorization": "Bearer abc.def.ghi"},
    "digest": {"Authorization": 'Digest username="committee", realm="x", nonce="y", uri="/ledger", response="z"'},
    "not base64": {"Authorization": "Basic ???"},
    "not UTF-8": {"Authorization": "Basic " + base64.b64encode(b"committee:\xff\xfe").decode()},
    "nothing": {"Authorization": "Basic"},
    "a scheme that there is not": {"Authorization": "Scrypt " + HASH},
}


@pytest.mark.parametrize("wrong", [*WRONG, *UNUSABLE])
def test_wrong_credentials(tmp_path: Path, wrong: str) -> None:
    """An application each, so that no case is refused for the number of those before."""
    client = browse(tmp_path, SANDBOX.format(name="here") + READERS)
    response = client.get("/ledger", headers={**WRONG, **UNUSABLE}[wrong])
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert client.get("/ledger", headers=RIGHT).status_code == 200


def test_guesses_are_counted_and_then_not_looked_at(tmp_path: Path) -> None:
    client = browse(tmp_path, SANDBOX.format(name="here") + READERS)
    for _ in range(3):  # who only asks has guessed nothing
        assert client.get("/ledger").status_code == 401
    for number in range(MOST_GUESSES):
        assert client.get("/ledger", headers=basic("committee", f"guess {number}")).status_code == 401
    response = client.get("/ledger", headers=RIGHT)
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= WINDOW_SECONDS
    assert response.headers["Cache-Control"] == "no-store"
    assert response.get_json()["issue"][0]["code"] == "throttled"
    assert client.get("/ledger", headers=basic("nobody", "x")).status_code == 401  # counted by themselves
    assert client.get("/ledger").status_code == 401
    assert client.get("/rules").status_code == 200


def test_too_long_a_password_is_not_hashed(tmp_path: Path) -> None:
    """Not even where it would be the right one."""
    for length, status in ((LONGEST, 200), (LONGEST + 1, 401)):
        reader = READER.format(name="committee", hash=generate_password_hash("x" * length))
        client = browse(tmp_path, SANDBOX.format(name="here") + reader)
        assert client.get("/ledger", headers=basic("committee", "x" * length)).status_code == status


def test_too_long_a_password_counts_as_a_guess(tmp_path: Path) -> None:
    client = browse(tmp_path, SANDBOX.format(name="here") + READERS)
    for _ in range(MOST_GUESSES):
        client.get("/ledger", headers=basic("committee", "x" * (LONGEST + 1)))
    assert client.get("/ledger", headers=RIGHT).status_code == 429


def test_the_window_of_guesses() -> None:
    guesses = Guesses()
    for second in range(MOST_GUESSES - 1):
        guesses.wrong("one", float(second))
    assert guesses.wait("one", 20.0) == 0
    guesses.wrong("one", 20.0)
    assert guesses.wait("one", 20.0) == WINDOW_SECONDS - 20
    assert guesses.wait("other", 20.0) == 0
    assert guesses.wait("one", WINDOW_SECONDS) == 0
    guesses.wrong("one", WINDOW_SECONDS)  # now the one at second 1 is the tenth last
    assert guesses.wait("one", WINDOW_SECONDS) == 1


def test_guesses_at_many_names_keep_out_whoever_was_never_let_in() -> None:
    guesses = Guesses()
    guesses.right("known")
    for number in range(MOST_OF_ALL):
        guesses.wrong(f"name {number}", 0.0)
    assert guesses.wait("stranger", 1.0) == WINDOW_SECONDS - 1
    assert guesses.wait("known", 1.0) == 0
    assert guesses.wait("stranger", WINDOW_SECONDS) == 0


def test_passwords_are_not_written_down(tmp_path: Path) -> None:
    (tmp_path / "tenant.toml").write_text(SANDBOX.format(name="here") + READERS)
    with serving(tmp_path, "--tenant", str(tmp_path / "tenant.toml"), SPINE_CDS_LOG_LEVEL="debug") as server:
        for password in (PASSWORD, "guessed-by-someone"):
            server.get("/ledger", headers=basic("committee", password))
    written = server.written() + (tmp_path / "store.db").read_bytes().decode("latin-1")
    for secret in (PASSWORD, "guessed-by-someone", RIGHT["Authorization"][6:], HASH.rpartition("$")[2]):
        assert secret not in written


def production(folder: Path, readers: str = "") -> list[str]:
    """The options of a production server with an issuer."""
    return ["--tenant", str(callers.write_tenant(folder, callers.TENANT + callers.issuer() + readers))]


def whole(response: requests.Response) -> tuple[int, dict[str, str], bytes]:
    return response.status_code, {k: v for k, v in response.headers.items() if k != "Date"}, response.content


def test_production_without_readers_has_no_such_page(tmp_path: Path) -> None:
    """Not to be told from any other address that there is not."""
    with serving(tmp_path, *production(tmp_path)) as server:
        for ask in (requests.get, requests.post, requests.options, requests.head):
            nowhere = whole(ask(f"{server.url}/nowhere", headers=RIGHT, timeout=10))
            assert nowhere[0] == 404
            for path in ("/ledger", "/ledger/some-card", "/ledger?id=x"):
                assert whole(ask(server.url + path, headers=RIGHT, timeout=10)) == nowhere
        assert "ledger" not in server.get("/").text.lower()


def test_production_with_readers(tmp_path: Path) -> None:
    with serving(tmp_path, *production(tmp_path, READERS)) as server:
        assert server.get("/ledger").status_code == 401
        assert server.get("/ledger", headers=RIGHT).status_code == 200
        token = callers.token(aud=f"{callers.PUBLIC}/ledger")
        assert server.get("/ledger", headers=callers.bearer(token)).status_code == 401
        assert server.post(call_body(), headers=RIGHT).status_code == 401


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "::ffff:127.0.0.1"])
def test_a_sandbox_without_readers_is_open_on_its_own_machine(tmp_path: Path, peer: str) -> None:
    client = browse(tmp_path, SANDBOX.format(name="here"))
    for host in ("localhost", "127.0.0.1:8080", "[::1]:8080"):
        page = client.get("/ledger", environ_overrides={"REMOTE_ADDR": peer}, headers={"Host": host})
        assert page.status_code == 200
        assert "signed in" not in page.get_data(as_text=True)


FROM_ELSEWHERE: dict[str, tuple[str, dict[str, str]]] = {
    "another machine": ("192.0.2.7", {}),
    "an address that looks like ours": ("127.0.0.1.example.org", {}),
    "no address": ("", {}),
    "a forged header": ("192.0.2.7", {"X-Forwarded-For": "127.0.0.1"}),
    "a forged standard header": ("192.0.2.7", {"Forwarded": "for=127.0.0.1"}),
    "a mapped address of another machine": ("::ffff:192.0.2.7", {}),
    "a proxy on this machine": ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
    "a proxy on this machine that says little": ("127.0.0.1", {"Via": "1.1 proxy"}),
    "a page of another name for this machine": ("127.0.0.1", {"Host": "rebound.example.org:8080"}),
    "a name that is none": ("127.0.0.1", {"Host": "[::1"}),
}


@pytest.mark.parametrize("who", FROM_ELSEWHERE)
def test_a_sandbox_without_readers_is_closed_to_others(tmp_path: Path, who: str) -> None:
    peer, headers = FROM_ELSEWHERE[who]
    client = browse(tmp_path, SANDBOX.format(name="here"))
    for path in ("/ledger", "/ledger/some-card"):
        assert client.get(path, environ_overrides={"REMOTE_ADDR": peer}, headers=headers).status_code == 404
    start = client.get("/", environ_overrides={"REMOTE_ADDR": peer}, headers=headers)
    assert "/ledger" not in start.get_data(as_text=True)


def test_the_address_of_a_real_peer(tmp_path: Path) -> None:
    """As the server itself writes it."""
    with serving(tmp_path) as server:
        assert server.get("/ledger").status_code == 200
        assert server.get("/ledger", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
        assert server.get("/ledger", headers={"Host": "example.org"}).status_code == 404


def test_two_tenants_on_one_database(tmp_path: Path) -> None:
    """Both get the same body, so that cards, hookInstance and patient are the same; each reader sees one's own call."""
    database = f"sqlite:///{tmp_path / 'shared.db'}"
    names = ("first", "second")
    for name in names:
        (tmp_path / f"{name}.toml").write_text(SANDBOX.format(name=name) + READER.format(name="reader", hash=HASH))
    right = basic("reader", PASSWORD)
    servers = [
        serving(tmp_path / name, "--tenant", str(tmp_path / f"{name}.toml"), SPINE_CDS_DATABASE=database)
        for name in names
    ]
    only_first = {**call_body(), "hookInstance": str(uuid.uuid4())}
    both = {**call_body(), "hookInstance": str(uuid.uuid4())}
    with servers[0] as first, servers[1] as second:
        mine = first.post(only_first).json()["cards"][0]["uuid"]
        for server in (first, second):
            card = server.post(both).json()["cards"][0]["uuid"]
        said = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-01-01T00:00:00Z"}
        first.post({"feedback": [said]}, "spine-patient-view/feedback")
        for asked in (mine, only_first["hookInstance"]):
            assert first.get(f"/ledger/{asked}", headers=right).status_code == 200
            assert second.get(f"/ledger/{asked}", headers=right).status_code == 404
        found: dict[str, Any] = {}
        for name, server in zip(names, (first, second), strict=True):
            for asked in (card, both["hookInstance"]):
                found[name] = server.get(f"/ledger/{asked}", headers={**right, **JSON}).json()
                assert found[name]["call"]["tenant"] == name
                assert found[name]["given"]["calls"] == 1
                assert len(found[name]["feedback"]) == (name == "first")
        assert found["first"]["call"]["patient"] != found["second"]["call"]["patient"]


# The tenant file


@pytest.mark.parametrize(
    ("readers", "complaint"),
    [
        (READERS + READER.format(name="second", hash=HASH), "reader[1].name: is given twice"),
        (READER.format(name="a:b", hash=HASH), "reader[0].name"),
        ('[[reader]]\nname = "a"\n', "password_hash"),
        ('[[reader]]\nname = "a"\npassword = "x"\n', "password"),
        (READER.format(name="a", hash=PASSWORD), "reader[0].password_hash"),
        (READER.format(name="a", hash=""), "reader[0].password_hash"),
        (READER.format(name="a", hash=generate_password_hash("x", "pbkdf2:sha256:1000")), "reader[0].password_hash"),
        (READER.format(name="a", hash=generate_password_hash("x", "scrypt:1024:8:1")), "reader[0].password_hash"),
        (READER.format(name="a", hash=HASH + "0"), "reader[0].password_hash"),
    ],
)
def test_readers_that_cannot_be_used_stop_start_up(readers: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_tenant(SANDBOX.format(name="here") + readers, folder="")
    assert complaint in str(refused.value)
    assert PASSWORD not in str(refused.value)
    assert "scrypt" not in str(refused.value)


# The command that makes the hash


def hashed(given: bytes) -> Ended:
    return run("password-hash", given=given)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_from_a_pipe(end: str) -> None:
    told = hashed((PASSWORD + end).encode())
    assert (told.returncode, told.stderr) == (0, "")
    assert check_password_hash(told.stdout.strip(), PASSWORD)
    tenant = read_tenant(SANDBOX.format(name="here") + READER.format(name="a", hash=told.stdout.strip()), folder="")
    assert tenant.reader[0].password_hash == told.stdout.strip()


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"\n",
        b"x" * (SHORTEST - 1),
        b"x" * (LONGEST + 1),
        b"a long enough\nsecond line\n",
        b"a tab\tin the middle",
        b"a byte \xff that is no text",
    ],
)
def test_a_password_that_cannot_be_used(given: bytes) -> None:
    line = refusal(hashed(given))
    assert "password" in line
    assert (given.decode("latin-1").strip() or "\0") not in line


def test_the_shortest_and_the_longest_password() -> None:
    for password in ("x" * SHORTEST, "x" * LONGEST):
        assert check_password_hash(hashed(password.encode()).stdout.strip(), password)


def typed(*lines: str) -> tuple[int, str, str]:
    """(exit code, standard output, all that stood on the terminal) of the command at a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cds_service.cli", "password-hash"],
        cwd=ROOT,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    for prompt, line in zip((b"Password: ", b"The same again: "), lines, strict=True):
        while not shown.endswith(prompt):
            shown += os.read(ours, 1024)
        os.write(ours, line.encode() + b"\n")
    output, _ = process.communicate(timeout=60)
    with contextlib.suppress(OSError):  # nothing more to read: the other end is closed
        shown += os.read(ours, 1024)
    os.close(ours)
    return process.returncode, output.decode(), shown.decode()


def test_a_password_is_typed_twice_and_not_shown() -> None:
    code, output, shown = typed("a long enough one", "a long enough one")
    assert code == 0
    assert check_password_hash(output.strip(), "a long enough one")
    assert "a long enough one" not in shown


def test_two_passwords_that_differ() -> None:
    code, output, shown = typed("a long enough one", "a long enough two")
    assert (code, output) == (2, "")
    assert "the two passwords differ" in shown
