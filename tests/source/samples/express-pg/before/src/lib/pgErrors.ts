export const UNIQUE_VIOLATION = "23505";

export const isUniqueViolation = (err: unknown): boolean =>
  (err as { code?: string } | undefined)?.code === UNIQUE_VIOLATION;
