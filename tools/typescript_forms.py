"""The form of every message of the service, as the TypeScript client checks it: `sdk/typescript/src/client/forms.ts`.

A form names the members of an object, each with `:`, or `?` where it may be left out or null, and the kind of its
value. Checked is what the client itself acts on: of an event, a comment or a format it hands the object on. Values
that a later version may add to (`status` and others) are texts; ranges are the service's matter.
"""

from __future__ import annotations

from typing import Final, cast, get_args, get_type_hints

import msgspec
import msgspec.inspect as kinds

from app.core.schema.messages import messages
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from dossier_realtime.protocol.events import OpsStatsPayload, Publishable
from dossier_realtime.protocol.responses import FormatRun, SettingsPayload

_HEAD: Final = """\
// Made from the message types of the service by `make generate`: change those, not this file.

/**
 * The form of every message, by its `type`: members, each with `:`, or `?` where it may be left out, and its kind.
 * `s` text, `a|b` one of these, `c` colour, `n` count, `z` integer, `f` number, `b` boolean, `o` object, `*` any value,
 * `[` list of what follows, or the number of a form in `parts`.
 */
export const forms: Readonly<Record<string, string>> = {
"""
_PARTS: Final = "};\n\n/** The forms of objects within messages. */\nexport const parts: readonly string[] = [\n"
_HANDED_ON: Final = frozenset[type](
    (
        *(Attributes, DocumentCommentPayload, FormatRun, OpsStatsPayload, SettingsPayload),
        *(get_type_hints(event)["payload"] for event in get_args(Publishable)),
    )
)

_CLOSED: Final = ("operation_type",)  # without its meaning the text cannot be followed


class _Parts:
    """The forms of objects within messages, in the order in which they were met."""

    def __init__(self) -> None:
        self._numbers: dict[type[msgspec.Struct], int] = {}
        self.forms: list[str] = []

    def form(self, struct: type[msgspec.Struct]) -> str:
        """Return the form of an object."""
        info = cast("kinds.StructType", kinds.type_info(struct))
        return " ".join(self._member(struct, field) for field in info.fields)

    def _number(self, struct: type[msgspec.Struct]) -> str:
        if struct in _HANDED_ON:
            return "o"
        if struct not in self._numbers:
            number = self._numbers[struct] = len(self.forms)
            self.forms.append("")  # it may hold itself
            self.forms[number] = self.form(struct)
        return str(self._numbers[struct])

    def _member(self, owner: type[msgspec.Struct], field: kinds.Field) -> str:
        kind, nullable = self._kind(field.type)
        if field.name in _CLOSED:
            kind = "|".join(get_args(get_type_hints(owner)[field.name]))
        return f"{field.encode_name}{':' if field.required and not nullable else '?'}{kind}"

    def _kind(self, given: kinds.Type) -> tuple[str, bool]:
        """Return the kind of a value, and whether it may be null."""
        match given:
            case kinds.Metadata(type=inner):
                return self._kind(inner)
            case kinds.UnionType(types=several):
                those = [each for each in several if not isinstance(each, kinds.NoneType)]
                found = {self._kind(each)[0] for each in those}
                return found.pop() if len(found) == 1 else "*", len(those) < len(several)
            case kinds.StructType(cls=struct):
                return self._number(struct), False
            case kinds.ListType(item_type=item) | kinds.VarTupleType(item_type=item):
                return f"[{self._kind(item)[0]}", False
            case _:
                return _single(given), False


def forms() -> str:
    """Return the text of `client/forms.ts`."""
    parts = _Parts()
    made = {message.type: parts.form(message.struct) for message in messages() if message.direction == "server"}
    rows = "".join(f'  {name}: "{form}",\n' for name, form in made.items())
    inner = "".join(f'  "{form}",\n' for form in parts.forms)
    return f"{_HEAD}{rows}{_PARTS}{inner}];\n"


def _single(given: kinds.Type) -> str:
    match given:
        case kinds.StrType(pattern=pattern):
            return "c" if pattern is not None and pattern.startswith("^#") else "s"
        case kinds.LiteralType(values=values):
            return "s" if all(isinstance(each, str) for each in values) else "*"
        case kinds.EnumType(cls=kind):
            return "s" if issubclass(kind, str) else "*"
        case kinds.IntType(ge=least):
            return "n" if least is not None and least >= 0 else "z"
        case kinds.FloatType():
            return "f"
        case kinds.BoolType():
            return "b"
        case kinds.DictType():
            return "o"
        case _:
            return "*"
