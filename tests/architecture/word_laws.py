"""The laws of words: sentences begin with their subject, and a name that was replaced does not come back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.tree import Module, Tree

_RELATIVE = re.compile(r"\W*(What|Who|Whom|Whose|Whether|How|Where)\b")

RETIRED: dict[str, str] = {
    "Conduct": "EffectRunner",
    "undertake": "execute",
    "Witness": "Recorder",
    "obey": "handle",
    "except_user": "exclude_user",
    "Volatile": "ConflatableFrame",
    "MAKES": "BACKENDS",
    "Placed": "PublishResult",
    "Submission": "EditSubmission",
    "Manuscript": "VersionedDocument",
    "Standing": "AlertStatus",
    "Alerted": "AlertRecipient",
    "BriefStep": "BriefTransition",
    "HandToDomain": "DomainCommand",
    "ProbePeer": "SendPing",
    "Draft": "InboundMessage",
    "Answer": "Response",
    "Doorkeeper": "HostPolicy",
    "Guarded": "GuardedHandler",
    "Bearer": "AuthenticatedHandler",
    "Addresses": "ConnectionQuota",
    "Bodies": "BodyQuota",
    "ChannelAdministration": "ChannelAdmin",
    "SettingsStore": "ChannelSettingsStore",
    "let_in": "authenticate",
    "knock": "probe",
    "Alive": "HealthHandler",
    "Measured": "MetricsHandler",
    "Described": "SchemaHandler",
    "companion": "dashboard_process",
    "Intent": "Effect",
    "Driver": "ConnectionRunner",
    "Outgoing": "PendingSend",
    "flying": "in_flight",
    "drafting": "outbound_frames",
    "Receiver": "SubscriptionState",
    "hear": "dispatch, or receive",
    "forsaken": "detached",
    "astray": "out_of_sync",
    "put_away": "close",
    "Veil": "ClearanceFilter",
    "veiled": "redacted",
    "Digest": "OpsAggregator",
    "looks": "display_options",
    "visitors": "login_sessions",
    "Journey": "PendingLogin",
    "Kept": "BoundedDict",
    "Told": "TailMessage",
    "Desk": "Participant",
    "desk": "participant",
    "surprise": "violation",
    "surprises": "violations",
    "misbehaviour": "abuse_scenarios",
    "fleet": "load_clients",
    "Company": "BackgroundClients",
    "company": "clients",
    "offices": "client_harness",
    "Paper": "DocumentService",
    "papers": "document_service",
    "Talk": "SessionDriver",
    "talk": "driver",
    "Lab": "JupyterServer",
    "lab": "jupyter_server",
}
"""Names that the field has a better word for, and that word."""

RETIRED_CONSTANTS: dict[str, str] = {
    "MOST": "MAX_…",
    "PATIENCE": "…_TIMEOUT_SECONDS",
    "LOOK": "POLL_SECONDS",
    "LOOKS": "MAX_POLLS",
    "ECHO": "MAX_QUOTED_…",
    "COURTESY": "…_SECONDS",
    "SENTENCE": "MAX_…_CHARACTERS",
}
"""Names of constants, with or without underscores, that say neither unit nor bound."""


def docstrings_name_their_subject(tree: Tree) -> Iterator[str]:
    """Yield each docstring that begins with a relative word, and so leaves its subject to the reader."""
    for module in tree.values():
        if module.name.rpartition(".")[2].startswith("test_"):
            continue
        for line, text in _docstrings(module.tree):
            if found := _RELATIVE.match(text):
                yield f"{module.name}, line {line}, begins with “{found[1]}”: say “Return …”, or a noun"


def retired_names_stay_retired(tree: Tree) -> Iterator[str]:
    """Yield each identifier and module with a name of `RETIRED`, and the word in its place."""
    for module in tree.values():
        for name in sorted({*_identifiers(module), *module.name.split(".")}):
            if better := _better(name):
                yield f"{module.name} uses the name {name}: the word is {better}"


LAWS = (docstrings_name_their_subject, retired_names_stay_retired)


def _better(name: str) -> str | None:
    if re.fullmatch(r"_?[A-Z]\w*Door", name):
        return f"{name.removesuffix('Door')}Handler"
    return RETIRED.get(name) or RETIRED_CONSTANTS.get(name.strip("_"))


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield each docstring, of attributes and fields too, with its line."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        before: ast.stmt | None = None
        for statement in body:
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))) if (
                    documented if before is None else isinstance(before, ast.Assign | ast.AnnAssign)
                ):
                    yield statement.lineno, text
                case _:
                    pass
            before = statement


def _identifiers(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        match node:
            case (
                ast.Name(id=name)
                | ast.Attribute(attr=name)
                | ast.arg(arg=name)
                | ast.keyword(arg=str(name))
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                yield name
            case ast.alias(name=name, asname=alias):
                yield from name.split(".")
                if alias is not None:
                    yield alias
            case _:
                pass
