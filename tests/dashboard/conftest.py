"""One service, one dashboard, one run of the demo and one Chromium for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.dashboard.chromium import chromium
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.identity_provider import Provider
from tests.dashboard.oidc_logins import oidc_settings
from tests.demo.demo_run import record_demo
from tests.harness.service import Service

DEMO_SECONDS = 10


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a running service."""
    with Service(tmp_path_factory.mktemp("watched") / "data") as running:
        yield running
    running.assert_log_clean()


@pytest.fixture(scope="session")
def dashboard(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Return a dashboard of that service."""
    with Dashboard(service, tmp_path_factory.mktemp("dashboard")) as running:
        yield running
    running.assert_log_clean()


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """Return a running identity provider."""
    with Provider() as running:
        yield running


@pytest.fixture(scope="session")
def oidc_service(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service that verifies tokens by the provider's key set."""
    settings = {
        "auth.algorithms": ["RS256"],
        "auth.jwks_url": f"{provider.issuer}/jwks",
        "auth.issuer": provider.issuer,
        "auth.audience_list": True,
    }
    data = tmp_path_factory.mktemp("oidc_service") / "data"
    with Service(data, settings, environment={"DOSSIER_AUTH__SECRET": None}) as running:
        yield running
    running.assert_log_clean()


@pytest.fixture(scope="session")
def oidc_dashboard(
    provider: Provider, oidc_service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """Return a dashboard with a login through the provider."""
    folder = tmp_path_factory.mktemp("oidc_dashboard")
    with Dashboard(oidc_service, folder, oidc_settings(provider, folder)) as running:
        provider.redirect_uris.add(f"{running.url}/login/oidc/callback")
        yield running
    running.assert_log_clean()


@pytest.fixture(scope="session")
def demo_run(service: Service, dashboard: Dashboard) -> None:
    """Run the demo against the service to its end, while the dashboard watches."""
    record_demo(service, DEMO_SECONDS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return the Chromium of the system, for one file at a time: while it runs, this thread has an event loop."""
    with chromium() as running:
        yield running
