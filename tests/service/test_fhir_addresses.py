"""Spellings of addresses: which of them are the server that a site has allowed, and which only look like it.

A call's fhirServer and a page's `next` link come from outside, and a token goes with what is asked there. So every odd
spelling is refused, whether some library would read it as the allowed server or as another.
"""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from cds_service.fhir_address import page_below, permitted
from cds_service.tenants import SettingsError, read_tenant

LISTED = "https://ehr.example.org/fhir"
CALLED = "https://ehr.example.org:443/fhir"
IPV6 = "https://[2001:db8::1]/fhir"

SAME = {
    "as it stands": LISTED,
    "a slash at the end": "https://ehr.example.org/fhir/",
    "capitals in the host": "https://EHR.Example.ORG/fhir",
    "capitals in the scheme": "HTTPS://ehr.example.org/fhir",
    "its port": "https://ehr.example.org:443/fhir",
    "all of them": "hTTps://eHr.example.org:443/fhir/",
}
OTHERS = {
    "scheme": [
        "http://ehr.example.org/fhir",
        "http://ehr.example.org:443/fhir",
        "ftp://ehr.example.org/fhir",
        "file://ehr.example.org/fhir",
        "gopher://ehr.example.org/fhir",
        "ws://ehr.example.org/fhir",
        "wss://ehr.example.org/fhir",
        "data:application/json,{}",
        "javascript://ehr.example.org/fhir",
        "https+unix://ehr.example.org/fhir",
        "view-source:https://ehr.example.org/fhir",
        "jar:https://ehr.example.org/fhir",
        "//ehr.example.org/fhir",
        "ehr.example.org/fhir",
        "https:ehr.example.org/fhir",
        "https:/ehr.example.org/fhir",
        "https:///ehr.example.org/fhir",
        "https:////ehr.example.org/fhir",
        "https//ehr.example.org/fhir",
        "://ehr.example.org/fhir",
        "https:",
        "",
    ],
    "host": [
        "https://ehr.example.org.evil.org/fhir",
        "https://evil-ehr.example.org/fhir",
        "https://x.ehr.example.org/fhir",
        "https://example.org/fhir",
        "https://ehr-example.org/fhir",
        "https://ehr.example.com/fhir",
        "https://evil.org/ehr.example.org/fhir",
        "https://evil.org/https://ehr.example.org/fhir",
        "https://ehr.example.org./fhir",
        "https://ehr.example.org../fhir",
        "https://.ehr.example.org/fhir",
        "https://ehr..example.org/fhir",
        "https://ehr.example.org,evil.org/fhir",
        "https://ehr.example.org;evil.org/fhir",
        "https://ehr.example.org&evil.org/fhir",
        "https://ehr.example.org*/fhir",
        "https://*.example.org/fhir",
        "https://localhost/fhir",
        "https:///fhir",
        "https://",
    ],
    "port": [
        "https://ehr.example.org:8443/fhir",
        "https://ehr.example.org:80/fhir",
        "https://ehr.example.org:0/fhir",
        "https://ehr.example.org:/fhir",
        "https://ehr.example.org:0443/fhir",
        "https://ehr.example.org:00443/fhir",
        "https://ehr.example.org:65979/fhir",  # 443 in sixteen bits
        "https://ehr.example.org:99999/fhir",
        "https://ehr.example.org:-443/fhir",
        "https://ehr.example.org:+443/fhir",
        "https://ehr.example.org:4_43/fhir",
        "https://ehr.example.org:443.0/fhir",
        "https://ehr.example.org:https/fhir",
        "https://ehr.example.org:443:443/fhir",
        "https://ehr.example.org:80:443/fhir",
        "https://ehr.example.org:\u0664\u0664\u0663/fhir",
    ],
    "user": [
        "https://user@ehr.example.org/fhir",
        "https://user:secret@ehr.example.org/fhir",
        "https://@ehr.example.org/fhir",
        "https://:@ehr.example.org/fhir",
        "https://ehr.example.org@evil.org/fhir",
        "https://ehr.example.org:443@evil.org/fhir",
        "https://evil.org@ehr.example.org@evil.org/fhir",
        "https://ehr.example.org%40evil.org/fhir",
        "https://ehr.example.org\\@evil.org/fhir",
        "https://evil.org#@ehr.example.org/fhir",
        "https://evil.org?@ehr.example.org/fhir",
        "https://evil.org/@ehr.example.org/fhir",
    ],
    "path": [
        "https://ehr.example.org",
        "https://ehr.example.org/",
        "https://ehr.example.org/FHIR",
        "https://ehr.example.org/Fhir",
        "https://ehr.example.org/fhi",
        "https://ehr.example.org/fhir2",
        "https://ehr.example.org/fhirr",
        "https://ehr.example.org/fhir/Patient",
        "https://ehr.example.org/x/fhir",
        "https://ehr.example.org//fhir",
        "https://ehr.example.org/fhir//",
        "https://ehr.example.org///fhir",
        "https://ehr.example.org/fhir;x=1",
        "https://ehr.example.org;/fhir",
        "https://ehr.example.org/fhir,",
        "https://ehr.example.org/$fhir",
        "https://ehr.example.org/fhir*",
        "https://ehr.example.org/fhir|",
        "https://ehr.example.org/fhir'",
        'https://ehr.example.org/fhir"',
        "https://ehr.example.org/<fhir>",
    ],
    "dots": [
        "https://ehr.example.org/fhir/.",
        "https://ehr.example.org/fhir/./",
        "https://ehr.example.org/./fhir",
        "https://ehr.example.org/fhir/..",
        "https://ehr.example.org/fhir/../",
        "https://ehr.example.org/fhir/../fhir",
        "https://ehr.example.org/fhir/../admin",
        "https://ehr.example.org/other/../fhir",
        "https://ehr.example.org/../fhir",
        "https://ehr.example.org/fhir/x/..",
        "https://ehr.example.org/fhir/...",
        "https://ehr.example.org/fhir/..;/admin",
        "https://ehr.example.org/fhir/.;/",
    ],
    "percent": [
        "https://ehr.example.org/%66hir",
        "https://ehr.example.org/fhi%72",
        "https://ehr.example.org/fhir%2F",
        "https://ehr.example.org/fhir%2f..",
        "https://ehr.example.org/fhir/%2e",
        "https://ehr.example.org/fhir/%2e%2e",
        "https://ehr.example.org/fhir/.%2E/admin",
        "https://ehr.example.org/fhir/%252e%252e/admin",
        "https://ehr.example.org/x/%2e%2e/fhir",
        "https://ehr.example.org/fhir%00",
        "https://ehr.example.org/fhir%0d%0aHost:%20evil.org",
        "https://ehr.example.org/fhir%5c",
        "https://ehr.example.org/fhir%",
        "https://ehr%2eexample.org/fhir",
        "https://%65hr.example.org/fhir",
        "https://ehr.example.org%2f@evil.org/fhir",
        "https://ehr.example.org%2fevil.org/fhir",
        "https://ehr.example.org%00.evil.org/fhir",
        "https%3A//ehr.example.org/fhir",
    ],
    "query and fragment": [
        "https://ehr.example.org/fhir?",
        "https://ehr.example.org/fhir?x=1",
        "https://ehr.example.org/fhir#",
        "https://ehr.example.org/fhir#x",
        "https://ehr.example.org?/fhir",
        "https://ehr.example.org#/fhir",
        "https://evil.org?x=https://ehr.example.org/fhir",
        "https://evil.org#https://ehr.example.org/fhir",
        "https://evil.org/?/ehr.example.org/fhir",
    ],
    "backslash": [
        "https:\\\\ehr.example.org\\fhir",
        "https:/\\ehr.example.org/fhir",
        "https:\\/ehr.example.org/fhir",
        "https://ehr.example.org\\fhir",
        "https://ehr.example.org\\.evil.org/fhir",
        "https://evil.org\\ehr.example.org/fhir",
        "https://evil.org\\@ehr.example.org/fhir",
        "https://ehr.example.org/fhir\\",
        "https://ehr.example.org/fhir\\..\\admin",
        "https://ehr.example.org/\\fhir",
    ],
    "spaces and control characters": [
        " https://ehr.example.org/fhir",
        "https://ehr.example.org/fhir ",
        "https://ehr.example.org /fhir",
        "https:// ehr.example.org/fhir",
        "https://ehr.example.org/fh ir",
        "\thttps://ehr.example.org/fhir",
        "https://ehr.exam\tple.org/fhir",
        "https://ehr.example.org/fhir\n",
        "https://ehr.example.org\n/fhir",
        "ht\ntps://ehr.example.org/fhir",
        "https://ehr.example.org/fhir\r\nHost: evil.org",
        "https://ehr.example.org\r\n/fhir",
        "\x00https://ehr.example.org/fhir",
        "https://ehr.example.org\x00.evil.org/fhir",
        "\x1fhttps://ehr.example.org/fhir",
        "https://ehr.example.org/fhir\x7f",
        "\ufeffhttps://ehr.example.org/fhir",
        "https://ehr.example.org/fhir\u00a0",
        "https://ehr.example.org\u2028/fhir",
    ],
    "letters of other alphabets": [
        "https://ehr\uff0eexample.org/fhir",  # full-width dot
        "https://ehr\u3002example.org/fhir",  # ideographic full stop
        "https://ehr\uff61example\uff61org/fhir",
        "https://\uff45hr.example.org/fhir",  # full-width e
        "https://ehr.ex\u0430mple.org/fhir",  # Cyrillic a
        "https://\u0435hr.example.org/fhir",
        "https://ehr.example.or\u0261/fhir",
        "https://ehr.\u24d4xample.org/fhir",  # circled e
        "https://ehr.example\u00ad.org/fhir",  # soft hyphen
        "https://ehr.exa\u200bmple.org/fhir",  # zero width space
        "https://ehr.example.org\uff0ffhir",  # full-width solidus
        "https://ehr.example.org\u2215fhir",
        "https://ehr.example.org\uff20evil.org/fhir",
        "https://ehr.example.org\uff03@evil.org/fhir",
        "https://ehr.example.org/\u017f\u0131/fhir",
        "https://ehr.example.org/fh\u0131r",
        "http\u017f://ehr.example.org/fhir",  # long s, a small s to who folds case
        "https://xn--hr-ehr.example.org/fhir",
    ],
    "numbers and brackets": [
        "https://[ehr.example.org]/fhir",
        "https://ehr.example.org[.evil.org]/fhir",
        "https://[ehr.example.org/fhir",
        "https://ehr.example.org]/fhir",
        "https://[v1.ehr]/fhir",
        "https://[]/fhir",
        "https://[::1/fhir",
        "https://::1/fhir",
        "https://127.0.0.1/fhir",
        "https://2130706433/fhir",
        "https://169.254.169.254/fhir",
        "https://[fd00:ec2::254]/fhir",
    ],
}


def every(spellings: dict[str, list[str]]) -> list[object]:
    return [pytest.param(one, id=f"{kind}: {one!a}") for kind, found in spellings.items() for one in found]


@pytest.mark.parametrize("address", SAME.values(), ids=SAME)
def test_spellings_of_the_server(address: str) -> None:
    assert permitted(address, (LISTED,)) == CALLED
    assert permitted(LISTED, (address,)) == CALLED


@pytest.mark.parametrize("address", every(OTHERS))
def test_what_only_looks_like_the_server(address: str) -> None:
    assert permitted(address, (LISTED,)) is None
    assert permitted(LISTED, (address,)) is None


def test_there_are_as_many_spellings_as_we_say() -> None:
    """Each once, so that nobody counts one twice."""
    for spellings, number in ((OTHERS, 190), (LINKS, 66)):
        all_of_them = [one for found in spellings.values() for one in found]
        assert len(set(all_of_them)) == len(all_of_them) >= number


@pytest.mark.parametrize(
    ("address", "listed", "called"),
    [
        ("https://[2001:db8::1]/fhir", IPV6, "https://[2001:db8::1]:443/fhir"),
        ("https://[2001:DB8::1]:443/fhir/", IPV6, "https://[2001:db8::1]:443/fhir"),
        ("https://[2001:db8:0:0:0:0:0:1]/fhir", IPV6, "https://[2001:db8::1]:443/fhir"),
        ("https://[2001:0db8:0000::0001]/fhir", IPV6, "https://[2001:db8::1]:443/fhir"),
        ("https://[2001:db8::2]/fhir", IPV6, None),
        ("https://[2001:db8::1]:444/fhir", IPV6, None),
        ("https://[2001:db8::1%25eth0]/fhir", IPV6, None),
        ("https://[2001:db8::1%eth0]/fhir", IPV6, None),
        ("https://[2001:db8::1].evil.org/fhir", IPV6, None),
        ("https://evil.org[2001:db8::1]/fhir", IPV6, None),
        ("https://[[2001:db8::1]]/fhir", IPV6, None),
        ("https://[2001:db8::1]443/fhir", IPV6, None),
        ("https://[2001:db8::1::]/fhir", IPV6, None),
        ("https://[::ffff:10.0.0.1]/fhir", "https://10.0.0.1/fhir", None),
        ("https://[::ffff:a00:1]/fhir", "https://10.0.0.1/fhir", None),
        ("https://[::ffff:a00:1]/fhir", "https://[::ffff:a00:1]/fhir", None),
        ("https://[2002:a00:1::]/fhir", "https://[2002:a00:1::]/fhir", None),  # 6to4: stands for 10.0.0.1
        ("https://10.0.0.1/fhir", "https://10.0.0.1/fhir", "https://10.0.0.1:443/fhir"),
        ("https://10.0.0.01/fhir", "https://10.0.0.1/fhir", None),
        ("https://10.1/fhir", "https://10.0.0.1/fhir", None),
        ("https://167772161/fhir", "https://10.0.0.1/fhir", None),
        ("https://0xa000001/fhir", "https://10.0.0.1/fhir", None),
        ("https://012.0.0.1/fhir", "https://10.0.0.1/fhir", None),
    ],
)
def test_addresses_in_numbers(address: str, listed: str, called: str | None) -> None:
    assert permitted(address, (listed,)) == called


LOCAL = {
    "http://127.0.0.1:8090/fhir": "http://127.0.0.1:8090/fhir",
    "http://127.8.9.1/fhir": "http://127.8.9.1:80/fhir",
    "http://localhost:8090/fhir/": "http://localhost:8090/fhir",
    "http://LOCALHOST/fhir": "http://localhost:80/fhir",
    "http://[::1]:8090/fhir": "http://[::1]:8090/fhir",
    "http://[0:0:0:0:0:0:0:1]/fhir": "http://[::1]:80/fhir",
}
NOT_LOCAL = [
    "http://2130706433/fhir",
    "http://0x7f000001/fhir",
    "http://0x7f.1/fhir",
    "http://017700000001/fhir",
    "http://0177.0.0.1/fhir",
    "http://127.1/fhir",
    "http://127.0.1/fhir",
    "http://127.0.0.01/fhir",
    "http://127.0.0.1./fhir",
    "http://127.0.0.256/fhir",
    "http://0.0.0.0/fhir",
    "http://0/fhir",
    "http://[::]/fhir",
    "http://[::ffff:127.0.0.1]/fhir",
    "http://[::ffff:7f00:1]/fhir",
    "http://[0:0:0:0:0:ffff:7f00:1]/fhir",
    "http://[::127.0.0.1]/fhir",
    "http://[::7f00:1]/fhir",
    "http://[64:ff9b::7f00:1]/fhir",
    "http://[2002:7f00:1::]/fhir",
    "http://[fe80::1]/fhir",
    "http://127.0.0.1.nip.io/fhir",
    "http://localhost.evil.org/fhir",
    "http://localhost./fhir",
    "http://localhost.localdomain/fhir",
    "http://evil.org/127.0.0.1",
    "http://127.0.0.1@evil.org/fhir",
    "http://127.0.0.1\\@evil.org/fhir",
    "http://evil.org#127.0.0.1/fhir",
    "http://\u2460\u2461\u2466.0.0.1/fhir",
    "http://127\u30020\u30020\u30021/fhir",
    "http://169.254.169.254/latest",
    "http://[fd00:ec2::254]/latest",
    "http://10.0.0.1/fhir",
    "http://192.168.0.1/fhir",
    "http://metadata.google.internal/fhir",
]


@pytest.mark.parametrize("address", LOCAL)
def test_any_server_on_this_machine_in_a_sandbox(address: str) -> None:
    assert permitted(address, ("loopback",)) == LOCAL[address]


@pytest.mark.parametrize("address", NOT_LOCAL, ids=ascii)
def test_other_servers_are_not_on_this_machine(address: str) -> None:
    assert permitted(address, ("loopback",)) is None


def test_the_word_loopback_is_no_address() -> None:
    assert permitted("loopback", ("loopback",)) is None
    assert permitted("http://loopback/fhir", ("loopback",)) is None


LINKS = {
    "another server": [
        "https://evil.org/fhir/Condition?page=2",
        "http://ehr.example.org/fhir/Condition?page=2",
        "https://ehr.example.org:8443/fhir/Condition?page=2",
        "https://ehr.example.org.evil.org/fhir/Condition?page=2",
        "https://ehr.example.org./fhir/Condition?page=2",
        "https://evil.org?https://ehr.example.org/fhir/Condition",
        "https://evil.org/?u=https://ehr.example.org/fhir/Condition",
        "https://evil.org#https://ehr.example.org/fhir/Condition",
        "https://u@ehr.example.org/fhir/Condition?page=2",
        "https://ehr.example.org@evil.org/fhir/Condition?page=2",
        "https://ehr.example.org\\@evil.org/fhir/Condition?page=2",
        "https://ehr.example.org%2f@evil.org/fhir/Condition?page=2",
        "https://ehr.example.org\uff0fevil.org/fhir/Condition?page=2",
        "https://[ehr.example.org]/fhir/Condition?page=2",
        "//evil.org/fhir/Condition?page=2",
        "//ehr.example.org/fhir/Condition?page=2",
        "///ehr.example.org/fhir/Condition?page=2",
        "\\\\ehr.example.org\\fhir\\Condition?page=2",
        "file:///etc/passwd",
        "ftp://ehr.example.org/fhir/Condition",
        "data:application/fhir+json,{}",
        "gopher://ehr.example.org/fhir/Condition",
    ],
    "above or beside the base": [
        "https://ehr.example.org",
        "https://ehr.example.org/",
        "https://ehr.example.org/Condition?page=2",
        "https://ehr.example.org?x=/fhir/Condition",
        "https://ehr.example.org/fhirool/Condition?page=2",
        "https://ehr.example.org/fhir2?page=2",
        "https://ehr.example.org/FHIR/Condition?page=2",
        "https://ehr.example.org//fhir/Condition?page=2",
        "https://ehr.example.org/fhir//Condition?page=2",
        "https://ehr.example.org/fhir/../admin?page=2",
        "https://ehr.example.org/fhir/..",
        "https://ehr.example.org/fhir/Condition/../../admin",
        "https://ehr.example.org/fhir/./Condition?page=2",
        "https://ehr.example.org/fhir/%2e%2e/admin?page=2",
        "https://ehr.example.org/fhir/%252e%252e/admin",
        "https://ehr.example.org/fhir/..%2fadmin",
        "https://ehr.example.org/fhir%2f../admin",
        "https://ehr.example.org/fhir/..;/admin",
        "https://ehr.example.org/fhir;/../admin",
        "https://ehr.example.org/fhir/\\..\\admin",
        "https://ehr.example.org/fhir\\..\\admin?page=2",
        "https://ehr.example.org/x/fhir/Condition?page=2",
    ],
    "no whole address": ["", " ", "?page=2", "Condition?page=2", "/fhir/Condition?page=2", "./Condition", "next", "#"],
    "what no address may hold": [
        "https://ehr.example.org/fhir/Condition?page=2#x",
        "https://ehr.example.org/fhir/Condition?page=\\2",
        "https://ehr.example.org/fhir/Condition?page=2 3",
        "https://ehr.example.org/fhir/Condition?page=2\n",
        "https://ehr.example.org/fhir/Condition?page=2\r\nHost: evil.org",
        "https://ehr.example.org/fhir/Condition?page=2\r\n\r\nGET /admin HTTP/1.1",
        "https://ehr.example.org/fhir/Condition?page=\u00e9",
        "https://ehr.example.org/fhir/Condition?page=\x00",
        "https://ehr.example.org/fhir/Condition ?page=2",
        "https://ehr.example.org/fhir/Condition\r\n?page=2",
        "https://ehr.example.org/fhir/Condit\tion?page=2",
        " https://ehr.example.org/fhir/Condition?page=2",
        "https://ehr.example.org/fhir/Cond%69tion?page=2",
        "https://ehr.example.org/fhir/Condition@2?page=2",
    ],
}


@pytest.mark.parametrize("link", every(LINKS))
def test_a_link_that_is_not_followed(link: str) -> None:
    assert page_below(link, CALLED) is None


# What the library that calls will make of the addresses that are let through.

LETTERS = string.ascii_letters + string.digits + "./:@\\?#%[]&;=$~_-\n\t \u00e9\uff0e"
BEGINNINGS = (LISTED, "https://ehr.example.org", "https://", "https://evil.org", "https:/", "")


@given(st.sampled_from(BEGINNINGS), st.text(LETTERS, max_size=12), st.sampled_from((*BEGINNINGS, "/fhir", "fhir")))
def test_whatever_is_let_through_is_the_server_itself(start: str, middle: str, end: str) -> None:
    address = start + middle + end
    assert permitted(address, (LISTED,)) in (None, CALLED)
    page = page_below(address, CALLED)
    if page is not None:
        read = parse_url(page)
        assert (read.scheme, read.auth, read.host, read.port) == ("https", None, "ehr.example.org", 443)
        assert f"{read.path}/".startswith("/fhir/")


@pytest.mark.parametrize("address", ["https://ehr.example.org/fh%69r", "https://ehr.example.org/a/../fhir"])
def test_a_listed_server_that_no_call_could_match_stops_start_up(address: str) -> None:
    text = 'environment = "sandbox"\n[tenant]\nname = "here"\n'
    with pytest.raises(SettingsError, match=r"fhir\.allowed_servers\[0\]: must be written plainly"):
        read_tenant(f'{text}[fhir]\nallowed_servers = ["{address}"]\n', folder="")
    plain = read_tenant(f'{text}[fhir]\nallowed_servers = ["{LISTED}"]\nrequests_at_once = 3\n', folder="")
    assert (plain.fhir.allowed_servers, plain.fhir.requests_at_once) == ([LISTED], 3)
