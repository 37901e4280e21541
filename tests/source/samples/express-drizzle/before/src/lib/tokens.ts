import { customAlphabet } from "nanoid";

export const newToken = customAlphabet("0123456789abcdefghijklmnopqrstuvwxyz", 8);
