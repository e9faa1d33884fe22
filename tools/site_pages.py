"""Pages of the documentation's site that lie outside of docs/, and the links between both (a hook of MkDocs).

A link in the repository is relative to its file, so that it works where the repository is browsed. On the site, the
pages of the root stand beside those of docs/: a link from one to the other is rewritten.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = "docs"
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md")
FILES = ("LICENSE", "notebooks/*.ipynb")
DECISIONS = "decisions/index.md"
TYPESCRIPT = "typescript-reference.md"
_MARK = "<!-- the reference of the package -->"
_REFERENCE = ROOT / "sdk" / "typescript" / "scripts" / "reference.mjs"
_LINK = re.compile(r"(\]\()([^)#:\s]+)(#[^)\s]*)?(\))")
_FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files of the root, and a list of the decisions."""
    for page in PAGES:
        files.append(File.generated(config, page, content=(ROOT / page).read_text("utf-8")))
    for pattern in FILES:
        for path in sorted(ROOT.glob(pattern)):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    files.append(File.generated(config, DECISIONS, content=decisions()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page, and fill in what is made from code; code blocks are left as they are."""
    place = page.file.src_uri
    if place == TYPESCRIPT:
        markdown = markdown.replace(_MARK, typescript_reference())
    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else rewritten(part, place) for part in parts)


def typescript_reference() -> str:
    """Return the reference of the TypeScript package. Raises RuntimeError with what its comments lack."""
    made = subprocess.run(["node", _REFERENCE], capture_output=True, text=True, check=False)  # noqa: S603, S607  a program of this repository
    if made.returncode:
        raise RuntimeError(f"the TypeScript package has no whole reference:\n{made.stderr}")
    return made.stdout


def rewritten(text: str, place: str) -> str:
    """Return the text of the page at `place` of the site, with links that fit the site."""
    source = place if place in PAGES else f"{DOCS}/{place}"

    def link(found: re.Match[str]) -> str:
        before, target, anchor, after = found.groups(default="")
        path = normpath(str(PurePosixPath(source).parent / target))
        there = path.removeprefix(f"{DOCS}/")
        if there == "decisions":
            there = DECISIONS
        return f"{before}{relpath(there, str(PurePosixPath(place).parent))}{anchor}{after}"

    return _LINK.sub(link, text)


def decisions() -> str:
    """Return a page that lists the decisions by their titles."""
    lines = ["# Decisions", "", "The reasons for large choices, one page each.", ""]
    for path in sorted((ROOT / DOCS / "decisions").glob("0*.md")):
        title = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        number, _, name = title.partition(". ")
        lines.append(f"- {number}: [{name or title}]({path.name})")
    return "\n".join(lines) + "\n"
