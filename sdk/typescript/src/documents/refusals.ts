/** What a refused operation means for the edit that it carries. */
import { DeniedError } from "../errors.js";

/** Seconds until a refused operation is sent again, where the server names no delay. */
export const RETRY_AFTER = 15;
/** The ref of every cursor: its refusal is not reported, the cursor is told again. */
export const CURSOR_REF = "cursor";
const FOR_NOW: readonly string[] = ["RATE_LIMIT_EXCEEDED", "SERVICE_UNAVAILABLE", "INTERNAL_ERROR"];

/**
 * `conflict`: its version is none of the document; `id taken`: the id belongs to another edit; `later`: it is sent again;
 * `denied`: the right may come back; `final`: it can never be accepted.
 */
export type Refusal = "conflict" | "id taken" | "later" | "denied" | "final";

/** Return whether a refusal of this code passes by itself. */
export function isForNow(code: string): boolean {
  return FOR_NOW.includes(code);
}

/** Return what a refusal means, and the seconds until the operation may be sent again. */
export function refusalOf(error: unknown): { readonly refusal: Refusal; readonly retryAfter: number; readonly isLimit: boolean } {
  if (!(error instanceof DeniedError)) {
    return { refusal: "later", retryAfter: 1, isLimit: false }; // no answer in time
  }
  const { errorCode: code, retryAfter = RETRY_AFTER } = error;
  const isIdTaken = error.serverMessage.includes("$.payload.op_id");
  const passing = isForNow(code) ? "later" : code === "PERMISSION_DENIED" ? "denied" : "final";
  const refusal = code === "VERSION_CONFLICT" ? "conflict" : isIdTaken ? "id taken" : passing;
  return { refusal, retryAfter, isLimit: code === "RATE_LIMIT_EXCEEDED" };
}
