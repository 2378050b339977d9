import { systemClock } from '../clock';
import { usageSummarizer } from '../usage/summary';
import type { UsageLog, UsageQuery, UsageRecord, UsageSummary } from '../usage/usage-log';
import type { Connection } from './connection';
import { numberIn, type Query, textIn } from './database';
import { storedName } from '../stored-name';
import type { TransactionPart, Transactions } from './transactions';

/** So many records are read at once; then others get to do something. */
const PAGE = 500;

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

/** The table of records: one row each, by id. */
export class UsageTable implements TransactionPart {
  readonly #insertOne: Query;
  readonly #insertMany: Query;
  readonly #page: Query;
  readonly #rows: UsageRow[] = [];

  constructor(connection: Connection) {
    const { usage } = connection.tables;
    this.#insertOne = connection.query(`INSERT OR IGNORE INTO ${usage} (id, at, record) VALUES (?, ?, ?)`);
    this.#insertMany = connection.query(
      `INSERT OR IGNORE INTO ${usage} (id, at, record) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)`,
    );
    // The bound on `at` alone is the one that SQLite finds its place in the index with.
    this.#page = connection.query(
      `SELECT at, id, record FROM ${usage} WHERE at >= ? AND (at, id) > (?, ?) AND at < ? ORDER BY at, id LIMIT ${PAGE}`,
    );
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

  /** The first rows after `last`, before the time `to`, in this order. */
  page(last: Pick<UsageRow, 'at' | 'id'>, to: number): readonly UsageRow[] {
    const rows = this.#page.all(last.at, last.at, last.id, to);
    return rows.map((row) => ({ id: textIn(row, 'id'), at: numberIn(row, 'at'), record: textIn(row, 'record') }));
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

  async summarize(query: UsageQuery): Promise<readonly UsageSummary[]> {
    const summarizer = usageSummarizer(query);
    // Before every id of its time.
    let last: Pick<UsageRow, 'at' | 'id'> = { at: query.from, id: '' };
    for (;;) {
      const rows = await this.#transactions.read(() => this.#table.page(last, query.to));
      // As `usageRow` has written them.
      for (const { record } of rows) summarizer.add(JSON.parse(record) as UsageRecord);
      const end = rows.at(-1);
      if (end === undefined || rows.length < PAGE) return summarizer.summaries();
      last = end;
      await systemClock.sleep(1);
    }
  }

  /** Everything is written in the order asked for, so what was recorded before is there when this is. */
  async flush(): Promise<void> {
    return this.#transactions.write(() => undefined);
  }
}
