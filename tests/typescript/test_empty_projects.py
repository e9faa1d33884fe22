"""The packed package in empty projects: as ES modules, as CommonJS, in strict TypeScript, and by a script tag."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.dashboard.chromium import chromium
from tests.typescript.conftest import run, tool

pytestmark = pytest.mark.long

USE = """
const server = new FakeServer();
const client = new DossierRealtimeClient({ token: "ali", ...server.options });
client.subscribe("dossier:country:SA", { onMessage: (message) => {
  console.log(message.type, message instanceof Object, client.userId);
  client.close();
  const late = client.send("global", {}).catch((error) => console.log(error instanceof ConnectionClosed));
} });
client.send("dossier:country:SA", { type: "dossier_update", payload: { fields_changed: [] } }).catch(() => {});
"""
ESM = f"""
import {{ ConnectionClosed, DossierRealtimeClient }} from "@dossier/realtime";
import {{ FakeServer }} from "@dossier/realtime/testing";
import "@dossier/realtime/shared";
{USE}"""
CJS = f"""
const {{ ConnectionClosed, DossierRealtimeClient }} = require("@dossier/realtime");
const {{ FakeServer }} = require("@dossier/realtime/testing");
require("@dossier/realtime/shared");
{USE}"""
# The contract's own example, and a switch that the compiler knows to be whole.
STRICT = """
import { DossierRealtimeClient, type ServerMessage, type TaskId, type UserId } from "@dossier/realtime";
import { sharedWebSocket } from "@dossier/realtime/shared";

declare const authToken: string;
const client = new DossierRealtimeClient(authToken);

const subscription = client.subscribe('dossier:country:SA', {
  onMessage: (msg) => {
    console.log('Dossier updated:', msg);
  },
  onPresence: (presence) => {
    console.log('Users viewing:', presence.users.map((user) => user.name));
  },
  onError: (error: Error) => console.log(error.message),
});

// Clean up
subscription.unsubscribe();

const done: Promise<void> = client.send("workspace:1", { type: "anything" });
const others = new DossierRealtimeClient({ token: async () => "t", WebSocket: sharedWebSocket() });
others.on("task_update", (message) => {
  const task: TaskId = message.payload.task_id;
  // @ts-expect-error  an id of another kind
  const user: UserId = message.payload.task_id;
  console.log(task, user, done);
});
export function words(message: ServerMessage): string {
  return message.type === "dossier_update" ? message.payload.fields_changed.join() : message.type;
}
"""


@pytest.fixture(scope="module")
def project(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty project that has installed the packed package, and nothing else."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "package.json").write_text('{"name": "empty", "private": true}')
    run("npm", "install", "--offline", "--no-audit", "--no-fund", str(tarball), cwd=folder)
    assert [entry.name for entry in (folder / "node_modules").iterdir() if not entry.name.startswith(".")] == [
        "@dossier"
    ]
    return folder


@pytest.mark.parametrize(("name", "program"), [("program.mjs", ESM), ("program.cjs", CJS)], ids=["esm", "cjs"])
def test_node_runs_it(project: Path, name: str, program: str) -> None:
    (project / name).write_text(program)
    assert run("node", name, cwd=project).split() == ["dossier_update", "true", "ali", "true"]


@pytest.mark.parametrize(("module", "resolution"), [("nodenext", "nodenext"), ("esnext", "bundler")])
def test_the_contract_s_example_compiles(project: Path, module: str, resolution: str) -> None:
    (project / "program.ts").write_text(STRICT)
    options = {
        "strict": True,
        "exactOptionalPropertyTypes": True,
        "noUncheckedIndexedAccess": True,
        "skipLibCheck": False,
        "noEmit": True,
        "target": "es2022",
        "lib": ["es2022", "dom"],
        "module": module,
        "moduleResolution": resolution,
        "types": [],
    }
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["program.ts"]}))
    tool("tsc", "-p", str(project))


def test_a_script_tag_brings_the_client(tarball: Path, tmp_path: Path) -> None:
    with tarfile.open(tarball) as packed:
        packed.extractall(tmp_path, filter="data")
    (tmp_path / "page.html").write_text('<script src="package/dist/dossier-realtime.global.js"></script>')
    with chromium() as browser:
        page = browser.new_page()
        page.goto((tmp_path / "page.html").as_uri())
        assert page.evaluate("typeof DossierRealtime.DossierRealtimeClient") == "function"
        assert page.evaluate("new DossierRealtime.DossierRealtimeClient({token: 't', autoConnect: false}).state") == (
            "disconnected"
        )
