// Entry point `governed-groq/sqlite`: everything in one SQLite file, for several processes of one machine.

export { sqliteBackend, type SqliteBackend, type SqliteBackendOptions } from './sqlite/backend';
export type { SqliteDatabase, SqliteStatement } from './sqlite/database';
