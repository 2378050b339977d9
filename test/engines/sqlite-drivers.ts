import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqliteDatabase } from '../../src/sqlite/database';
import { engineAtHand } from '../engine-at-hand';

/** A connection as its driver makes it. */
export interface OpenDatabase extends SqliteDatabase {
  close(): unknown;
}

export interface Driver {
  readonly name: 'node:sqlite' | 'better-sqlite3' | 'libsql';
  open(path: string): OpenDatabase;
}

type DatabaseClass = new (path: string) => OpenDatabase;

const require = createRequire(import.meta.url);

function driver(name: Driver['name']): Driver {
  const load = (): DatabaseClass => {
    if (name !== 'node:sqlite') return require(name) as DatabaseClass;
    // Not an import, which Node 20 could not resolve.
    const sqlite = (
      process as { getBuiltinModule?(id: string): { DatabaseSync: DatabaseClass } | undefined }
    ).getBuiltinModule?.('node:sqlite');
    if (sqlite === undefined) throw new Error(`Node ${process.versions.node} does not have it`);
    return sqlite.DatabaseSync;
  };
  const Database = load();
  return { name, open: (path) => new Database(path) };
}

/** The drivers that can be loaded here. One that is not optional must be there under `CI=true`. */
export async function driversAtHand(): Promise<readonly Driver[]> {
  const found: Driver[] = [];
  for (const name of ['node:sqlite', 'better-sqlite3'] as const) {
    try {
      found.push(driver(name));
    } catch (error) {
      const [reason] = String(error).split('\n');
      console.log(`Skipping the tests on ${name}, which is not at hand: ${reason}`);
    }
  }
  if (await engineAtHand('libsql', async () => driver('libsql'))) found.push(driver('libsql'));
  return found;
}

/** Files and connections that are gone when a test is over. */
export class Files {
  #folder: string | undefined;
  readonly #open: OpenDatabase[] = [];
  #count = 0;

  path(): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'governed-groq-sqlite-'));
    return join(this.#folder, `${this.#count++}.db`);
  }

  open(driver: Driver, path: string = this.path()): OpenDatabase {
    const database = driver.open(path);
    this.#open.push(database);
    return database;
  }

  remove(): void {
    for (const database of this.#open.splice(0)) {
      try {
        database.close();
      } catch {
        // The test has closed it.
      }
    }
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
