import { randomBytes } from "node:crypto";

/** The id of a visitor's conversation; lives in a cookie for a day. */
export function newSessionId(): string {
  return randomBytes(24).toString("base64url");
}
