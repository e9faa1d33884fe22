"""The shape of the configuration: one Struct a table, every value with its range.

What each key means, and its default, is written in `config/default.toml` and nowhere else: nothing here has a
default. Times are seconds unless a name says otherwise.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.configuration.relationship_settings import RelationshipSettings
from app.configuration.storage_settings import StorageSettings
from app.security.auth_settings import AuthSettings
from dossier_realtime.protocol.channels import parse_pattern
from dossier_realtime.protocol.fields import Level

_HOST = r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
_PORT = r"(:\d{1,5})?"

Duration = Annotated[float, Meta(gt=0, le=3600)]
Days = Annotated[float, Meta(ge=0, le=36_500)]
Messages = Annotated[int, Meta(ge=1, le=1_000_000)]
LimitClass = Literal["general", "edit", "cursor", "ping", "read", "bytes_mib", "channels", "stored_mib"]
Role = Annotated[str, Meta(pattern=r"\A(?!\.+\Z)[A-Za-z0-9._-]{1,64}\Z")]

ListenHost = Annotated[
    str, Meta(pattern=r"\A[A-Za-z0-9._:-]+\Z", description='an address or name, such as "127.0.0.1"')
]
Hosts = Annotated[
    tuple[Annotated[str, Meta(pattern=rf"\A{_HOST}{_PORT}\Z")], ...],
    Meta(description='names in lower case, such as "realtime.example.org" or "[::1]:8000", or "own", never "*"'),
]
LinkHosts = Annotated[
    tuple[Annotated[str, Meta(pattern=rf"\A(\*|{_HOST}{_PORT})\Z")], ...],
    Meta(description='names in lower case, such as "dossier.example.org", or "*" for every host'),
]
PageOrigins = Annotated[
    tuple[Annotated[str, Meta(pattern=rf"\A(own|https?://{_HOST}{_PORT})\Z")], ...],
    Meta(description='origins as browsers send them, such as "https://dossier.example.org", or "own", never "*"'),
]
# Shells of apps have schemes of their own. None of those left out is ever sent as an origin that tells pages apart.
_NO_ORIGINS = "wss?|file|data|blob|about|javascript"
Origins = Annotated[
    tuple[
        Annotated[str, Meta(pattern=rf"\A(own|(?!({_NO_ORIGINS}):)[a-z][a-z0-9+.-]{{0,30}}://{_HOST}{_PORT})\Z")],
        ...,
    ],
    Meta(
        description='origins as browsers and app shells send them, such as "https://dossier.example.org" or '
        '"capacitor://localhost", or "own", never "*"'
    ),
]
Networks = Annotated[
    tuple[Annotated[str, Meta(pattern=r"\A[0-9A-Fa-f:.]+(/\d{1,3})?\Z")], ...],
    Meta(description='addresses or networks, such as "10.0.0.5" or "10.1.0.0/16"'),
]
File = Annotated[str, Meta(pattern=r"\A[^\x00]*\Z", description="the path of a file")]
Folder = Annotated[str, Meta(min_length=1, pattern=r"\A[^\x00]*\Z", description="the path of a folder")]
_Shown = Annotated[
    str, Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f]{1,64}\Z", description="what people read, 1 to 64 characters")
]
NodeId = Annotated[
    str,
    Meta(
        pattern=r"\A([A-Za-z0-9][A-Za-z0-9._-]{0,63})?\Z",
        description="up to 64 of A-Z a-z 0-9 . _ -, a letter or digit first",
    ),
]


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class ServerSettings(_Table, frozen=True):
    """The table `[server]`: the address to listen on, and the hosts and sites that may reach it."""

    host: ListenHost
    port: Annotated[int, Meta(ge=0, le=65_535)]
    production: bool
    reuse_port: bool
    behind_proxy: bool
    trusted_proxies: Networks
    tls_certificate: File
    tls_key: File
    allowed_hosts: Hosts
    allowed_origins: Origins
    action_hosts: LinkHosts
    require_origin: bool
    room: Literal["development", "always", "never"]
    drain_seconds: Annotated[float, Meta(ge=0, le=300)]
    max_connections: Annotated[int, Meta(ge=0, le=1_000_000)]


class SessionSettings(_Table, frozen=True):
    """The table `[session]`: times and bounds of one connection."""

    auth_timeout: Annotated[float, Meta(gt=0, le=300)]
    auth_max_bytes: Annotated[int, Meta(ge=1024, le=65_536)]
    heartbeat_interval: Annotated[int, Meta(ge=1, le=3600)]
    ping_interval: Duration
    liveness_timeout: Duration
    resume_window: Annotated[float, Meta(ge=0, le=86_400)]
    expiring_notice: Duration
    invalid_messages_per_minute: Annotated[int, Meta(ge=1, le=10_000)]
    frame_timeout: Annotated[float, Meta(gt=0, le=300)]
    max_subscriptions: Annotated[int, Meta(ge=1, le=10_000)]


class LimitSettings(_Table, frozen=True):
    """The table `[limits]`: rates by class, and by role where a role has its own."""

    general: Messages
    edit: Messages
    cursor: Messages
    ping: Messages
    read: Messages
    bytes_mib: Messages
    channels: Messages
    stored_mib: Messages
    window: Annotated[float, Meta(ge=1, le=3600)]
    warning_ratio: Annotated[float, Meta(gt=0, le=1)]
    abuse: Messages
    connections_per_user: Annotated[int, Meta(ge=1, le=100_000)]
    connections_per_address: Messages
    handshakes_per_second: Messages
    strangers_per_second: Messages
    refusals_per_second: Messages
    refusal_pause: Annotated[float, Meta(ge=0.01, le=5)]
    bodies_mib: Annotated[int, Meta(ge=16, le=65_536)]
    bodies_mib_per_user: Annotated[int, Meta(ge=8, le=65_536)]
    roles: dict[Role, dict[LimitClass, Messages]]

    def limit(self, kind: LimitClass, role: str) -> int:
        """Return the limit of a class of messages, in one window, for a user of that role."""
        everybody: int = getattr(self, kind)
        return self.roles.get(role, {}).get(kind, everybody)


class OutboxSettings(_Table, frozen=True):
    """The table `[outbox]`: bounds of the messages that wait for one connection."""

    max_bytes: Annotated[int, Meta(ge=65_536, le=67_108_864)]
    max_messages: Annotated[int, Meta(ge=10, le=100_000)]
    stall_timeout: Annotated[float, Meta(gt=0, le=300)]


class HistorySettings(_Table, frozen=True):
    """The table `[history]`: the range in which a channel can be recovered, and the versions of documents beyond it."""

    events: Annotated[int, Meta(ge=1, le=10_000_000)]
    seconds: Annotated[float, Meta(ge=1, le=2_592_000)]
    idempotency_hours: Annotated[float, Meta(ge=1, le=720)]
    operation_ids_mib: Annotated[int, Meta(ge=1, le=65_536)]
    document_mib: Annotated[int, Meta(ge=1, le=1_048_576)]


class PresenceSettings(_Table, frozen=True):
    """The table `[presence]`."""

    grace: Annotated[float, Meta(ge=0, le=300)]
    list_cap: Annotated[int, Meta(ge=1, le=10_000)]


class Classification(_Table, frozen=True):
    """One row of `channels.classification`. Raises ValueError for an invalid pattern."""

    pattern: str
    level: Level

    def __post_init__(self) -> None:
        if parse_pattern(self.pattern) is None:
            raise ValueError("not a pattern of channel names")


class ClassificationSettings(_Table, frozen=True):
    """The table `[channels]`: the level of each channel, by the first pattern that fits; else internal."""

    classification: Annotated[
        tuple[Classification, ...],
        Meta(
            description='rows { pattern = "dossier:secret:*", level = "secret" }; '
            "levels are public, internal, confidential, secret"
        ),
    ]


class FrameDays(_Table, frozen=True):
    """The table `[journal.frame_days]`: days by the level of a channel."""

    public: Days
    internal: Days
    confidential: Days
    secret: Days


class JournalSettings(_Table, frozen=True):
    """The table `[journal]`."""

    segment_mib: Annotated[int, Meta(ge=1, le=4096)]
    fsync_seconds: Annotated[float, Meta(ge=0.01, le=60)]
    keep_days: Days
    checkpoint_seconds: Annotated[float, Meta(ge=1, le=3600)]
    checkpoint_entries: Annotated[int, Meta(ge=100, le=30_000)]
    checkpoint_file: File
    checkpoint_syslog: Annotated[
        str, Meta(pattern=r"\A(unix:/[^\x00]+|udp:[^\x00\s]+:[0-9]{1,5})?\Z", description='such as "unix:/dev/log"')
    ]
    checkpoint_url: Annotated[
        str,
        Meta(pattern=r"\A(https?://[^\x00\s]+)?\Z", description='such as "https://witness.example.org/checkpoints"'),
    ]
    signing_key_file: File
    signer_command: Annotated[str, Meta(pattern=r"\A[^\x00]*\Z", description="a command with its arguments")]
    signer_public_key_file: File
    frame_days: FrameDays


class ChatSettings(_Table, frozen=True):
    """The table `[briefs.chat]`: the language model that writes briefs."""

    endpoint: Annotated[
        str,
        Meta(
            pattern=rf"\A(https?://{_HOST}{_PORT}(/[A-Za-z0-9._~%/-]*)?)?\Z",
            description='the root of an OpenAI-compatible API, such as "https://models.example.org/v1"',
        ),
    ]
    model: Annotated[str, Meta(pattern=r"\A[\x21-\x7e]{0,200}\Z")]
    api_key_file: File
    silence_seconds: Annotated[float, Meta(gt=0, le=600)]
    attempts: Annotated[int, Meta(ge=1, le=10)]
    max_tokens: Annotated[int, Meta(ge=16, le=32_768)]
    temperature: Annotated[float, Meta(ge=0, le=2)]
    circuit_failures: Annotated[int, Meta(ge=1, le=1000)]
    circuit_seconds: Annotated[float, Meta(gt=0, le=3600)]
    api_key: str = ""
    """From the environment or `api_key_file`, never from a TOML file: so it has no default there."""

    def __repr__(self) -> str:  # the generated one would print the secret
        return f"ChatSettings(endpoint={self.endpoint!r}, model={self.model!r}, …)"


class BriefSettings(_Table, frozen=True):
    """The table `[briefs]`: briefs that the service writes on request."""

    queue: Annotated[int, Meta(ge=1, le=100_000)]
    queue_per_user: Annotated[int, Meta(ge=1, le=100_000)]
    concurrent: Annotated[int, Meta(ge=1, le=64)]
    silence_seconds: Annotated[float, Meta(ge=0.1, le=3600)]
    deadline_seconds: Annotated[float, Meta(ge=0.1, le=86_400)]
    generator: Literal["template", "chat", "worker"]
    chat: ChatSettings


class LogSettings(_Table, frozen=True):
    """The table `[log]`."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["console", "json"]


class NodeSettings(_Table, frozen=True):
    """The table `[node]`."""

    id: NodeId


class MetricsSettings(_Table, frozen=True):
    """The table `[metrics]`: access to `/metrics`."""

    host: Annotated[
        str, Meta(pattern=r"\A[A-Za-z0-9._:-]*\Z", description='an address, such as "127.0.0.1", or nothing')
    ]
    port: Annotated[int, Meta(ge=0, le=65_535)]
    token_file: File
    token: str = ""
    """From the environment or `token_file`, never from a TOML file: so it has no default there."""

    def __repr__(self) -> str:  # the generated one would print the secret
        return f"MetricsSettings(host={self.host!r}, port={self.port!r}, …)"


class SecurityTxtSettings(_Table, frozen=True):
    """The table `[security_txt]`: the contents of /.well-known/security.txt."""

    contact: Annotated[
        tuple[Annotated[str, Meta(pattern=r"\A(mailto:|https://|tel:)[\x21-\x7e]{1,500}\Z")], ...],
        Meta(description='addresses such as "mailto:security@example.org" or "https://example.org/report"'),
    ]
    expires: Annotated[str, Meta(pattern=r"\A(\d{4}-\d{2}-\d{2})?\Z", description='a date such as "2027-06-30"')]
    policy: Annotated[
        str, Meta(pattern=r"\A(https://[\x21-\x7e]{1,500})?\Z", description="an address that begins https://")
    ]
    languages: Annotated[
        tuple[Annotated[str, Meta(pattern=r"\A[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")], ...],
        Meta(description='a list of languages, such as ["en", "ar"]'),
    ]


class OidcSettings(_Table, frozen=True):
    """The table `[dashboard.oidc]`: the identity provider of the dashboard's logins."""

    issuer: Annotated[
        str,
        Meta(
            pattern=rf"\A(https?://{_HOST}{_PORT}(/[A-Za-z0-9._~%/-]*)?)?\Z",
            description='the address that the provider gives as its name, such as "https://id.example.org/realms/office"',
        ),
    ]
    client_id: Annotated[str, Meta(pattern=r"\A[\x20-\x7e]{0,256}\Z")]
    client_secret_file: File
    scopes: Annotated[
        tuple[Annotated[str, Meta(pattern=r"\A[\x21\x23-\x5b\x5d-\x7e]{1,128}\Z")], ...],
        Meta(description='a list of scopes with "openid" among them'),
    ]
    token: Literal["access_token", "id_token"]
    name: _Shown
    name_ar: _Shown
    client_secret: str = ""
    """From the environment or `client_secret_file`, never from a TOML file: so it has no default there."""

    def __repr__(self) -> str:  # the generated one would print the secret
        return f"OidcSettings(issuer={self.issuer!r}, client_id={self.client_id!r}, …)"


class DashboardSettings(_Table, frozen=True):
    """The table `[dashboard]`: the dashboard's address, the service it watches, and its roles."""

    host: ListenHost
    port: Annotated[int, Meta(ge=0, le=65_535)]
    service: Annotated[
        str, Meta(pattern=rf"\A(https?://{_HOST}{_PORT})?\Z", description='such as "https://realtime.example.org"')
    ]
    token_file: File
    behind_proxy: bool
    trusted_proxies: Networks
    allowed_hosts: Hosts
    allowed_origins: PageOrigins
    idle_minutes: Annotated[float, Meta(gt=0, le=1440)]
    roles: dict[Role, Literal["observer", "operator", "security_officer", "auditor"]]
    oidc: OidcSettings


class HolidayRow(_Table, frozen=True):
    """One row of `commitments.holidays`: `days` off from a date on, each year unless the date names one."""

    calendar: Literal["gregorian", "umm_al_qura"]
    date: Annotated[
        str,
        Meta(
            pattern=r"\A([0-9]{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z",
            description='a month and day such as "02-22", or a date such as "2027-02-22"',
        ),
    ]
    days: Annotated[int, Meta(ge=1, le=30)]
    en: _Shown
    ar: _Shown


_Clock = Annotated[
    str, Meta(pattern=r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z", description='a time of day, such as "08:00"')
]
_DaysBefore = Annotated[
    tuple[Annotated[int, Meta(ge=0, le=3_650)], ...],
    Meta(min_length=3, max_length=3, description="three numbers of days that become fewer, such as [60, 30, 7]"),
]


class CommitmentSettings(_Table, frozen=True):
    """The table `[commitments]`: the calendar of the office, and when deadlines are raised."""

    time_zone: Annotated[
        str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_+/-]{0,63}\Z", description='a time zone, such as "Asia/Riyadh"')
    ]
    working_days: Annotated[
        tuple[Literal["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"], ...],
        Meta(min_length=1, max_length=7, description='days of the week, such as ["sunday", "monday"]'),
    ]
    opens: _Clock
    closes: _Clock
    days_before: dict[
        Annotated[
            str, Meta(pattern=r"\A[a-z0-9-]{1,64}\Z", description="a type of MoU, of a-z 0-9 -, such as data-exchange")
        ],
        _DaysBefore,
    ]
    holidays: Annotated[
        tuple[HolidayRow, ...],
        Meta(description='rows { calendar = "gregorian", date = "02-22", days = 1, en = "…", ar = "…" }'),
    ]


class Tables(_Table, frozen=True):
    """The tables that a configuration file may hold."""

    server: ServerSettings
    storage: StorageSettings
    auth: AuthSettings
    session: SessionSettings
    limits: LimitSettings
    outbox: OutboxSettings
    history: HistorySettings
    presence: PresenceSettings
    commitments: CommitmentSettings
    relationships: RelationshipSettings
    channels: ClassificationSettings
    journal: JournalSettings
    briefs: BriefSettings
    log: LogSettings
    node: NodeSettings
    metrics: MetricsSettings
    security_txt: SecurityTxtSettings
    dashboard: DashboardSettings
