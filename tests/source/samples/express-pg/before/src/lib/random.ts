import { randomBytes } from "node:crypto";

export function randomString(size: number): string {
  return randomBytes(size).toString("base64url").slice(0, size);
}

export const generatePublicToken = () => randomString(8);
