import type { BudgetState, BudgetStore, Hold, OpenHold, Reserved, Settlement } from '../budget/budget-store';
import { checkHold, checkSettlement } from '../budget/hold-check';
import { counterKeys, holdShares, type HoldShare } from '../budget/hold-shares';
import { Coalescer } from '../coalescer';
import type { UsageLog } from '../usage/usage-log';
import type { Database } from './client';
import { restoredName, storedName } from '../stored-name';
import { reserveQuestion, settleQuestion, type Asked } from './budget-questions';
import { lists, parsedArray, texts } from './wire';

/** After so many holds, at most twice as many that can be forgotten are cleared away. */
const CLEAR_EVERY = 64;
/** How many accounts are known to be there, so that nobody has to look. */
const KNOWN_ACCOUNTS = 10_000;
const MOST_TRIES = 10;

interface Answered {
  readonly states: readonly BudgetState[];
}

/** Counts in a PostgreSQL database. Concurrent calls share a statement. */
export class PostgresBudgetStore implements BudgetStore {
  readonly recordsInto: UsageLog;
  readonly #database: Database;
  readonly #reserving: Coalescer<Asked, Reserved>;
  readonly #settling: Coalescer<Settlement, Answered>;
  readonly #known: Set<string> = new Set();
  #holdsSinceClearing = 0;

  constructor(database: Database, usageLog: UsageLog) {
    this.#database = database;
    this.recordsInto = usageLog;
    const { timeoutMs = 5_000 } = database;
    const name = 'budget store';
    this.#reserving = new Coalescer({ run: (items) => this.#inSteps(items, atOf, this.#reserve), timeoutMs, name });
    this.#settling = new Coalescer({ run: (items) => this.#inSteps(items, ({ at }) => at, this.#settle), timeoutMs, name });
  }

  async reserve(hold: Hold): Promise<Reserved> {
    checkHold(hold);
    return this.#reserving.ask({ hold, shares: holdShares(hold) });
  }

  async settle(settlement: Settlement): Promise<{ readonly states: readonly BudgetState[] }> {
    checkSettlement(settlement);
    return this.#settling.ask(settlement);
  }

  async read(accounts: readonly string[], at: number): Promise<readonly BudgetState[]> {
    checkTime(at);
    const keys = accounts.map((account) => counterKeys(account, at));
    const all = [...new Set(keys.flat())];
    const request = JSON.stringify({ at, keys: texts(all.map(storedName)) });
    const found = new Map((await this.#readAt('read_accounts', request, at)).map((row) => stateEntry(row, all)));
    return accounts.map((account, index) => {
      const key = keys[index]?.find((each) => found.has(each));
      const state = key === undefined ? undefined : found.get(key);
      return { account, ...(state ?? { limitNanos: 0, spentNanos: 0, heldNanos: 0, resetsAt: at }) };
    });
  }

  async openHolds(at: number): Promise<readonly OpenHold[]> {
    checkTime(at);
    return (await this.#readAt('open_holds', String(at), at)).map(openHold);
  }

  /** Answers of functions that say nothing if something has to expire first. */
  #readAt(name: string, request: string, at: number): Promise<readonly unknown[]> {
    const answer = async (): Promise<readonly unknown[]> => {
      for (;;) {
        const json = await this.#database.call(name, request);
        if (json !== '') return parsedArray(json);
        await this.#expire(at);
      }
    };
    return this.#database.within(answer());
  }

  async #expire(at: number): Promise<void> {
    await this.#database.call('expire', String(at));
  }

  /** Almost always one step. An item at whose time some hold has expired begins another, after those have been charged. */
  async #inSteps<Item, Answer>(
    items: readonly Item[],
    timeOf: (item: Item) => number,
    step: (items: readonly Item[]) => Promise<readonly (Answer | Error)[]>,
  ): Promise<readonly (Answer | Error)[]> {
    const answers: (Answer | Error)[] = [];
    try {
      for (;;) {
        const rest = answers.length === 0 ? items : items.slice(answers.length);
        answers.push(...(await step(rest)));
        const next = items[answers.length];
        if (next === undefined) return answers;
        await this.#expire(timeOf(next));
      }
    } catch (error) {
      if (answers.length === 0) throw error;
      // What was done is told; the rest fails as the engine did.
      const failure = error instanceof Error ? error : new Error('The budget store failed.', { cause: error });
      return [...answers, ...items.slice(answers.length).map(() => failure)];
    }
  }

  readonly #reserve = async (asked: readonly Asked[]): Promise<readonly (Reserved | Error)[]> => {
    this.#holdsSinceClearing += asked.length;
    const isClearing = this.#holdsSinceClearing >= CLEAR_EVERY;
    const clear = isClearing ? 2 * this.#holdsSinceClearing : 0;
    const { identifier } = this.#database.schema;
    const keys = new Set(asked.flatMap(({ shares }) => shares.map(({ key }) => key)));
    let isFresh = this.#known.size + keys.size > KNOWN_ACCOUNTS || ![...keys].every((key) => this.#known.has(key));
    let answer = '';
    // An account that was there may have been cleared away.
    for (let tries = 0; answer === ''; tries++) {
      if (tries === MOST_TRIES) throw new Error('The budget store could not find its accounts.');
      answer = await this.#database.answer(...reserveQuestion(identifier, asked, isFresh, clear));
      isFresh = true;
    }
    if (isClearing) this.#holdsSinceClearing = 0;
    if (this.#known.size + keys.size > KNOWN_ACCOUNTS) this.#known.clear();
    for (const key of keys) this.#known.add(key);
    const [[done = 0] = [], statuses = [], amounts = [], times = []] = lists(answer);
    let next = 0;
    return asked.slice(0, done).map(({ hold, shares }, index) => {
      const status = statuses[index] ?? 0;
      const states = shares.map(({ account, limitNanos }, offset) =>
        stateOf(account, limitNanos, next + offset, amounts, times),
      );
      next += shares.length;
      const odd = shares[-1 - status];
      if (odd !== undefined) return otherWindow(hold, odd);
      if (status > 0) return { ok: true, states };
      const exceeded = states.flatMap(({ account, limitNanos, spentNanos, heldNanos }, offset) =>
        spentNanos + heldNanos + (shares[offset]?.nanos ?? 0) > limitNanos ? [account] : [],
      );
      return { ok: false, exceeded, states };
    });
  };

  readonly #settle = async (settlements: readonly Settlement[]): Promise<readonly Answered[]> => {
    const [accounts, counters] = parsedArray(
      await this.#database.answer(...settleQuestion(this.#database.schema.identifier, settlements)),
    );
    const names = Array.isArray(accounts) ? accounts.map((name) => restoredName(String(name))) : [];
    const [[done = 0] = [], sizes = [], places = [], amounts = [], times = [], limits = []] = lists(String(counters));
    let next = 0;
    return settlements.slice(0, done).map((_, index) => {
      const states: BudgetState[] = [];
      for (const last = next + (sizes[index] ?? 0); next < last; next++) {
        const place = (places[next] ?? 0) - 1;
        states.push(stateOf(names[place] ?? '', limits[place] ?? 0, next, amounts, times));
      }
      return { states };
    });
  };
}

/** The state at a place: three amounts and a time each. */
function stateOf(
  account: string,
  limitNanos: number,
  place: number,
  amounts: readonly number[],
  times: readonly number[],
): BudgetState {
  const [spentNanos = 0, heldNanos = 0, toldNanos = 0] = amounts.slice(3 * place, 3 * place + 3);
  return { account, limitNanos, spentNanos, heldNanos, resetsAt: times[place] ?? 0, toldNanos };
}

const atOf = ({ hold }: Asked): number => hold.at;

type Counted = Omit<BudgetState, 'account'>;

function stateEntry(row: unknown, keys: readonly string[]): readonly [key: string, state: Counted] {
  const [n, limitNanos = 0, spentNanos = 0, heldNanos = 0, resetsAt = 0] = Array.isArray(row) ? row.map(Number) : [];
  return [keys[(n ?? 0) - 1] ?? '', { limitNanos, spentNanos, heldNanos, resetsAt }];
}

function openHold(row: unknown): OpenHold {
  const [id, at, expiresAt, nanos, expired, accounts] = Array.isArray(row) ? (row as readonly unknown[]) : [];
  return {
    id: restoredName(String(id)),
    at: Number(at),
    expiresAt: Number(expiresAt),
    nanos: Number(nanos),
    accounts: Array.isArray(accounts) ? accounts.map((name) => restoredName(String(name))) : [],
    expired: expired === true,
  };
}

function otherWindow({ id }: Hold, { account, rollingMs }: HoldShare): RangeError {
  const [asked, counted] = rollingMs === undefined ? ['fixed', 'rolling'] : ['rolling', 'fixed'];
  return new RangeError(
    `Hold "${id}": account "${account}" is counted in a ${counted} window, so it cannot be asked for in a ${asked} one`,
  );
}

function checkTime(at: number): void {
  if (!Number.isFinite(at)) throw new RangeError(`Expected at to be a finite time in epoch milliseconds, got ${String(at)}`);
}
