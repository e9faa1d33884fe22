"""The TypeScript types of every message, from the Structs of the protocol: `sdk/typescript/src/protocol.ts`.

The names of annotations carry what their values do not: an `Id` of a field `user_id` becomes a `UserId`, a `Timestamp`
says that it counts Unix seconds. No name shadows one that browsers have (`Error`, `Event`, `Notification`, `Text`).
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from app.core.schema.messages import Message, camel_case, messages
from dossier_realtime.protocol.documents import snapshots
from dossier_realtime.protocol.documents.cursor_colors import CURSOR_COLORS
from dossier_realtime.protocol.errors import MEANINGS, CloseCode, ErrorCode
from dossier_realtime.protocol.events import Publishable
from dossier_realtime.protocol.fields import Actor, Localized
from dossier_realtime.protocol.http import revisions
from dossier_realtime.protocol.http.comments import CommentPage
from dossier_realtime.protocol.http.forms import DocumentAnswer
from dossier_realtime.protocol.http.pair_forms import DocumentPairAnswer, MarkedClauses

_RENAMED = {
    "Highlight": "HighlightColor",
    "Position": "HistoryPosition",
    "Text": "LocalizedText",
    "Action": "NotificationAction",
}
_NUMBERS = {
    "Timestamp": "Unix time in whole seconds.",
    "StampedTime": "Unix time in whole seconds; the server writes it.",
    "Milliseconds": "Milliseconds.",
    "Percentage": "Per cent, 0 to 100.",
    "Fraction": "0 to 1.",
    "UnitOffset": "UTF-16 code units.",
    "UnitLength": "UTF-16 code units.",
    "LeaseSeconds": "Seconds.",
    "Count": "",
    "Integer": "",
    "Score": "0 to 100.",
}
_SECONDS = frozenset({"expires_in", "reset_in", "retry_after", "heartbeat_interval", "window"})
_TEXTS = {
    "Date": "A day: YYYY-MM-DD.",
    "Link": "A path within the product, or an https address.",
    "CursorColor": "`#rrggbb`.",
}
_OVER_HTTP = (  # what the package's calls answer with
    CommentPage,
    DocumentAnswer,
    DocumentPairAnswer,
    MarkedClauses,
    revisions.DocumentDifference,
    revisions.DocumentRevisions,
    revisions.NamedDocumentVersions,
    revisions.RestoredVersion,
    snapshots.KeptSnapshots,
    snapshots.SignedSnapshot,
)
_IDS_OF = {
    "updated_by": "user",
    "assigned_to": "user",
    "acknowledged_by": "user",
    "changed_by": "user",
    "counterpart": "document",
}
_WRITTEN_BY_SERVER = ("StampedTime", "StampedUser", "StampedActor")
_PLACES = frozenset({"position", "selection_length", "length"})
_TYPING = frozenset({"UnsetType", "None"})

_HEAD = """\
// Made from the message types of the service by `make generate`: change those, not this file.

declare const brand: unique symbol;

/** A string with a meaning of its own: each kind of id is a type, and no other string is one by accident. */
export type Branded<Kind extends string> = string & { readonly [brand]: Kind };

/** The name of a channel, such as `dossier:country:SA`. */
export type ChannelName =
  | `dossier:${string}:${string}`
  | `document:${string}`
  | `workspace:${string}`
  | `user:${string}`
  | `relationship:${string}`
  | "global"
  | `ops:${string}`;
"""


@dataclass(slots=True)
class _Side:
    """The parts of one direction. A client writes plain strings, and may leave out what the server writes."""

    client: bool
    brands: set[str]
    literals: dict[str, str]
    made: dict[str, str] = field(default_factory=dict)

    def name(self, struct: type[Struct]) -> str:
        name = _RENAMED.get(struct.__name__, struct.__name__)
        return f"{name}Input" if self.client and _differs(struct) else name

    def of(self, struct: type[Struct]) -> str:
        name = self.name(struct)
        if name not in self.made:
            self.made[name] = ""  # it may hold itself
            self.made[name] = self.part(name, struct)
        return name

    def part(self, name: str, struct: type[Struct]) -> str:
        kinds = get_args(_hints(struct).get("operation_type"))
        if "batch" not in kinds or struct.__name__ == "FlatOperation":
            return self.interface(name, struct)
        singles = " | ".join(f'"{kind}"' for kind in kinds if kind != "batch")
        stem = name.removesuffix("Input").removesuffix("Payload")
        tail = name.removeprefix(stem)
        single = self.interface(f"{stem}Single{tail}", struct, {"operation_type": singles, "operations": "never"})
        batch = self.interface(f"{stem}Batch{tail}", struct, {"operation_type": '"batch"', "position": "never"})
        either = f"{_comment(_doc(struct))}export type {name} = {stem}Single{tail} | {stem}Batch{tail};\n"
        return f"{single}\n{batch}\n{either}"

    def interface(self, name: str, struct: type[Struct], forced: dict[str, str] | None = None) -> str:
        lines = []
        for part in msgspec.structs.fields(struct):
            text = self.member(struct, part, (forced or {}).get(part.name))
            lines += [text] if text else []
        return f"{_comment(_doc(struct))}export interface {name} {{\n{''.join(lines)}}}\n"

    def member(self, struct: type[Struct], part: msgspec.structs.FieldInfo, forced: str | None) -> str:
        if forced == "never":
            return ""
        owner, annotation = _annotation(struct, part.name)
        node = ast.parse(annotation, mode="eval").body
        type_, unit, nullable = self.kind(node, owner, part.name)
        required = part.required or part.default == -1
        if forced is not None:
            type_ = forced
        if part.name == "position" and forced is None and part.default == -1:
            required = True
        if part.name == "operations" and forced is None and "operation_type" in struct.__struct_fields__:
            required, nullable = True, False
        stamped = any(word in annotation for word in _WRITTEN_BY_SERVER)
        if self.client and stamped:
            required = False
        keeps_null = nullable and (
            part.required or "UnsetType" in annotation or not struct.__struct_config__.omit_defaults
        )
        comment = f"  /** {unit} */\n" if unit else ""
        end = " | null" if keeps_null else ""
        name = f"{'' if self.client else 'readonly '}{part.encode_name}{'' if required else '?'}"
        return f"{comment}  {name}: {type_}{end};\n"

    def kind(self, node: ast.expr, owner: type[Struct], name: str) -> tuple[str, str, bool]:
        """Return the type in TypeScript, its unit, and whether it may be null."""
        if isinstance(node, ast.BinOp):
            left, left_unit, left_null = self.kind(node.left, owner, name)
            right, right_unit, right_null = self.kind(node.right, owner, name)
            kinds = [kind for kind in (left, right) if kind]
            return " | ".join(dict.fromkeys(kinds)), left_unit or right_unit, left_null or right_null
        if isinstance(node, ast.Constant):
            return "", "", True
        if isinstance(node, ast.Subscript):
            outer = node.value.id if isinstance(node.value, ast.Name) else ""
            inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if outer == "Literal":
                return " | ".join(ast.unparse(each).replace("'", '"') for each in inner), "", False
            if outer in ("OrNull", "Annotated"):
                return self.kind(inner[0], owner, name)
            if outer == "dict":
                value, _, null = self.kind(inner[1], owner, name)
                return f"Readonly<Record<string, {value}{' | null' if null else ''}>>", "", False
            item, unit, null = self.kind(inner[0], owner, name)
            item += " | null" if null else ""
            item = f"({item})" if " " in item and not item.startswith(("Readonly<", "ReadonlyArray<")) else item
            return f"readonly {item}[]", unit, False
        if not isinstance(node, ast.Name):
            raise TypeError(f"{owner.__name__}.{name}: {ast.unparse(node)} has no form in TypeScript yet; add one")
        return self.named(node.id, owner, name)

    def named(self, alias: str, owner: type[Struct], name: str) -> tuple[str, str, bool]:
        if alias in _TYPING:
            return "", "", False
        if alias in _NUMBERS:
            unit = _NUMBERS[alias] or ("Seconds." if name in _SECONDS else "")
            unit = unit or ("UTF-16 code units." if name in _PLACES and alias == "Count" else "")
            return "number", unit, False
        if alias in ("int", "float"):
            return "number", "Seconds." if name in _SECONDS else "", False
        if alias in ("str", "bool"):
            return {"str": "string", "bool": "boolean"}[alias], "", False
        if alias in ("Id", "StampedUser", "OperationId", "EntryId", "EpochName"):
            return self.id(alias, name), "", False
        if alias == "ChannelField":
            return "string" if self.client else "ChannelName", "", False
        if alias in _TEXTS:
            return "string", _TEXTS[alias], False
        if alias == "StampedActor":
            return self.of(Actor), "", False
        if alias == "Text":
            self.of(Localized)
            return "LocalizedText", "", False
        value = vars(sys.modules[owner.__module__]).get(alias)
        return self.valued(alias, value, owner, name)

    def valued(self, alias: str, value: Any, owner: type[Struct], name: str) -> tuple[str, str, bool]:
        if isinstance(value, type) and issubclass(value, Struct):
            return self.of(value), "", False
        if isinstance(value, type) and issubclass(value, Enum):
            return alias, "", False
        if get_origin(value) is Literal:
            self.literals[_RENAMED.get(alias, alias)] = " | ".join(f'"{each}"' for each in get_args(value))
            return _RENAMED.get(alias, alias), "", False
        base = value
        while get_origin(base) not in (None, tuple, list) and hasattr(base, "__origin__"):
            base = base.__origin__
        if get_origin(base) is tuple:
            return f"readonly {self.of(get_args(base)[0])}[]", "", False
        if base not in (str, int, float):
            raise TypeError(
                f"{owner.__name__}.{name}: {alias} has no form in TypeScript yet; add one to _NUMBERS or _TEXTS"
            )
        return "string" if base is str else "number", "Seconds." if name in _SECONDS else "", False

    def id(self, alias: str, name: str) -> str:
        if self.client or name in ("offset", "id", "returned"):
            return "string"
        stem = _IDS_OF.get(name, name.removesuffix("_id"))
        brand = "OperationId" if alias == "OperationId" else f"{camel_case(stem)}Id"
        if alias == "EpochName":
            brand = "string"
        if brand != "string":
            self.brands.add(brand)
        return brand


def protocol() -> str:
    """Return the text of `protocol.ts`."""
    brands: set[str] = set()
    literals: dict[str, str] = {}
    server, client = _Side(False, brands, literals), _Side(True, brands, literals)
    server_messages = [(each, _message(server, each)) for each in messages() if each.direction == "server"]
    for struct in _OVER_HTTP:
        server.of(struct)
    client_messages = [(each, _message(client, each)) for each in messages() if each.direction == "client"]
    parts = {**server.made, **{name: text for name, text in client.made.items() if name not in server.made}}
    publishable = {message.__struct_config__.tag for message in get_args(Publishable)}
    return "\n".join(
        [
            _HEAD,
            *(f'export type {brand} = Branded<"{brand}">;' for brand in sorted(brands)),
            "",
            *(f"export type {name} = {values};" for name, values in sorted(literals.items())),
            "",
            "/** A text for people: one string, or both languages. */",
            "export type LocalizedText = string | Localized;",
            "",
            _enum("ErrorCode", ErrorCode, "The code of an `error` message, and of every HTTP error body."),
            _enum(
                "CloseCode", CloseCode, "The close codes of a socket: their range decides whether a client comes back."
            ),
            _connection_states(),
            *(text for _, text in sorted(parts.items())),
            *(text for _, text in (*server_messages, *client_messages)),
            _table("ServerMessages", "Every message of the service, by its `type`.", server_messages, "Message"),
            "/** Every message of the service; `type` tells them apart. */",
            "export type ServerMessage = ServerMessages[keyof ServerMessages];",
            "",
            "/** The `type` of a message of the service. */",
            "export type ServerMessageType = keyof ServerMessages;",
            "",
            _table("ClientMessages", "Every message of a client, by its `type`.", client_messages, "Command"),
            "/** Every message of a client; `type` tells them apart. */",
            "export type ClientMessage = ClientMessages[keyof ClientMessages];",
            "",
            "/** The events that a client with `write` on their channel may send itself. */",
            "export type PublishableType =",
            *(f'  | "{each.type}"' for each, _ in client_messages if each.type in publishable),
            "  ;",
            "",
            "/** An event as a client sends it. */",
            "export type PublishableEvent = ClientMessages[PublishableType];",
            "",
        ]
    )


def cursor_colors() -> str:
    """Return the text of `documents/cursor_colors.ts`: the colours that the service gives to cursors."""
    rows = "".join(f'  "{color}",\n' for color in CURSOR_COLORS)
    return (
        "// Made from the colours of the service by `make generate`: change those, not this file.\n\n"
        "/** White text on these, and these on white paper, has a contrast of 4.5 to 1 or more (WCAG 2.2, 1.4.3). */\n"
        f"export const CURSOR_COLORS: readonly string[] = [\n{rows}];\n"
    )


def _message(side: _Side, message: Message) -> str:
    suffix = "Command" if side.client else "Message"
    name = f"{camel_case(message.type)}{suffix}"
    struct = message.struct if not message.struct.__name__.startswith("Inbound") else message.struct.__mro__[1]
    lines = [f'  {"" if side.client else "readonly "}type: "{message.type}";\n']
    for part in msgspec.structs.fields(struct):
        if side.client and part.name == "offset":
            continue
        lines.append(side.member(struct, part, None))
    if side.client and struct is not message.struct:
        lines += ["  ref?: string;\n", "  idempotency_key?: string;\n"]
    return f"{_comment(_doc(message.struct))}export interface {name} {{\n{''.join(lines)}}}\n"


def _table(name: str, words: str, rows: list[tuple[Message, str]], suffix: str) -> str:
    lines = [f"  {each.type}: {camel_case(each.type)}{suffix};\n" for each, _ in rows]
    return f"/** {words} */\nexport interface {name} {{\n{''.join(lines)}}}\n"


def _enum(name: str, kind: type[ErrorCode | CloseCode], words: str) -> str:
    lines = []
    for each in kind:
        value = f'"{each.value}"' if isinstance(each.value, str) else str(each.value)
        lines.append(f"  /** {MEANINGS[each]} */\n  {each.name}: {value},\n")
    return (
        f"/** {words} */\nexport const {name} = {{\n{''.join(lines)}}} as const;\n"
        f"export type {name} = (typeof {name})[keyof typeof {name}];\n"
    )


def _connection_states() -> str:
    struct = next(each.struct for each in messages() if each.name == "server.connection_state")
    states = get_args(_hints(struct)["state"])
    lines = "".join(f'  {state.upper()}: "{state}",\n' for state in states)
    return (
        f"/** The six states of a connection. */\nexport const ConnectionState = {{\n{lines}}} as const;\n"
        "export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];\n"
    )


def _hints(struct: type[Struct]) -> dict[str, Any]:
    return {part.name: part.type for part in msgspec.structs.fields(struct)}


def _annotation(struct: type[Struct], name: str) -> tuple[type[Struct], str]:
    """Return the annotation as it is written, and the Struct that has it."""
    for owner in struct.__mro__:
        text = inspect.get_annotations(owner).get(name)
        if isinstance(text, str):
            return owner, text
    raise TypeError(f"{struct.__name__}.{name} has no written annotation")


def _differs(struct: type[Struct]) -> bool:
    """Return True for a part that a client writes in another form than it reads."""
    return (
        any(
            word in _annotation(struct, part.name)[1]
            for part in msgspec.structs.fields(struct)
            for word in (*_WRITTEN_BY_SERVER, "Id", "ChannelField")
        )
        or "operation_type" in struct.__struct_fields__
        or any(
            isinstance(part.type, type) and issubclass(part.type, Struct) and _differs(part.type)
            for part in msgspec.structs.fields(struct)
        )
    )


def _doc(struct: type[Struct]) -> str:
    text = inspect.getdoc(struct) or ""
    return "" if text.startswith(f"{struct.__name__}(") else text


def _comment(words: str) -> str:
    if not words:
        return ""
    lines = [
        line
        for part in re.sub(r"`([^`]*)`", r"`\1`", words).splitlines()
        for line in (textwrap.wrap(part, 116) or [""])
    ]
    if len(lines) == 1:
        return f"/** {lines[0]} */\n"
    return "/**\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"
