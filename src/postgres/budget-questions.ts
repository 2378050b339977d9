import type { Hold, Settlement } from '../budget/budget-store';
import type { HoldShare } from '../budget/hold-shares';
import { storedName } from '../stored-name';
import { recordRow } from './record-row';
import { list, texts, twinsOf } from './wire';

const DAY_MS = 86_400_000;
/** Ids of ended calls are remembered at least so long after their hold would have expired. */
const REMEMBERED_MS = DAY_MS;
/** PostgreSQL's largest integer. */
const FOREVER_DAYS = 2_147_483_647;
/** Any amount above the highest limit is as good as this. */
const TOO_MUCH = 2 ** 53;
/** A name that is shorter surely fits into an index. */
const SHORT = 250;

/** A hold, and what it asks of each of its accounts. */
export interface Asked {
  readonly hold: Hold;
  readonly shares: readonly HoldShare[];
}

/** An expression and its parameters, whose types PostgreSQL knows from the function that they are for. */
export type Question = readonly [expression: string, params: (string | null)[]];

/** What is to be said of an account, from the first share that names it. */
interface Counter {
  readonly place: number;
  readonly share: HoldShare;
  readonly at: number;
  keptUntil: number;
}

/** Asks for holds. Accounts that are missing are made if `isFresh`; up to `clear` rows that can be forgotten are deleted. */
export function reserveQuestion(schema: string, asked: readonly Asked[], isFresh: boolean, clear: number): Question {
  const counters: Map<string, Counter> = new Map();
  const keeps: number[] = [];
  const lasts: number[] = [];
  const places: number[] = [];
  const all: HoldShare[] = [];
  for (const { hold, shares } of asked) {
    let kept = hold.expiresAt + REMEMBERED_MS;
    for (const { keptUntil } of shares) kept = Math.max(kept, keptUntil);
    for (const share of shares) {
      let counter = counters.get(share.key);
      if (counter === undefined) {
        counter = { place: counters.size + 1, share, at: hold.at, keptUntil: kept };
        counters.set(share.key, counter);
      }
      counter.keptUntil = Math.max(counter.keptUntil, kept);
      places.push(counter.place);
      all.push(share);
    }
    keeps.push(kept);
    lasts.push(all.length);
  }
  const rows = [...counters.values()];
  const ids = asked.map(({ hold }) => storedName(hold.id));
  const params: (string | null)[] = [];
  const given = (value: string | null): string => `$${params.push(value)}`;
  const numbers = (values: readonly number[]): string => given(list(values));
  const [idNames, fullIds] = named(schema, ids, given);
  const [keyNames] = named(
    schema,
    rows.map(({ share }) => storedName(share.key)),
    given,
  );
  const fresh = (value: () => string): string => (isFresh ? value() : 'NULL');
  const values = [
    idNames,
    fullIds,
    numbers(asked.map(({ hold }) => hold.at)),
    numbers(asked.map(({ hold }) => hold.expiresAt)),
    numbers(keeps),
    numbers(twinsOf(ids)),
    numbers(lasts),
    numbers(places),
    given(list(all.map(({ nanos }) => Math.min(nanos, TOO_MUCH)))),
    numbers(all.map(({ limitNanos }) => limitNanos)),
    numbers(all.map(({ rollingMs = 0 }) => rollingMs)),
    keyNames,
    numbers(rows.map(({ keptUntil }) => Math.min(Math.ceil(keptUntil / DAY_MS), FOREVER_DAYS))),
    String(isFresh),
    fresh(() => given(texts(rows.map(({ share }) => storedName(share.account))))),
    fresh(() => numbers(rows.map(({ share }) => share.rollingMs ?? 0))),
    fresh(() => numbers(rows.map(({ share }) => share.resetsAt))),
    fresh(() => numbers(rows.map(({ at }) => at))),
    given(String(clear)),
  ];
  return [`${schema}.reserve(${values.join(', ')})`, params];
}

/** Asks to book. */
export function settleQuestion(schema: string, settlements: readonly Settlement[]): Question {
  const ids = settlements.map(({ id }) => storedName(id));
  const usage = settlements.flatMap(({ usage: record }, index) => (record === undefined ? [] : [recordRow(index + 1, record)]));
  const params: (string | null)[] = [];
  const given = (value: string | null): string => `$${params.push(value)}`;
  const [idNames] = named(schema, ids, given);
  const values = [
    idNames,
    given(list(settlements.map(({ at }) => at))),
    given(list(settlements.map(({ spentNanos }) => spentNanos))),
    given(list(twinsOf(ids))),
    given(usage.length > 0 ? JSON.stringify(usage) : null),
  ];
  return [`${schema}.settle(${values.join(', ')})`, params];
}

/** Names as they are indexed, and as they are if one of them may be too long for that. */
function named(
  schema: string,
  names: readonly string[],
  given: (value: string) => string,
): readonly [short: string, full: string] {
  const full = given(texts(names));
  return names.every(({ length }) => length <= SHORT) ? [full, 'NULL'] : [`${schema}.short(${full}::text[])`, full];
}
