import { scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

export async function compare(password: string, stored: string): Promise<boolean> {
  const [salt, hash] = stored.split(":");
  const made = (await promisify(scrypt)(password, salt, 32)) as Buffer;
  return timingSafeEqual(made, Buffer.from(hash, "hex"));
}
