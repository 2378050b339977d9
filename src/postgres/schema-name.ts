const encoder = new TextEncoder();
// PostgreSQL cuts longer names off, which would make two of them one.
const MAX_BYTES = 63;

/** A schema as it is written in statements. */
export interface SchemaName {
  /** Quoted, to be followed by a dot. */
  readonly identifier: string;
  /** As a text constant. */
  readonly literal: string;
}

/** Throws a TypeError or RangeError that says what to write instead, unless PostgreSQL can have a schema of this name. */
export function schemaName(schema: unknown): SchemaName {
  if (typeof schema !== 'string') {
    throw new TypeError(`schema must be a string such as 'governed_groq', got ${schema === null ? 'null' : typeof schema}`);
  }
  const bytes = encoder.encode(schema).length;
  if (bytes === 0 || bytes > MAX_BYTES) throw new RangeError(`schema must have 1 to ${MAX_BYTES} bytes, it has ${bytes}`);
  // Statements quote function bodies with dollars.
  if (/[\p{Cc}\p{Surrogate}$]/u.test(schema)) {
    throw new RangeError(`schema must have no control characters and no "$": use letters, digits and "_"`);
  }
  if (schema.startsWith('pg_')) throw new RangeError(`schema must not begin with "pg_", which PostgreSQL keeps for itself`);
  return { identifier: `"${schema.replaceAll('"', '""')}"`, literal: `'${schema.replaceAll("'", "''")}'` };
}
