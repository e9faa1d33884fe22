"""Checkpoints: what whoever holds the folder can redo, they show; and where they are sent."""

from __future__ import annotations

import asyncio
import base64
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from app.journal import store
from app.journal.signatures.checkpoints import Checkpointer, CheckpointSchedule
from app.journal.signatures.rotation import rotate
from app.journal.signatures.signing import (
    PRIVATE,
    PUBLIC,
    KeyPlace,
    Signer,
    named_key,
    open_signer,
    write_key,
    write_public,
)
from app.journal.signatures.sinks import Sink, to_file, to_hook, to_syslog
from app.journal.writer import Journal
from dossier_realtime.archive.folder import verify_node
from dossier_realtime.archive.keys import check_by_bytes, named_check
from dossier_realtime.recording.entry import (
    GENESIS,
    Head,
    Header,
    SegmentHeader,
    encode_entry,
    encode_head,
    encode_segment_header,
    segment_name,
)
from dossier_realtime.recording.proof.checkpoint import Checkpoint, Outside, checkpoint_of, read_checkpoints
from dossier_realtime.recording.proof.signed import Purpose, signed_text
from dossier_realtime.recording.proof.verify import Report
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT, Service
from tests.harness.tokens import SECRET
from tests.journal.folders import NODE, entries, until

HERE = KeyPlace()


def vouched(data: Path, sinks: list[Sink], rounds: int = 4, *, into_chain: bool = True) -> None:
    """A journal with a checkpoint after every ten entries, and one of its end."""
    folder = data / "journal"
    signer = open_signer(data, HERE, named_key(folder, NODE))
    journal = Journal(folder, NODE, about={"key": signer.fingerprint}, sync_seconds=0.01)
    told = Checkpointer(
        folder,
        NODE,
        signer,
        sinks,
        lambda detail: journal.record("checkpoint", detail=detail) if into_chain else None,
        CheckpointSchedule(0, 1),
    )
    for number in range(rounds):
        for place in range(10):
            journal.record("fanout", channel="global", commit=number * 10 + place + 1, frame=f'{{"number":{number}}}')
        until(lambda: journal.waiting == 0)
        before = told.made
        while told.made == before:
            asyncio.run(told.look())
    assert journal.close() == 0
    told.close()


def outside(file: Path, *keys: Path) -> Outside:
    with file.open("rb") as lines:
        links = {told.seq: told.link for told in read_checkpoints(lines)[0]}
    return Outside(links, dict(map(named_check, keys)), check_by_bytes)


def rewritten(folder: Path, change: Callable[[list[tuple[Header, bytes | None]]], None]) -> None:
    """The folder as whoever holds it can make it anew: every link and the head hold."""
    found = [(entry.header, entry.frame) for entry in entries(folder)]
    change(found)
    for path in store.segment_paths(folder, NODE):
        path.unlink()
    line, link = encode_segment_header(SegmentHeader(1, NODE, 1, GENESIS.hex(), 0), GENESIS)
    made = [line]
    for seq, (header, frame) in enumerate(found, 1):
        fields = {name: getattr(header, name) for name in Header.__struct_fields__} | {"seq": seq}
        line, link = encode_entry(Header(**fields), frame, b"0" * 32, link)
        made.append(line)
    (folder / segment_name(NODE, 1)).write_bytes(b"".join(made))
    (folder / f"{NODE}.head").write_bytes(encode_head(Head(len(found), link.hex())))


def cut(found: list[tuple[Header, bytes | None]]) -> None:
    del found[-5:]


def without_one(found: list[tuple[Header, bytes | None]]) -> None:
    del found[7]


def another_word(found: list[tuple[Header, bytes | None]]) -> None:
    found[7] = (found[7][0], b'{"number":"forged"}')


def own_key(found: list[tuple[Header, bytes | None]]) -> None:
    """Another key everywhere, and no checkpoint but by it."""
    found[:] = [(header, frame) for header, frame in found if header.kind != "checkpoint"]
    (header, frame), fields = found[0], {name: getattr(found[0][0], name) for name in Header.__struct_fields__}
    found[0] = (Header(**fields | {"detail": {**header.detail, "key": "0" * 64}}), frame)


@pytest.mark.parametrize("change", [cut, without_one, another_word, own_key])
def test_what_is_made_anew_passes_alone_and_not_against_checkpoints(
    tmp_path: Path, change: Callable[[list[tuple[Header, bytes | None]]], None]
) -> None:
    data, kept = tmp_path / "data", tmp_path / "elsewhere.ndjson"
    vouched(data, [Sink("file", to_file(kept))], into_chain=False)
    whole = verify_node(data / "journal", NODE, outside=outside(kept, data / PUBLIC))
    assert whole.ok, whole
    assert whole.vouched == whole.entries, "the end is vouched for when the service stops"
    rewritten(data / "journal", change)
    assert verify_node(data / "journal", NODE).ok, "the folder alone cannot show it"
    found = verify_node(data / "journal", NODE, outside=outside(kept))
    assert "checkpoint kept elsewhere" in str(found.fault)


@pytest.mark.parametrize("change", [without_one, another_word, own_key])
def test_checkpoints_in_the_chain_and_a_public_key_show_it_too(
    tmp_path: Path, change: Callable[[list[tuple[Header, bytes | None]]], None]
) -> None:
    data = tmp_path / "data"
    vouched(data, [])
    key = Outside({}, dict([named_check(data / PUBLIC)]), check_by_bytes)
    whole = verify_node(data / "journal", NODE, outside=key)
    assert whole.ok, whole
    assert whole.checkpoints == 4
    rewritten(data / "journal", change)
    found = verify_node(data / "journal", NODE, outside=key)
    assert found.fault is not None
    assert "another chain" in found.fault.what or "another signing key" in found.fault.what


def test_a_forged_checkpoint_in_the_chain_is_found(tmp_path: Path) -> None:
    data = tmp_path / "data"
    vouched(data, [])

    def forge(found: list[tuple[Header, bytes | None]]) -> None:
        del found[7]
        found[:] = [(header, frame) for header, frame in found if header.kind != "checkpoint"]
        made = [(header, frame) for header, frame in found]
        rewritten_links: list[str] = []
        link = encode_segment_header(SegmentHeader(1, NODE, 1, GENESIS.hex(), 0), GENESIS)[1]
        for seq, (header, frame) in enumerate(made, 1):
            fields = {name: getattr(header, name) for name in Header.__struct_fields__} | {"seq": seq}
            link = encode_entry(Header(**fields), frame, b"0" * 32, link)[1]
            rewritten_links.append(link.hex())
        stranger = Ed25519PrivateKey.generate()
        name = named_check(data / PUBLIC)[0]
        told = Checkpoint(NODE, len(made), rewritten_links[-1], 1.0, name)

        told = Checkpoint(NODE, told.seq, told.link, 1.0, name, base64.b64encode(stranger.sign(told.text)).decode())
        found.append((Header(0, "checkpoint", 1.0, detail=told.detail()), None))

    rewritten(data / "journal", forge)
    assert verify_node(data / "journal", NODE).ok
    key = Outside({}, dict([named_check(data / PUBLIC)]), check_by_bytes)
    assert "not by the key" in str(verify_node(data / "journal", NODE, outside=key).fault)


@pytest.mark.parametrize("purpose", ["export", "anchor", "checkpoint", "key"])
def test_a_signature_holds_for_its_purpose_alone(tmp_path: Path, purpose: Purpose) -> None:
    signer = Signer(tmp_path)
    _, check = named_check(signer.public)
    for other in ("export", "anchor", "checkpoint", "key"):
        assert check(signed_text(other, b"text"), signer.sign(purpose, b"text")) is (other == purpose)
    assert not check(b"text", signer.sign(purpose, b"text"))


# Keys


def verified(data: Path, *keys: Path) -> Report:
    return verify_node(data / "journal", NODE, outside=Outside({}, dict(map(named_check, keys)), check_by_bytes))


def test_a_missing_or_another_key_is_said_and_a_rotation_is_an_entry(tmp_path: Path) -> None:
    data = tmp_path / "data"
    vouched(data, [])
    old = tmp_path / "old.pub"
    shutil.copy(data / PUBLIC, old)
    private = (data / PRIVATE).read_bytes()
    (data / PRIVATE).unlink()
    with pytest.raises(store.JournalError, match="is missing, and the journal names one"):
        vouched(data, [])
    (data / PUBLIC).unlink()
    with pytest.raises(store.JournalError, match="is missing, and the journal names one"):
        vouched(data, [])
    write_key(data / PRIVATE, Ed25519PrivateKey.generate())
    with pytest.raises(store.JournalError, match="another one"):
        vouched(data, [])
    (data / PUBLIC).unlink(missing_ok=True)
    (data / PRIVATE).write_bytes(private)
    before = named_key(data / "journal", NODE)
    assert rotate(data, HERE) == {NODE: before}
    assert named_key(data / "journal", NODE) == Signer(data).fingerprint != before
    vouched(data, [])
    for keys in ([old], [data / PUBLIC], [old, data / PUBLIC]):
        found = verified(data, *keys)
        assert found.ok, (keys, found)
        assert found.checkpoints >= 4
    write_public(tmp_path / "stranger.pub", Ed25519PrivateKey.generate().public_key())
    assert "another signing key" in str(verified(data, tmp_path / "stranger.pub").fault)


def test_an_old_key_that_the_chain_does_not_name_changes_nothing(tmp_path: Path) -> None:
    data, kept, next_one = tmp_path / "data", tmp_path / "kept.pem", tmp_path / "next.pem"
    vouched(data, [])
    shutil.copy(data / PUBLIC, tmp_path / "old.pub")
    (data / PRIVATE).rename(kept)
    write_key(next_one, Ed25519PrivateKey.generate())
    place = KeyPlace(file=str(next_one))
    files = {path: path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}
    for wrong in (next_one, tmp_path / "stranger.pem"):
        if not wrong.exists():
            write_key(wrong, Ed25519PrivateKey.generate())
        with pytest.raises(store.JournalError, match=r"is another key .* name that key's file with --old"):
            rotate(data, place, old_file=wrong)
        assert {path: path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()} == files
    rotate(data, place, old_file=kept)
    assert verified(data, tmp_path / "old.pub").ok


def test_a_lost_key_is_told_to_be_lost_and_the_old_one_vouches_for_no_new_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    vouched(data, [])
    old = tmp_path / "old.pub"
    shutil.copy(data / PUBLIC, old)
    (data / PRIVATE).unlink()
    with pytest.raises(store.JournalError, match="--lost"):
        rotate(data, HERE)
    rotate(data, HERE, lost=True)
    vouched(data, [])
    assert verified(data, data / PUBLIC).ok
    assert "another signing key" in str(verified(data, old).fault)
    assert verified(data, old, data / PUBLIC).ok


SIGN = """
import base64, sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key
key = load_pem_private_key(open(sys.argv[1], "rb").read(), None)
sys.stdout.write(base64.b64encode(key.sign(sys.stdin.buffer.read())).decode() + "\\n")
"""


def test_a_command_signs_and_its_failure_is_said(tmp_path: Path) -> None:
    data, vault = tmp_path / "data", tmp_path / "vault"
    signer = Signer(vault)
    place = KeyPlace(command=f"{sys.executable} -c '{SIGN}' {vault / PRIVATE}", public=str(vault / PUBLIC))
    outer = open_signer(data, place)
    assert outer.fingerprint == signer.fingerprint
    assert outer.sign("export", b"text") == signer.sign("export", b"text")
    folder = data / "journal"
    journal = Journal(folder, NODE, about={"key": outer.fingerprint}, sync_seconds=0.01)
    kept = vault / PRIVATE
    aside = kept.rename(vault / "aside")
    told = Checkpointer(
        folder, NODE, outer, [], lambda detail: journal.record("checkpoint", detail=detail), CheckpointSchedule(0, 1)
    )
    for number in range(3):
        journal.record("fanout", channel="global", commit=number + 1, frame="{}")
    while not told.trouble:
        asyncio.run(told.look())
    assert "signer command failed" in told.trouble
    aside.rename(kept)
    while told.trouble:
        asyncio.run(told.look())
    journal.close()
    told.close()
    assert told.made == 2
    write_key(kept, Ed25519PrivateKey.generate())
    with pytest.raises(OSError, match="printed no signature by"):
        outer.sign("export", b"text")
    assert not (data / PRIVATE).exists()


def test_a_head_that_cannot_be_read_is_said_until_a_checkpoint_is_made(tmp_path: Path) -> None:
    data = tmp_path / "data"
    vouched(data, [], rounds=1, into_chain=False)
    folder = data / "journal"
    told = Checkpointer(folder, NODE, Signer(data), [], lambda detail: None, CheckpointSchedule(0, 1), lambda: 11)
    head = folder / f"{NODE}.head"
    aside = head.rename(folder / "aside")
    head.mkdir()
    with capture_logs() as logs:
        for _ in range(2):
            asyncio.run(told.look())
    assert ("could not be read" in told.trouble, told.made) == (True, 0)
    assert [line["log_level"] for line in logs] == ["error"]
    head.rmdir()
    aside.rename(head)
    asyncio.run(told.look())
    assert (told.trouble, told.made) == ("", 1)
    told.close()


# Where they are sent


def test_syslog_gets_each_as_a_line_that_verify_reads(tmp_path: Path) -> None:
    address = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(address)
        vouched(tmp_path / "data", [Sink("syslog", to_syslog(f"unix:{address}"))])
        lines = [log.recv(4096) for _ in range(5)]
    assert all(line.startswith(b"<86>1 - ") for line in lines)
    told, damaged = read_checkpoints(line + b"\n" for line in lines)
    assert not damaged
    inside = [
        entry.header.detail for entry in entries(tmp_path / "data" / "journal") if entry.header.kind == "checkpoint"
    ]
    assert told[:4] == [checkpoint_of(NODE, detail) for detail in inside]


def test_a_hook_that_fails_is_asked_again_and_nothing_waits_for_it(tmp_path: Path) -> None:
    got: list[bytes] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        failing = 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = 503 if Hook.failing else 204
            Hook.failing = 0
            if status == 204:
                got.append(body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sink = Sink("hook", to_hook(f"http://127.0.0.1:{server.server_port}/"))
        for number in range(3):
            sink.send(b'{"number":%d}' % number)
        until(lambda: len(got) == 3)
        sink.close()
        server.shutdown()
    assert got == [b'{"number":%d}' % number for number in range(3)], "in their order, each once"
    assert sink.failures == 1


def test_a_hook_that_answers_what_is_no_http_is_asked_again(tmp_path: Path) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            for said in (b"no such protocol\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"):
                connection, _ = listening.accept()
                with connection:
                    asked.append(connection.recv(65_536))
                    connection.sendall(said)

        threading.Thread(target=answer, daemon=True).start()
        sink = Sink("hook", to_hook(f"http://127.0.0.1:{listening.getsockname()[1]}/"))
        sink.send(b"{}")
        until(lambda: len(asked) == 2)
        sink.close()
    assert sink.failures == 1


def test_a_sink_holds_a_bounded_number_and_gives_up_the_oldest(tmp_path: Path) -> None:
    sink = Sink("file", to_file(tmp_path / "absent" / "file"))
    for number in range(1_500):
        sink.send(b"%d" % number)
    assert sink.failures >= 500
    (tmp_path / "absent").mkdir()
    sink.close()


# The service


def run(*arguments: str, secret: str = SECRET) -> tuple[int, str]:
    command, limit = [sys.executable, "run.py", *arguments], HANG_SECONDS
    settings = {"PATH": os.environ["PATH"]} | ({"DOSSIER_AUTH__SECRET": secret} if secret else {})
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=limit, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_service_sends_them_on_and_the_command_compares(tmp_path: Path) -> None:
    data, kept = tmp_path / "data", tmp_path / "elsewhere.ndjson"
    settings = {"journal.checkpoint_file": str(kept), "journal.checkpoint_seconds": 1}
    with Service(data, settings) as service:
        operator = service.token("auditor", "admin:*", clearance="secret")
        until(lambda: service.get("/v1/channels", operator)[0] == 200 and kept.exists())
        assert service.metrics()["dossier_checkpoints"] >= 1
    service.assert_log_clean()
    shutil.copy(data / PUBLIC, tmp_path / "kept.pub")
    whole = ("verify", "--data", str(data), "--key", str(tmp_path / "kept.pub"))
    status, text = run(*whole, "--against", str(kept))
    assert status == 0, text
    assert "it is what the checkpoint of" in text
    assert "for 0 later entries none speaks" in text
    status, text = run("verify", "--data", str(data))
    assert status == 0
    assert "intact as far as this folder can prove" in text
    assert "name a copy kept elsewhere with --key" in text
    (path,) = store.segment_paths(data / "journal", "test")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    head = Head(len(lines) - 3, lines[-3][:64].decode())
    (data / "journal" / "test.head").write_bytes(encode_head(head))
    assert run("verify", "--data", str(data))[0] == 0, "the folder alone cannot show it"
    status, text = run(*whole, "--against", str(kept))
    assert status == 1
    assert "2 entries are missing at the end" in text
    (data / PRIVATE).unlink()
    service.launch()
    assert service.wait() == 2
    assert "is missing, and the journal names one" in service.log()


def test_an_auditor_needs_no_secret_and_what_is_checked_is_not_written_to(tmp_path: Path) -> None:
    data, typo, production = tmp_path / "data", tmp_path / "dta", tmp_path / "production.toml"
    vouched(data, [])
    before = sorted(data.rglob("*"))
    status, text = run("verify", "--data", str(data), secret="")
    assert status == 0, text
    assert sorted(data.rglob("*")) == before
    assert run("verify", "--data", str(typo), secret="")[0] == 2
    assert not typo.exists()
    production.write_text(f'[server]\nproduction = true\n[auth]\nsecret_file = "{tmp_path / "not-for-auditors"}"\n')
    status, text = run("verify", "--config", str(production), "--data", str(data), secret="")
    assert status == 0, text
