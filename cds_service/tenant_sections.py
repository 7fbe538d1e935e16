"""The sections of a tenant file: what each may hold, and what holds where a key is not given."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import msgspec

from cds_service.dashboard.settings import Dashboard
from cds_service.setting_types import Life, Name, Skew, Text, Words
from cds_service.smart.settings import Smart

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

RuleMode = Literal["live", "shadow", "off"]
SignOffState = Literal["valid", "expired", "not yet valid"]


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
    smart: Smart | None = None
    dashboard: Dashboard = msgspec.field(default_factory=Dashboard)
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
