"""Settings: what is unknown, of the wrong type or contradictory stops start-up, with the name of the key."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from cds_service import config
from cds_service.tenants import SettingsError, load_tenant, read_tenant
from hooks import knowledge

DEPLOY = Path(__file__).parents[2] / "deploy" / "tenants"
SANDBOX = 'environment = "sandbox"\n[tenant]\nname = "here"\n'
ISSUER = (
    '[tenant]\nname = "here"\npublic_base_url = "https://cds.example.org"\n'
    '[[issuer]]\niss = "https://ehr.example.org"\njwks_file = "keys.json"\nalgorithms = ["ES384"]\n'
)


def sign_off(**changed: str) -> str:
    """A [[sign_off]] entry, with some keys written otherwise."""
    keys = {
        "rule": '"whole_spine_mri"',
        "version": f'"{knowledge.catalogue()["whole_spine_mri"].version}"',
        "by": '"A. Example"',
        "role": '"Surgeon"',
        "date": "2026-01-01",
        "valid_until": "2027-01-01",
    }
    return "[[sign_off]]\n" + "".join(f"{key} = {value}\n" for key, value in {**keys, **changed}.items())


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "tenant"),
        ("[tenant", "not TOML"),
        ("[tenant]\nname = 5\n", "tenant.name"),
        ('[tenant]\nname = "a b"\n', "tenant.name"),
        (SANDBOX + 'nome = "x"\n', "nome"),
        (SANDBOX + "[fihr]\n", "fihr"),
        (SANDBOX + "[fhir]\ntimeout = 2\n", "timeout"),
        (SANDBOX + '[fhir]\ntimeout_seconds = "2"\n', "fhir.timeout_seconds"),
        (SANDBOX + "[fhir]\ntimeout_seconds = 0\n", "fhir.timeout_seconds"),
        (SANDBOX + '[fhir]\nallowed_servers = ["http://ehr.example.org/fhir"]\n', r"fhir.allowed_servers\[0\]"),
        (SANDBOX + '[fhir]\nallowed_servers = ["ehr.example.org"]\n', r"fhir.allowed_servers\[0\]"),
        (SANDBOX + '[fhir]\nallowed_servers = ["https://a@ehr.example.org"]\n', r"fhir.allowed_servers\[0\]"),
        (SANDBOX + '[fhir]\nallowed_servers = ["https://ehr.example.org:99999"]\n', r"fhir.allowed_servers\[0\]"),
        (SANDBOX + '[client]\nprofile = "cerner"\n', "client.profile"),
        (SANDBOX + "[client]\nmax_cards = 0\n", "client.max_cards"),
        (SANDBOX + '[client]\nsmart_links = "yes"\n', "client.smart_links"),
        (SANDBOX + '[rules]\ndefault = "on"\n', "rules"),
        (SANDBOX + '[rules]\nno_such_rule = "off"\n', "rules.no_such_rule"),
        (SANDBOX + sign_off(rule='"no_such_rule"'), r"sign_off\[0\]\.rule"),
        (SANDBOX + sign_off(version='"0.9.0"'), r"sign_off\[0\]\.version"),
        (SANDBOX + sign_off(valid_until="2025-01-01"), r"sign_off\[0\]\.valid_until"),
        (SANDBOX + sign_off(by='" "'), r"sign_off\[0\]\.by"),
        (SANDBOX + sign_off(role='"a\\u0007"'), r"sign_off\[0\]\.role"),
        (SANDBOX + sign_off(date='"soon"'), r"sign_off\[0\]\.date"),
        (SANDBOX + sign_off(signed="true"), "signed"),
        (SANDBOX + sign_off().replace('role = "Surgeon"\n', ""), "role"),
        (SANDBOX + sign_off() + sign_off(), r"sign_off\[1\]"),
        (SANDBOX + '[cors]\nallowed_origins = ["*"]\n', r"cors.allowed_origins\[0\]"),
        (SANDBOX + '[cors]\nallowed_origins = ["https://ehr.example.org/path"]\n', r"cors.allowed_origins\[0\]"),
        (SANDBOX + '[cors]\nallowed_origins = ["https://ehr.example.org/"]\n', r"cors.allowed_origins\[0\].*slash"),
        (SANDBOX + '[cors]\nallowed_origins = ["https://*.example.org"]\n', r"cors.allowed_origins\[0\].*wildcard"),
        (SANDBOX + '[cors]\nallowed_origins = ["https://EHR.example.org"]\n', r"cors.allowed_origins\[0\].*small"),
        (SANDBOX + '[cors]\nallowed_origins = ["https://ehr.example.org:443"]\n', r"cors.allowed_origins\[0\].*port"),
        (SANDBOX + '[cors]\nallowed_origins = ["http://localhost:80"]\n', r"cors.allowed_origins\[0\].*port"),
        (SANDBOX + '[cors]\nallowed_origins = ["null"]\n', r"cors.allowed_origins\[0\]"),
        (SANDBOX + '[cors]\nallowed_origins = ["http://ehr.example.org"]\n', r"cors.allowed_origins\[0\]"),
        ('environment = "test"\n[tenant]\nname = "here"\n', "environment"),
        ('folder = "/"\n' + SANDBOX, "folder"),
        ('[tenant]\nname = "here"\npublic_base_url = "https://cds.example.org"\n', "issuer"),
        (ISSUER + '[fhir]\nallowed_servers = ["http://127.0.0.1/fhir"]\n', r"fhir.allowed_servers\[0\]"),
        (ISSUER + '[fhir]\nallowed_servers = ["loopback"]\n', r"fhir.allowed_servers\[0\]"),
        (ISSUER + '[cors]\nallowed_origins = ["loopback"]\n', r"cors.allowed_origins\[0\]"),
        (ISSUER.replace("ES384", "HS256"), r"issuer\[0\].algorithms"),
        (ISSUER.replace("ES384", "none"), r"issuer\[0\].algorithms"),
        (ISSUER.replace('["ES384"]', "[]"), "issuer"),
        (ISSUER + 'jwks_url = "https://ehr.example.org/k"\n', r"issuer\[0\]\.jwks_url: give either"),
        (ISSUER.replace('jwks_file = "keys.json"', 'jwks_url = "http://ehr.example.org/k"'), r"issuer\[0\]\.jwks_url"),
        (ISSUER.replace('jwks_file = "keys.json"', 'jwks_url = "http://127.0.0.1/k"'), r"issuer\[0\]\.jwks_url"),
        (ISSUER.replace('jwks_file = "keys.json"', 'jwks_url = "file:///k"'), r"issuer\[0\]\.jwks_url"),
        (ISSUER.replace('jwks_file = "keys.json"', 'jwks_url = "https://a@ehr.example.org"'), r"issuer\[0\]\.jwks_url"),
        (ISSUER + "max_token_seconds = 0\n", "max_token_seconds"),
        (ISSUER + "max_token_seconds = 86401\n", "max_token_seconds"),
        (ISSUER + "clock_skew_seconds = 301\n", "clock_skew_seconds"),
        (ISSUER + 'jku = "https://ehr.example.org/k"\n', "jku"),
        (ISSUER + "subjects = [5]\n", "subjects"),
        (ISSUER + 'tenants = [""]\n', "tenants"),
        (ISSUER.replace('jwks_file = "keys.json"\n', ""), r"issuer\[0\].jwks_file"),
        (ISSUER + ISSUER.partition("[[")[1] + ISSUER.partition("[[")[2], r"issuer\[0\].iss"),
    ],
)
def test_a_tenant_file_that_stops_start_up(text: str, key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        read_tenant(text, "")


@pytest.mark.parametrize("name", ["standard", "epic", "oracle-health"])
def test_example_tenants_are_valid(name: str) -> None:
    tenant = load_tenant(DEPLOY / f"{name}.toml")
    assert tenant.client.profile == name
    assert not tenant.is_sandbox


def test_profiles_are_presets_that_a_key_overrides() -> None:
    epic = load_tenant(DEPLOY / "epic.toml").client
    assert [epic.setting(key) for key in ("one_action_per_suggestion", "smart_links", "max_cards")] == [True, False, 3]
    assert load_tenant(DEPLOY / "standard.toml").client.setting("max_cards") == 5


def test_rule_modes() -> None:
    tenant = load_tenant(DEPLOY / "standard.toml")
    assert (tenant.mode("suspected_cord_compression"), tenant.mode("spinal_instability")) == ("live", "shadow")
    assert load_tenant(None).mode("spinal_instability") == "live"


def test_a_sign_off_holds_from_its_date_to_its_last_day() -> None:
    tenant = read_tenant(SANDBOX + sign_off() + sign_off(by='"B. Example"'), "")
    first, second = tenant.signed("whole_spine_mri")
    assert (first.by, second.by) == ("A. Example", "B. Example")
    assert tenant.signed("spinal_instability") == ()
    for day, state in (
        (date(2025, 12, 31), "not yet valid"),
        (date(2026, 1, 1), "valid"),
        (date(2027, 1, 1), "valid"),
        (date(2027, 1, 2), "expired"),
    ):
        assert first.state(day) == state
        assert first.line(day).startswith("A. Example, Surgeon" if state == "valid" else state.upper())


def test_the_example_sign_off_is_valid_once_it_is_uncommented() -> None:
    """Whatever version the rule has come to: a site reads it off the rule's page."""
    _, entry, keys = (DEPLOY / "standard.toml").read_text().partition("# [[sign_off]]")
    example = re.sub("^# ", "", entry + keys, flags=re.MULTILINE)
    example = example.replace("1.0.0", knowledge.catalogue()["suspected_cord_compression"].version)
    (signature,) = read_tenant(SANDBOX + example, "").sign_off
    assert signature.state(date(2027, 6, 1)) == "valid"


def test_the_default_tenant_is_a_sandbox_on_loopback() -> None:
    tenant = load_tenant(None)
    assert (tenant.is_sandbox, tenant.issuer) == (True, [])
    assert (tenant.fhir.allowed_servers, tenant.cors.allowed_origins) == (["loopback"], ["loopback"])


@pytest.mark.parametrize(
    ("variables", "key"),
    [
        ({"SPINE_CDS_PROT": "8080"}, "SPINE_CDS_PROT"),
        ({"SPINE_CDS_PORT": "eighty"}, "SPINE_CDS_PORT"),
        ({"SPINE_CDS_PORT": "65536"}, "SPINE_CDS_PORT"),
        ({"SPINE_CDS_PORT": "0"}, "SPINE_CDS_PORT"),
        ({"SPINE_CDS_WORKERS": "0"}, "SPINE_CDS_WORKERS"),
        ({"SPINE_CDS_MAX_BODY_BYTES": "1"}, "SPINE_CDS_MAX_BODY_BYTES"),
        ({"SPINE_CDS_LOG_LEVEL": "loud"}, "SPINE_CDS_LOG_LEVEL"),
        ({"SPINE_CDS_PUBLIC_BASE_URL": "http://cds.example.org"}, "SPINE_CDS_PUBLIC_BASE_URL"),
        ({"SPINE_CDS_TENANT": "/nowhere/tenant.toml"}, "tenant.toml"),
    ],
)
def test_a_variable_that_stops_start_up(variables: dict[str, str], key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        config.from_environment(variables)


def test_production_needs_its_public_address(tmp_path: Path) -> None:
    (tmp_path / "tenant.toml").write_text(ISSUER.replace('public_base_url = "https://cds.example.org"\n', ""))
    with pytest.raises(SettingsError, match=r"tenant\.public_base_url"):
        config.from_environment({"SPINE_CDS_TENANT": str(tmp_path / "tenant.toml")})


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"SPINE_CDS_HOST": "0.0.0.0", "SPINE_CDS_PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"SPINE_CDS_HOST": "::1"}, "http://[::1]:8080"),
        ({"SPINE_CDS_PUBLIC_BASE_URL": "https://cds.example.org/spine/"}, "https://cds.example.org/spine"),
    ],
)
def test_the_public_address_of_a_sandbox(variables: dict[str, str], url: str) -> None:
    assert config.from_environment({**variables, "HOME": "ignored"}).public_base_url == url


def test_every_setting_is_documented() -> None:
    manual = (DEPLOY.parent / "README.md").read_text()
    for name in config.DEFAULTS:
        assert f"`{config.PREFIX}{name}`" in manual
    for key in (
        "environment",
        "name",
        "public_base_url",
        "max_token_seconds",
        "clock_skew_seconds",
        "iss",
        "jwks_file",
        "jwks_url",
        "jku",
        "algorithms",
        "audience",
        "subjects",
        "tenants",
        "allowed_servers",
        "timeout_seconds",
        "profile",
        "one_action_per_suggestion",
        "plain_detail",
        "smart_links",
        "max_cards",
        "default",
        "rule",
        "version",
        "by",
        "role",
        "date",
        "valid_until",
        "concept_maps",
        "mentions",
        "allowed_origins",
    ):
        assert f"`{key}`" in manual
