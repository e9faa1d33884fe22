"""Checks of settings that are each allowed but not with one another, or that are unsafe together."""

import ipaddress
import time
from collections.abc import Collection
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.configuration.health_policy import health_policy
from app.configuration.settings import CommitmentSettings, Tables
from app.configuration.storage_settings import StorageSettings, redis_hosts
from app.security.jwks import is_safe_url
from app.security.secret_strength import TOKEN_BYTES, guessable, weakness
from app.security.tls import server_context
from dossier_realtime.protocol.http.host_header import parse_hosts
from dossier_realtime.protocol.http.loopback import is_loopback


def check_together(config: Tables) -> None:
    """Raise ValueError, in one line, for values that are each allowed but not with one another."""
    server, session = config.server, config.session
    if bool(server.tls_certificate) != bool(server.tls_key):
        raise ValueError("server.tls_certificate and server.tls_key go together: set both, or neither")
    if server.tls_certificate:
        server_context(Path(server.tls_certificate), Path(server.tls_key), time.time())
    elif not server.behind_proxy and not is_loopback(server.host):
        raise ValueError(
            f"server.host: {server.host} can be reached from other machines, in the clear; set "
            "server.tls_certificate and server.tls_key, or server.behind_proxy, or listen on 127.0.0.1"
        )
    _check_proxies("server", server.trusted_proxies, behind_proxy=server.behind_proxy)
    _check_public(config)
    _check_names(config)
    _check_briefs(config)
    _check_calendar(config.commitments)
    health_policy(config.relationships)
    if session.liveness_timeout <= max(session.heartbeat_interval, session.ping_interval):
        raise ValueError(
            "session.liveness_timeout must be more than heartbeat_interval and ping_interval, "
            "or every quiet connection is closed: raise it"
        )
    _check_storage(config.storage)


def _check_storage(storage: StorageSettings) -> None:
    """Raise ValueError, in one line, for a store that cannot keep what is claimed, and for a password given twice."""
    if not storage.shared:
        if storage.durability not in ("auto", "fsync"):
            raise ValueError(
                "storage.durability: the embedded engine syncs each change to its disk and knows no "
                f'"{storage.durability}"; set "auto", or a Redis as storage.engine'
            )
        return
    redis_hosts(storage.engine)
    user, _, password = storage.engine.partition("://")[2].rpartition("@")[0].partition(":")
    given = [bool(password), bool(storage.redis_password), bool(storage.redis_password_file)]
    if sum(given) > 1:
        raise ValueError(
            "the password of Redis is given twice: keep one of DOSSIER_STORAGE__REDIS_PASSWORD, "
            "storage.redis_password_file and the address in storage.engine"
        )
    if user and storage.redis_user and user != storage.redis_user:
        raise ValueError("storage.redis_user is not the user in the address of storage.engine: keep one of them")
    for key in ("redis_password_file", "redis_ca_file"):
        file = getattr(storage, key)
        if file and not Path(file).is_file():
            raise ValueError(f"storage.{key}: {file} is no file; correct its path")
    if storage.redis_ca_file and not storage.engine.startswith("rediss"):
        raise ValueError("storage.redis_ca_file is for TLS: begin storage.engine with rediss, or leave it empty")


def _check_calendar(calendar: CommitmentSettings) -> None:
    """Raise ValueError, in one line, for a time zone that is not known, and for hours and days that do not follow."""
    try:
        ZoneInfo(calendar.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"commitments.time_zone: {calendar.time_zone} is not known here; give one such as Asia/Riyadh"
        ) from None
    if calendar.opens >= calendar.closes:
        raise ValueError("commitments.opens must be before commitments.closes")
    for kind, (first, second, third) in calendar.days_before.items():
        if not first >= second >= third:
            raise ValueError(f"commitments.days_before.{kind}: the days must become fewer from level to level")


def _check_names(config: Tables) -> None:
    """Raise ValueError, in one line, for hosts that cannot be reached by name and for empty lists of origins."""
    server = config.server
    for name, hosts in (("server", server.allowed_hosts), ("dashboard", config.dashboard.allowed_hosts)):
        try:
            parse_hosts(hosts)
        except ValueError as wrong:
            raise ValueError(f"{name}.allowed_hosts: {wrong}") from None
    if not server.allowed_hosts:
        raise ValueError("server.allowed_hosts is empty: no client could connect; name the service's own hosts")
    if server.production and not server.allowed_origins:
        raise ValueError("server.allowed_origins is empty: name the sites whose pages may connect")


def _check_briefs(config: Tables) -> None:
    """Raise ValueError, in one line, for a language model that cannot be asked."""
    chat = config.briefs.chat
    if chat.api_key and chat.api_key_file:
        raise ValueError("DOSSIER_BRIEFS__CHAT__API_KEY and briefs.chat.api_key_file are both set: keep one")
    if chat.api_key_file and not Path(chat.api_key_file).is_file():
        raise ValueError(f"briefs.chat.api_key_file: {chat.api_key_file} is no file; name the one that holds the key")
    if chat.endpoint and not chat.model:
        raise ValueError("briefs.chat.endpoint needs briefs.chat.model: the name of the model there")
    if config.briefs.generator == "chat" and not chat.endpoint:
        raise ValueError('briefs.generator is "chat": set briefs.chat.endpoint, or take "template"')


def _check_public(config: Tables) -> None:
    """Raise ValueError, in one line, for metrics open to strangers and for an expired security.txt."""
    metrics, security = config.metrics, config.security_txt
    if metrics.token and metrics.token_file:
        raise ValueError("DOSSIER_METRICS__TOKEN and metrics.token_file are both set: keep one")
    guarded = metrics.token or metrics.token_file
    if config.server.production and metrics.host and not guarded and not _is_internal(metrics.host):
        raise ValueError(
            f"metrics.host: strangers could reach {metrics.host}; name one internal address of this machine, "
            "such as 127.0.0.1 or 10.0.0.5, or set metrics.token_file"
        )
    if security.contact or security.expires:
        try:
            date.fromisoformat(security.expires)
        except ValueError:
            raise ValueError(
                "security_txt.expires is no date: give the day until which it holds, as 2027-06-30"
            ) from None


def check_dashboard(config: Tables) -> None:
    """Raise ValueError, in one line, for a dashboard open to other machines or without a way to log in."""
    dashboard = config.dashboard
    if not dashboard.behind_proxy and not is_loopback(dashboard.host):
        raise ValueError(
            f"dashboard.host: {dashboard.host} can be reached from other machines, in the clear; "
            "set dashboard.behind_proxy, or listen on 127.0.0.1"
        )
    _check_proxies("dashboard", dashboard.trusted_proxies, behind_proxy=dashboard.behind_proxy)
    _check_oidc(config)


def _check_proxies(table: str, proxies: Collection[str], *, behind_proxy: bool) -> None:
    """Raise ValueError, in one line, for proxies that are no networks, and for a proxy that is not named."""
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            raise ValueError(f"{table}.trusted_proxies: {proxy} is no network; write it as 10.1.0.0/16") from None
    if behind_proxy and not proxies:
        raise ValueError(f"{table}.trusted_proxies is empty: name the addresses of the proxy in front")


def _check_oidc(config: Tables) -> None:
    """Raise ValueError, in one line, for an identity provider that no login can succeed with."""
    dashboard, oidc = config.dashboard, config.dashboard.oidc
    if not oidc.issuer:
        return
    if not is_safe_url(oidc.issuer):
        raise ValueError("dashboard.oidc.issuer must begin with https:// (http:// only for a loopback address)")
    if not oidc.client_id:
        raise ValueError("dashboard.oidc.client_id is empty: register the dashboard at the provider, and give its id")
    if "openid" not in oidc.scopes:
        raise ValueError('dashboard.oidc.scopes lacks "openid": add it, or the provider does not speak OpenID Connect')
    if oidc.client_secret and oidc.client_secret_file:
        raise ValueError(
            "DOSSIER_DASHBOARD__OIDC__CLIENT_SECRET and dashboard.oidc.client_secret_file are both set: keep one"
        )
    if oidc.client_secret and (weak := weakness(oidc.client_secret, TOKEN_BYTES) or guessable(oidc.client_secret)):
        raise ValueError(f"DOSSIER_DASHBOARD__OIDC__CLIENT_SECRET {weak}: give the one that the provider made")
    if not dashboard.allowed_origins:
        raise ValueError("dashboard.allowed_origins is empty: name the address that the provider sends people back to")
    if config.auth.symmetric and not dashboard.service:
        raise ValueError(
            "dashboard.oidc: the service must take the provider's tokens; set auth.algorithms and auth.jwks_url"
        )


def _is_internal(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return is_loopback(host)
    return (address.is_private or is_loopback(host)) and not address.is_unspecified
