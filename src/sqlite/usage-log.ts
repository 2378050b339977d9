import { systemClock } from '../clock';
import { usageSummarizer } from '../usage/summary';
import type { UsageLog, UsageQuery, UsageRecord, UsageSummary } from '../usage/usage-log';
import type { Connection } from './connection';
import { numberIn, type Query, textIn } from './database';
import { storedName } from '../stored-name';
import type { TransactionPart, Transactions } from './transactions';

/** So many records are read at once, which takes some 10 ms; then others get to do something. */
const PAGE = 2_000;

/** A record as it is written. */
export interface UsageRow {
  readonly id: string;
  readonly at: number;
  readonly record: string;
}

/** Throws a TypeError or RangeError if the record's id or time cannot be written, or any of its figures is not a finite number. */
export function usageRow(usage: UsageRecord): UsageRow {
  if (typeof usage.id !== 'string') throw new TypeError('Usage record: expected id to be a string');
  if (!Number.isFinite(usage.at)) refuse(usage, 'at');
  // In JSON they would become null.
  for (const [name, value] of Object.entries(usage))
    if (typeof value === 'number' && !Number.isFinite(value)) refuse(usage, name);
  return { id: storedName(usage.id), at: usage.at, record: JSON.stringify(usage) };
}

function refuse({ id }: UsageRecord, name: string): never {
  throw new RangeError(`Usage record "${id}": expected ${name} to be a finite number`);
}

/** Where a page of records ends. */
interface Place {
  readonly at: number;
  readonly id: string;
}

/** Some records as JSON, and where they end if there may be more. */
interface Page {
  readonly records: readonly string[];
  readonly end: Place | undefined;
}

/** The table of records: one row each, by id. */
export class UsageTable implements TransactionPart {
  readonly #insertOne: Query;
  readonly #insertMany: Query;
  readonly #records: Query;
  readonly #end: Query;
  readonly #rows: UsageRow[] = [];

  constructor(connection: Connection) {
    const { usage } = connection.tables;
    this.#insertOne = connection.query(`INSERT OR IGNORE INTO ${usage} (id, at, record) VALUES (?, ?, ?)`);
    this.#insertMany = connection.query(
      `INSERT OR IGNORE INTO ${usage} (id, at, record) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)`,
    );
    // The bound on `at` alone is the one that SQLite finds its place in the index with.
    const after = `FROM ${usage} WHERE at >= ? AND (at, id) > (?, ?) AND at < ? ORDER BY at, id LIMIT`;
    // Each column of a row costs a driver time, so what is needed of one row only is asked for by itself.
    this.#records = connection.query(`SELECT record ${after} ${PAGE}`);
    this.#end = connection.query(`SELECT at, id ${after} 1 OFFSET ${PAGE - 1}`);
  }

  begin(): void {
    this.#rows.length = 0;
  }

  flush(): void {
    const [row] = this.#rows;
    if (row === undefined) return;
    if (this.#rows.length === 1) this.#insertOne.run(row.id, row.at, row.record);
    else this.#insertMany.run(JSON.stringify(this.#rows.map(({ id, at, record }) => [id, at, record])));
  }

  /** Writes nothing if the id is there already. */
  insert(row: UsageRow): void {
    this.#rows.push(row);
  }

  /** The first records after a place, before the time `to`, in this order. */
  page({ at, id }: Place, to: number): Page {
    const records = this.#records.all(at, at, id, to).map((row) => textIn(row, 'record'));
    const end = this.#end.first(at, at, id, to);
    return { records, end: end && { at: numberIn(end, 'at'), id: textIn(end, 'id') } };
  }
}

/** Keeps every record, until the file's owner deletes it. */
export class SqliteUsageLog implements UsageLog {
  readonly #table: UsageTable;
  readonly #transactions: Transactions;

  constructor(table: UsageTable, transactions: Transactions) {
    this.#table = table;
    this.#transactions = transactions;
  }

  async record(usage: UsageRecord): Promise<void> {
    const row = usageRow(usage);
    return this.#transactions.write(() => this.#table.insert(row));
  }

  /** Records that are written meanwhile may be in the sums or not. */
  async summarize(query: UsageQuery): Promise<readonly UsageSummary[]> {
    const summarizer = usageSummarizer(query);
    // Before every id of its time.
    let place: Place | undefined = { at: query.from, id: '' };
    while (place !== undefined) {
      const after: Place = place;
      const page = await this.#transactions.read(() => this.#table.page(after, query.to));
      // As `usageRow` has written them.
      for (const record of page.records) summarizer.add(JSON.parse(record) as UsageRecord);
      place = page.end;
      if (place !== undefined) await systemClock.sleep(1);
    }
    return summarizer.summaries();
  }

  /** Everything is written in the order asked for, so what was recorded before is there when this is. */
  async flush(): Promise<void> {
    return this.#transactions.write(() => undefined);
  }
}
