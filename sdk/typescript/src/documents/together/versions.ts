/** All versions of a document, over HTTP: who wrote them and when, their texts, names and differences. */
import type { FileBytes, RealtimeConnection } from "../../client/interface.js";
import type {
  DocumentAnswer,
  DocumentDifference,
  DocumentRevision,
  DocumentRevisions,
  KeptSnapshot,
  KeptSnapshots,
  NamedDocumentVersion,
  NamedDocumentVersions,
  RestoredVersion,
  SignedSnapshot,
  WordDifference,
} from "../../protocol.js";

/**
 * The versions of one document, as `documentVersions(client, id)` returns them.
 *
 *     const versions = documentVersions(client, "brief-7");
 *     for await (const row of versions.history({ joined: true })) console.log(row.version, row.user_name, row.timestamp);
 *     await versions.name("sent to the minister");
 *     for (const change of await versions.difference("sent to the minister")) console.log(change.kind, change.text);
 *
 * The document need not be open. A version is given by its number or its name. Reading needs `read` on the document;
 * `name`, `restore` and `sign` need `write`. Every call rejects with CallRefused where the service refuses it (`status`
 * 404: no such version, `oldest` is the oldest one with a text). `name`, `restore` and `sign` reject with ConnectFailed
 * where no answer came: they may have been carried out. Reading is repeated until the service answers.
 */
export class DocumentVersions {
  private readonly path: string;

  /** Use `documentVersions`. */
  constructor(
    private readonly client: RealtimeConnection,
    readonly id: string,
  ) {
    this.path = `/v1/documents/${encodeURIComponent(id)}`;
  }

  /** Iterate over all versions after `after`, oldest first; `joined`: one row for versions of one author in a row. */
  async *history({
    after = 0,
    joined = false,
  }: { readonly after?: number; readonly joined?: boolean } = {}): AsyncGenerator<DocumentRevision, void, undefined> {
    let following: number | undefined = after;
    while (following !== undefined) {
      const page: DocumentRevisions = await this.client.read(this.at("/history", { after: following, joined }));
      yield* page.versions;
      following = page.next;
    }
  }

  /** Read the text and formatting of a version, by default the present one. */
  text(version?: number | string): Promise<DocumentAnswer> {
    return this.client.read(this.at("", { version: checked(version) }));
  }

  /** Read a version, by default the present one, as a file, comments as its comments. */
  file(format: "markdown" | "html" | "docx", version?: number | string): Promise<FileBytes> {
    return this.client.readBytes(this.at("/export", { format, version: checked(version) }));
  }

  /** Compare two versions by word; without `later`, with the present text. */
  difference(earlier: number | string, later?: number | string): Promise<readonly WordDifference[]> {
    const both = { from: checked(earlier), to: checked(later) };
    return this.client.read<DocumentDifference>(this.at("/diff", both)).then(({ changes }) => changes);
  }

  /** List the versions that have a name, in their order. */
  async named(): Promise<readonly NamedDocumentVersion[]> {
    return (await this.client.read<NamedDocumentVersions>(this.at("/versions"))).versions;
  }

  /** Give a version a name, by default the present one; a name that another version has moves to it. */
  name(name: string, version?: number | string): Promise<NamedDocumentVersion> {
    return this.client.call("PUT", this.at(`/versions/${segment(name)}`), { version: checked(version) });
  }

  /** Make the document as it was at a version, formatting too; returns the version that did so. */
  restore(version: number | string): Promise<number> {
    const body = { version: checked(version) };
    return this.client.call<RestoredVersion>("POST", this.at("/restore"), body).then((made) => made.version);
  }

  /**
   * Have the service sign a version, by default the present one; returns it with its text.
   *
   * The statement says who has the document open, and the `note`. `name`: the version gets it. `snapshotFile` makes the
   * file of it that `run.py verify --snapshot` checks offline.
   */
  sign(
    version?: number | string,
    { note, name }: { readonly note?: string; readonly name?: string } = {},
  ): Promise<SignedSnapshot> {
    return this.client.call("POST", this.at("/snapshots"), { version: checked(version), note, name });
  }

  /** Iterate over the signed statements that the service keeps, oldest first. */
  async *snapshots(): AsyncGenerator<KeptSnapshot, void, undefined> {
    let after: string | undefined;
    do {
      const page: KeptSnapshots = await this.client.read(this.at("/snapshots", { after }));
      yield* page.snapshots;
      after = page.next;
    } while (after !== undefined);
  }

  /** Read a signed snapshot with its text, by the `id` of its statement in `snapshots()`. */
  snapshot(id: string): Promise<SignedSnapshot> {
    return this.client.read(this.at(`/snapshots/${segment(id)}`));
  }

  /** Return the path of a call; what is undefined is left out of its query. */
  private at(path: string, query: Readonly<Record<string, string | number | boolean | undefined>> = {}): string {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const asked = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return `${this.path}${path}${given.length ? `?${asked}` : ""}`;
  }
}

/** Return the versions of a document. */
export function documentVersions(client: RealtimeConnection, id: string): DocumentVersions {
  return new DocumentVersions(client, id);
}

/** Return the bytes of a snapshot's file, which `run.py verify --snapshot` checks offline. */
export function snapshotFile(snapshot: SignedSnapshot): FileBytes {
  // The service writes JSON as JavaScript does, without white space, and members keep their order: these are its bytes.
  return new TextEncoder().encode(JSON.stringify(snapshot));
}

/** Return a version that can be sent. JSON would make null of NaN, which the service takes for the present version. */
function checked(version: number | string | undefined): number | string | undefined {
  if (version === undefined || typeof version === "string" || (Number.isSafeInteger(version) && version >= 0)) {
    return version;
  }
  throw new RangeError(`${version} is no version; give a whole number from 0 on, or a name`);
}

/** Return a name as one segment of a path. A browser reads an empty one, `.` and `..` as another path (WHATWG URL). */
function segment(name: string): string {
  if (/^\.{0,2}$|[\ud800-\udfff]/u.test(name)) {
    throw new RangeError(`${JSON.stringify(name)} cannot be part of an address; use another name`);
  }
  return encodeURIComponent(name);
}
