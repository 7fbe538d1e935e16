"""The tenant file: one site's callers, FHIR servers, EHR features and rule modes, checked whole before start-up."""

from __future__ import annotations

import datetime
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from cds_service.fhir_address import LOOPBACK as LOOPBACK
from cds_service.fhir_address import is_loopback as is_loopback
from cds_service.fhir_address import is_plain
from hooks import knowledge

URL_LETTERS = re.compile(r"[A-Za-z0-9._~:/\[\]!$&'()*+,;=%-]*")  # RFC 3986 without ?, # and @
ORIGIN_LETTERS = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:]+\])(:[1-9][0-9]*)?")
# What `cds-service password-hash` writes: scrypt with its cost (no less than werkzeug's own), salt and 64 bytes.
PASSWORD_HASH = re.compile(r"scrypt:(32768|65536|131072|262144):8:[1-9]\$[A-Za-z0-9]{8,64}\$[0-9a-f]{128}")
ASYMMETRIC = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA")
# What each EHR can do with a card. "standard" is what CDS Hooks 2.0.1 promises.
PROFILES: dict[str, dict[str, bool | int]] = {
    "standard": {"one_action_per_suggestion": False, "plain_detail": False, "smart_links": True, "max_cards": 5},
    # Epic takes one action per suggestion, reads Markdown unless told otherwise, and drops SMART links that were not
    # registered beforehand.
    "epic": {"one_action_per_suggestion": True, "plain_detail": False, "smart_links": False, "max_cards": 5},
    # Oracle Health calls patient-view only and strips links that were not registered. Nothing is known of suggestions
    # with several actions nor of Markdown: what is sent is right either way.
    "oracle-health": {"one_action_per_suggestion": True, "plain_detail": True, "smart_links": False, "max_cards": 5},
}
CONTENT_TYPE_KEYS = {"epic": "com.epic.cdshooks.card.detail.content-type"}  # said with a plain detail

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Life = Annotated[int, msgspec.Meta(ge=1, le=86_400)]  # seconds; the longest that is known of a client is a day
Skew = Annotated[int, msgspec.Meta(ge=0, le=300)]  # seconds
RuleMode = Literal["live", "shadow", "off"]
Words = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^(?=.*\S)[^\x00-\x1f\x7f]+\Z")]  # one line, not blank
SignOffState = Literal["valid", "expired", "not yet valid"]


class SettingsError(Exception):
    """A setting that is unknown, of the wrong type or in contradiction with another. Names the key; stops start-up."""


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[tenant]: who this is, under which URL callers reach it, and how old their tokens may be."""

    name: Name
    public_base_url: str = ""
    max_token_seconds: Life = 3600
    clock_skew_seconds: Skew = 60


class Issuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[issuer]]: one EHR whose tokens are trusted, with the keys that were agreed with it and what tokens must say."""

    iss: Text
    algorithms: Annotated[list[str], msgspec.Meta(min_length=1)]
    jwks_file: str = ""
    jwks_url: str = ""
    jku: list[Text] = []
    audience: Annotated[list[Text], msgspec.Meta(min_length=1)] = msgspec.field(default_factory=lambda: ["endpoint"])
    subjects: list[Text] = []
    tenants: list[Text] = []
    max_token_seconds: Life | None = None
    clock_skew_seconds: Skew | None = None


class Fhir(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[fhir]: the servers that may be asked for what the prefetch lacks, for how long in all, and how much at once."""

    allowed_servers: list[str] = []
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=30)] = 2.0
    requests_at_once: Annotated[int, msgspec.Meta(ge=1, le=40)] = 20


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[client]: what this EHR can do with a card. A key that is not given takes the profile's value."""

    profile: Literal["standard", "epic", "oracle-health"] = "standard"
    one_action_per_suggestion: bool | None = None
    plain_detail: bool | None = None
    smart_links: bool | None = None
    max_cards: Annotated[int, msgspec.Meta(ge=1, le=20)] | None = None

    def setting(self, key: str) -> bool | int:
        """The value of `key` for this client, its own or the profile's."""
        own: bool | int | None = getattr(self, key)
        return PROFILES[self.profile][key] if own is None else own


class SignOff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[sign_off]]: a named person of this site has checked one version of one rule, until a day."""

    rule: str
    version: str
    by: Words
    role: Words
    date: datetime.date
    valid_until: datetime.date

    def state(self, as_of: datetime.date) -> SignOffState:
        """Whether the signature holds on a day; the day `valid_until` itself still counts."""
        if as_of > self.valid_until:
            return "expired"
        return "valid" if as_of >= self.date else "not yet valid"

    def line(self, as_of: datetime.date) -> str:
        """Who signed what, in one line; a signature that does not hold says so first."""
        state = self.state(as_of)
        said = f"{self.by}, {self.role}, signed version {self.version} on {self.date}, valid until {self.valid_until}"
        return said if state == "valid" else f"{state.upper()}: {said}"


class Codes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[codes]: FHIR ConceptMap and ValueSet files, beside the tenant file, that say what the site's codes mean.

    `units`: what its own unit texts mean, as UCUM codes.
    """

    concept_maps: list[str] = []
    units: dict[str, str] = {}


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[text]: whether uncoded problems and impressions are searched for what to code. Needs the extra `text`."""

    mentions: bool = False


class Refire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[refire]: whether a card that a user overrode stays away while its facts are the same; see hooks/refire.toml."""

    enabled: bool = True


class Reader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[reader]]: someone of the site who may read the ledger; `cds-service password-hash` makes the hash."""

    name: Name
    password_hash: str


class Cors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[cors]: the browser origins that may call."""

    allowed_origins: list[str] = []


class Tenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tenant file. The defaults are the careful ones: no FHIR server, no browser origin, every rule live."""

    tenant: Site
    environment: Literal["production", "sandbox"] = "production"
    issuer: list[Issuer] = []
    fhir: Fhir = msgspec.field(default_factory=Fhir)
    client: Client = msgspec.field(default_factory=Client)
    rules: dict[str, RuleMode] = {}
    sign_off: list[SignOff] = []
    codes: Codes = msgspec.field(default_factory=Codes)
    text: Texts = msgspec.field(default_factory=Texts)
    cors: Cors = msgspec.field(default_factory=Cors)
    refire: Refire = msgspec.field(default_factory=Refire)
    reader: list[Reader] = []
    folder: str = ""  # where the file lies, for the key files that it names; never read from the file itself

    @property
    def is_sandbox(self) -> bool:
        return self.environment == "sandbox"

    def mode(self, rule: str) -> RuleMode:
        """live, shadow or off, for one rule by name."""
        return self.rules.get(rule, self.rules.get("default", "live"))

    def signed(self, rule: str) -> tuple[SignOff, ...]:
        """This site's signatures of one rule, whether they hold or not."""
        return tuple(one for one in self.sign_off if one.rule == rule)


def load_tenant(path: Path | None) -> Tenant:
    """The tenant of a TOML file, or of the bundled sandbox file for None. Raises SettingsError naming the key."""
    if path is None:
        bundled = resources.files("cds_service") / "default_tenant.toml"
        return read_tenant(bundled.read_text(encoding="utf-8"), folder="")
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows editors put a byte order mark in front
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"tenant file {path}: cannot be read ({type(error).__name__})") from error
    return read_tenant(text, folder=str(path.resolve().parent))


def read_tenant(text: str, folder: str) -> Tenant:
    """Decodes and checks a tenant file's text. Raises SettingsError naming the key."""
    try:
        data = tomllib.loads(text)
        if "folder" in data:
            raise SettingsError("tenant file: unknown key `folder`")
        tenant = msgspec.convert({**data, "folder": folder}, Tenant)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"tenant file: is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise SettingsError(f"tenant file: {_plain(str(error))}") from error
    _check(tenant)
    return tenant


def _plain(message: str) -> str:
    """msgspec writes "Object contains unknown field `x` - at `$.fhir`"; sites know keys, not objects or `$`."""
    return message.replace("Object contains unknown field", "unknown key").replace("`$.", "`").replace(" - at `$`", "")


def _check(tenant: Tenant) -> None:
    """Refuses what each key alone allows but the whole contradicts."""
    if not tenant.issuer and not tenant.is_sandbox:
        raise SettingsError('issuer: without one callers are not authenticated; only environment = "sandbox" allows it')
    if tenant.tenant.public_base_url:
        web_address(tenant.tenant.public_base_url, "tenant.public_base_url", http_allowed=tenant.is_sandbox)
    names = [issuer.iss for issuer in tenant.issuer]
    for position, issuer in enumerate(tenant.issuer):
        _check_issuer(issuer, f"issuer[{position}]", tenant.is_sandbox)
        if names.count(issuer.iss) > 1:
            raise SettingsError(f"issuer[{position}].iss: is given twice")
    for position, address in enumerate(tenant.fhir.allowed_servers):
        _check_server(address, f"fhir.allowed_servers[{position}]", tenant.is_sandbox)
    for position, origin in enumerate(tenant.cors.allowed_origins):
        _check_origin(origin, f"cors.allowed_origins[{position}]", tenant.is_sandbox)
    unknown = sorted(set(tenant.rules) - {"default"} - set(knowledge.catalogue()))
    if unknown:
        raise SettingsError(f"rules.{unknown[0]}: there is no such rule; `cds-service rules` lists them")
    _check_readers(tenant.reader)
    for position, signature in enumerate(tenant.sign_off):
        _check_sign_off(signature, f"sign_off[{position}]")
        if tenant.sign_off.index(signature) != position:
            raise SettingsError(f"sign_off[{position}]: is given twice")


def _check_readers(readers: list[Reader]) -> None:
    names = [reader.name for reader in readers]
    for position, reader in enumerate(readers):
        if names.count(reader.name) > 1:
            raise SettingsError(f"reader[{position}].name: is given twice")
        if not PASSWORD_HASH.fullmatch(reader.password_hash):
            raise SettingsError(f"reader[{position}].password_hash: must be what `cds-service password-hash` prints")


def _check_sign_off(signature: SignOff, key: str) -> None:
    """A signature is for what was read: after an update that changes the rule, it has to be given again."""
    rule = knowledge.catalogue().get(signature.rule)
    if rule is None:
        raise SettingsError(f"{key}.rule: there is no such rule; `cds-service rules` lists them")
    if signature.version != rule.version:
        raise SettingsError(f"{key}.version: {rule.rule} is at version {rule.version}; sign that or remove the entry")
    if signature.valid_until < signature.date:
        raise SettingsError(f"{key}.valid_until: lies before the date of the signature")


def _check_issuer(issuer: Issuer, key: str, sandbox: bool) -> None:
    if issuer.jwks_file and issuer.jwks_url:
        raise SettingsError(f"{key}.jwks_url: give either jwks_file or jwks_url")
    if issuer.jwks_url:
        web_address(issuer.jwks_url, f"{key}.jwks_url", http_allowed=sandbox)
    elif not issuer.jwks_file:
        raise SettingsError(f"{key}.jwks_file: is needed, or jwks_url")
    for algorithm in issuer.algorithms:
        if algorithm not in ASYMMETRIC:
            raise SettingsError(f"{key}.algorithms: only {', '.join(ASYMMETRIC)} may be used")


def _check_server(address: str, key: str, sandbox: bool) -> None:
    if address == LOOPBACK and sandbox:
        return
    web_address(address, key, http_allowed=sandbox)
    if not is_plain(address):
        raise SettingsError(f"{key}: must be written plainly (no percent signs or path dots); no call would match it")


def _check_origin(origin: str, key: str, sandbox: bool) -> None:
    if origin == LOOPBACK and sandbox:
        return
    web_address(origin, key, http_allowed=sandbox)
    parts = urlsplit(origin)
    if parts.path:
        raise SettingsError(f"{key}: an origin has no path, not even a slash")
    standard = {"https": 443, "http": 80}[parts.scheme]
    if not ORIGIN_LETTERS.fullmatch(origin) or parts.port == standard:
        raise SettingsError(f"{key}: must be written as browsers send it: small letters, no standard port, no wildcard")


def web_address(address: str, key: str, http_allowed: bool) -> str:
    """An absolute https URL (http only to loopback, where allowed), without its last slash. Raises SettingsError."""
    try:
        parts = urlsplit(address)
        absolute = bool(parts.hostname) and parts.port != 0
    except ValueError:  # an impossible port or IPv6 address
        absolute = False
    if not absolute or parts.query or parts.fragment or "@" in parts.netloc or not URL_LETTERS.fullmatch(address):
        raise SettingsError(f"{key}: must be an absolute URL without user, query or fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and http_allowed and is_loopback(parts.hostname or "")):
        raise SettingsError(f"{key}: must be https (http only to loopback, in a sandbox)")
    return address.rstrip("/")
