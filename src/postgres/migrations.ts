import { accountsSql } from './accounts-sql';
import { attemptsSql } from './attempts-sql';
import { budgetSql } from './budget-sql';
import { limitsSql } from './limits-sql';
import { schemaName, type SchemaName } from './schema-name';
import { tablesSql } from './tables-sql';
import { usageSql } from './usage-sql';

/** Each made once, in this order. One that has been released is never changed, and never takes away what others still call. */
const MIGRATIONS: readonly ((schema: string) => string)[] = [
  (schema) => [tablesSql, accountsSql, usageSql, budgetSql, limitsSql, attemptsSql].map((sql) => sql(schema)).join('\n'),
];

/** What the schema's table of migrations has to tell. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/**
 * The SQL that makes the tables and functions of `postgresBackend`, for those who run their migrations themselves. One statement,
 * which may be run any number of times, by several at once. The role that the backend connects as then needs no right to create
 * anything: `USAGE` on the schema, and `SELECT, INSERT, UPDATE, DELETE` on its tables are enough.
 *
 * `schema` is the backend's, default `'governed_groq'`. Throws a TypeError or RangeError if there can be no such schema.
 */
export function postgresMigrations(options: { readonly schema?: string } = {}): string {
  return `${migrationSql(schemaName(options.schema ?? 'governed_groq'))};\n`;
}

/** One statement, hence one transaction, whatever the client. */
export function migrationSql({ identifier, literal }: SchemaName): string {
  const steps = MIGRATIONS.map(
    (sql, index) => `
  IF NOT EXISTS (SELECT FROM ${identifier}.migrations WHERE version = ${index + 1}) THEN
    ${sql(identifier).trim()}
    INSERT INTO ${identifier}.migrations (version) VALUES (${index + 1});
  END IF;`,
  );
  return `DO $migration$
BEGIN
  -- Those who come at the same time wait here, and then find it done.
  PERFORM pg_advisory_xact_lock(hashtextextended('governed-groq ' || ${literal}, 0));
  -- Not IF NOT EXISTS alone, which asks for the right to create one that is there.
  IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = ${literal}) THEN CREATE SCHEMA ${identifier}; END IF;
  CREATE TABLE IF NOT EXISTS ${identifier}.migrations (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
  );${steps.join('')}
END
$migration$`;
}
