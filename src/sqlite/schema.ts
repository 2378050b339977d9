/** Written to the file, so that a later version can tell what it finds there. */
export const SCHEMA_VERSION = 1;

/** The names of a backend's tables. */
export interface Tables {
  readonly meta: string;
  readonly accounts: string;
  readonly bookings: string;
  readonly holds: string;
  readonly usage: string;
  readonly windows: string;
  readonly departures: string;
  readonly attempts: string;
  readonly providers: string;
}

export function tablesOf(prefix: string): Tables {
  return {
    meta: `${prefix}meta`,
    accounts: `${prefix}accounts`,
    bookings: `${prefix}bookings`,
    holds: `${prefix}holds`,
    usage: `${prefix}usage`,
    windows: `${prefix}windows`,
    departures: `${prefix}departures`,
    attempts: `${prefix}attempts`,
    providers: `${prefix}providers`,
  };
}

/**
 * Rows have few columns, because each costs a driver as much as all that SQLite does with it; what is only ever read as a whole is
 * one JSON text. Figures that are columns are REAL: every driver binds a number as a double and reads a double back, exact up to
 * 2^53, where integers may come as big ones or throw.
 */
export function schemaOf(tables: Tables): string {
  const { accounts, bookings, holds, usage, windows, departures, attempts, providers } = tables;
  return `
CREATE TABLE ${accounts} (
  key TEXT PRIMARY KEY,
  state TEXT NOT NULL,          -- [rolling ms or 0, resets at, limit, held, told, spent, edge, oldest booking after edge]
  kept_until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX ${accounts}_kept_until ON ${accounts} (kept_until);

CREATE TABLE ${bookings} (      -- of rolling windows
  key TEXT NOT NULL,
  at REAL NOT NULL,
  amount REAL NOT NULL,
  PRIMARY KEY (key, at)
) WITHOUT ROWID;

CREATE TABLE ${holds} (         -- in the order in which they were made
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  state REAL NOT NULL,          -- 0 live, 1 expired and charged, 2 settled
  due REAL NOT NULL,            -- when it expires, or can be forgotten
  hold TEXT NOT NULL            -- [at, expires at, [[account, the rest of its key, nanos], …]]
);

CREATE TABLE ${usage} (
  id TEXT PRIMARY KEY,
  at REAL NOT NULL,
  record TEXT NOT NULL          -- JSON
) WITHOUT ROWID;
CREATE INDEX ${usage}_at ON ${usage} (at);

CREATE TABLE ${windows} (       -- of rate limits
  key TEXT PRIMARY KEY,
  state TEXT NOT NULL,          -- [used, edge, oldest departure after edge]
  kept_until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX ${windows}_kept_until ON ${windows} (kept_until);

CREATE TABLE ${departures} (
  key TEXT NOT NULL,
  at REAL NOT NULL,             -- of what has not departed: the end of its lease
  amount REAL NOT NULL,
  PRIMARY KEY (key, at)
) WITHOUT ROWID;

CREATE TABLE ${attempts} (      -- that are out: one row each, and one for each gate and provider that it counts at
  gate TEXT NOT NULL,
  id TEXT NOT NULL,
  ends_at REAL NOT NULL,
  counts_from REAL NOT NULL,    -- when it departed; if it has not, ends_at
  PRIMARY KEY (gate, id)
) WITHOUT ROWID;
CREATE INDEX ${attempts}_ends_at ON ${attempts} (ends_at);

CREATE TABLE ${providers} (
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL,          -- {"pausedUntil", "buckets": [{"kind", "windowMs", "max", "level", "at"}, …]}
  kept_until REAL NOT NULL
) WITHOUT ROWID;
`;
}
