import type { BudgetState, BudgetStore, Hold, OpenHold, Reserved, Settlement } from '../budget/budget-store';
import { checkHold, checkSettlement } from '../budget/hold-check';
import { counterKeys, holdShares, type HoldShare } from '../budget/hold-shares';
import { Coalescer } from '../coalescer';
import type { UsageLog } from '../usage/usage-log';
import { keepMs, numeral, type Engine } from './engine';
import { restoredName, storedName } from '../stored-name';
import { OPEN_HOLDS, READ } from './read-script';
import { RESERVE } from './reserve-script';
import type { Reply } from './script';
import { SETTLE } from './settle-script';
import { checkUsage, usageArgs } from './usage-log';

const DAY_MS = 86_400_000;

interface Settled {
  readonly states: readonly BudgetState[];
}

/** What the store needs besides Redis. */
export interface RedisBudgetStoreOptions {
  readonly engine: Engine;
  readonly usageLog: UsageLog;
  readonly maxRecords: number;
}

/** Counts in Redis. What is asked at the same time goes in one trip, and each trip is one script call. */
export class RedisBudgetStore implements BudgetStore {
  readonly recordsInto: UsageLog;
  readonly #engine: Engine;
  readonly #maxRecords: string;
  readonly #reservations: Coalescer<Hold, Reserved>;
  readonly #settlements: Coalescer<Settlement, Settled>;

  constructor({ engine, usageLog, maxRecords }: RedisBudgetStoreOptions) {
    this.recordsInto = usageLog;
    this.#engine = engine;
    this.#maxRecords = numeral(maxRecords);
    this.#reservations = new Coalescer({
      run: (holds) => this.#reserve(holds),
      timeoutMs: Infinity,
      name: 'Redis budget store',
    });
    this.#settlements = new Coalescer({ run: (all) => this.#settle(all), timeoutMs: Infinity, name: 'Redis budget store' });
  }

  async reserve(hold: Hold): Promise<Reserved> {
    checkHold(hold);
    return this.#reservations.ask(hold);
  }

  async settle(settlement: Settlement): Promise<Settled> {
    checkSettlement(settlement);
    if (settlement.usage !== undefined) checkUsage(settlement.usage);
    return this.#settlements.ask(settlement);
  }

  async read(accounts: readonly string[], at: number): Promise<readonly BudgetState[]> {
    checkTime(at);
    const args = [numeral(at)];
    for (const account of accounts) args.push(...counterKeys(account, at).map(storedName));
    const reply = await this.#engine.run(READ, args);
    return accounts.map((account) => {
      if (reply.number() === 0) return { account, limitNanos: 0, spentNanos: 0, heldNanos: 0, resetsAt: at };
      const limitNanos = reply.number();
      const spentNanos = reply.number();
      return { account, limitNanos, spentNanos, heldNanos: reply.number(), resetsAt: reply.number() };
    });
  }

  /** Read in pages: a hold that is taken or settled meanwhile may be listed or not. */
  async openHolds(at: number): Promise<readonly OpenHold[]> {
    checkTime(at);
    const found = new Map<string, OpenHold>();
    for (const list of ['open', 'expired'] as const) {
      let [last, score] = ['', '-inf'];
      for (;;) {
        const args = [numeral(at), list, score, last];
        const reply = await this.#engine.run(OPEN_HOLDS, args);
        if (reply.isAtEnd) break;
        last = reply.text();
        score = reply.text();
        while (!reply.isAtEnd) {
          const hold = readHold(reply, list === 'expired');
          found.set(hold.id, hold);
        }
      }
    }
    return [...found.values()];
  }

  async close(): Promise<void> {
    // The client is the user's.
  }

  async #reserve(holds: readonly Hold[]): Promise<readonly (Reserved | Error)[]> {
    const args: string[] = [];
    const asked = holds.map((hold) => {
      const shares = holdShares(hold);
      args.push(jsonOf(hold, shares));
      return { hold, shares };
    });
    const reply = await this.#engine.run(RESERVE, args);
    return asked.map(({ hold, shares }) => readReserved(reply, hold, shares));
  }

  async #settle(settlements: readonly Settlement[]): Promise<readonly Settled[]> {
    const args = [this.#maxRecords];
    for (const { id, spentNanos, at, usage } of settlements) {
      args.push(storedName(id), String(spentNanos), numeral(at));
      if (usage === undefined) args.push('', '', '');
      else args.push(...usageArgs(usage));
    }
    const reply = await this.#engine.run(SETTLE, args);
    return settlements.map(() => {
      const states: BudgetState[] = [];
      for (let left = reply.number(); left > 0; left--) {
        const account = restoredName(reply.text());
        const limitNanos = reply.number();
        const spentNanos = reply.number();
        const heldNanos = reply.number();
        const toldNanos = reply.number();
        states.push({ account, limitNanos, spentNanos, heldNanos, resetsAt: reply.number(), toldNanos });
      }
      return { states };
    });
  }
}

/** As the scripts take and keep it. */
function jsonOf({ id, at, expiresAt }: Hold, shares: readonly HoldShare[]): string {
  // A counter outlives its holds, also one that is settled late or charged long after it has expired.
  let forgetAt = expiresAt + DAY_MS;
  for (const { keptUntil } of shares) forgetAt = Math.max(forgetAt, keptUntil);
  const values: (string | number | false)[] = [storedName(id), at, expiresAt, keepMs(forgetAt - at), finite(forgetAt)];
  for (const { key, account, nanos, limitNanos, rollingMs = false, resetsAt, keptUntil } of shares) {
    const until = resetsAt < Infinity ? Math.max(keptUntil, expiresAt + Math.max(DAY_MS, keptUntil - resetsAt)) : Infinity;
    const otherName = key === account ? '' : storedName(account);
    values.push(storedName(key), otherName, nanos, limitNanos, rollingMs, finite(resetsAt), finite(until));
  }
  return JSON.stringify(values);
}

/** JSON has no word for infinity. */
function finite(time: number): number | string {
  return time === Infinity ? 'inf' : time;
}

function readReserved(reply: Reply, { id }: Hold, shares: readonly HoldShare[]): Reserved | Error {
  const answer = reply.number();
  if (answer < 0) return otherWindow(id, shares[reply.number()]?.account ?? '', reply.number() === 1);
  const states: BudgetState[] = [];
  const exceeded: string[] = [];
  for (const { account, nanos, limitNanos, rollingMs, resetsAt } of shares) {
    const spentNanos = reply.number();
    const heldNanos = reply.number();
    const toldNanos = reply.number();
    states.push({
      account,
      limitNanos,
      spentNanos,
      heldNanos,
      resetsAt: rollingMs === undefined ? resetsAt : reply.number(),
      toldNanos,
    });
    if (spentNanos + heldNanos + nanos > limitNanos) exceeded.push(account);
  }
  return answer === 1 ? { ok: true, states } : { ok: false, exceeded, states };
}

function otherWindow(id: string, account: string, isRolling: boolean): Error {
  return new RangeError(
    `Hold "${id}": account "${account}" is counted in a ${isRolling ? 'rolling' : 'fixed'} window, ` +
      `so it cannot be asked for in a ${isRolling ? 'fixed' : 'rolling'} one`,
  );
}

function readHold(reply: Reply, expired: boolean): OpenHold {
  const id = restoredName(reply.text());
  const at = reply.number();
  const expiresAt = reply.number();
  const accounts: string[] = [];
  let nanos = 0;
  for (let left = reply.number(); left > 0; left--) {
    accounts.push(restoredName(reply.text()));
    nanos = Math.max(nanos, reply.number());
  }
  return { id, at, expiresAt, nanos, accounts, expired };
}

function checkTime(at: number): void {
  if (!Number.isFinite(at)) throw new RangeError(`Expected at to be a finite time in epoch milliseconds, got ${String(at)}`);
}
