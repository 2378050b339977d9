export { postgresBackend } from './postgres/backend';
export type { PostgresBackend, PostgresBackendOptions } from './postgres/backend';
export type { PostgresClient } from './postgres/client';
export { postgresMigrations } from './postgres/migrations';
