/** A document and its counterpart in another language, over HTTP. */
import type { RealtimeConnection } from "../../client/interface.js";
import type { DocumentPairAnswer, MarkedClauses } from "../../protocol.js";

/**
 * The pair that one document is in, as `documentPair(client, id)` returns it.
 *
 *     const pair = documentPair(client, "mou-7.en");
 *     await pair.join("mou-7.ar", { language: "en", counterpartLanguage: "ar" });
 *     for (const clause of (await pair.read()).clauses ?? []) console.log(clause.key, clause.status, clause.changed);
 *
 * The document need not be open. Every call rejects with CallRefused where the service refuses it (`status` 404: no
 * counterpart; 409: another one), and with ConnectFailed.
 */
export class DocumentPair {
  private readonly path: string;

  /** Use `documentPair`. */
  constructor(
    private readonly client: RealtimeConnection,
    readonly id: string,
  ) {
    this.path = `/v1/documents/${encodeURIComponent(id)}/pair`;
  }

  /** Make another document the counterpart, or set the languages (BCP 47) of both. */
  async join(
    counterpart: string,
    { language, counterpartLanguage }: { readonly language: string; readonly counterpartLanguage: string },
  ): Promise<void> {
    const body = { counterpart, language, counterpart_language: counterpartLanguage };
    await this.client.call("PUT", this.path, body);
  }

  /** Read both sides, clause by clause; `text`: with the texts of the clauses. */
  read({ text = false }: { readonly text?: boolean } = {}): Promise<DocumentPairAnswer> {
    return this.client.read(text ? `${this.path}?text=true` : this.path);
  }

  /**
   * Mark clauses by their keys, by default all, as translated at the versions that were compared.
   *
   * Those are the `version` of both sides that `read` answered with; left out, they are the present ones.
   */
  markTranslated(
    clauses?: readonly string[],
    { version, counterpartVersion }: { readonly version?: number; readonly counterpartVersion?: number } = {},
  ): Promise<MarkedClauses> {
    const body = { clauses, version, counterpart_version: counterpartVersion }; // what is undefined is left out
    return this.client.call("POST", `${this.path}/translated`, body);
  }

  /** Take the pair apart; its marks go with it. */
  async part(): Promise<void> {
    await this.client.call("DELETE", this.path);
  }
}

/** Return the pair of a document and its counterpart. */
export function documentPair(client: RealtimeConnection, id: string): DocumentPair {
  return new DocumentPair(client, id);
}
