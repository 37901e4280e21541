import { v4 as uuidv4 } from "uuid";

const LENGTH = 8;

export const publicSlug = (): string => uuidv4().replaceAll("-", "").slice(0, LENGTH);
