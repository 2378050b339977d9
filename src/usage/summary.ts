// How records become summaries: shared by all logs, so that they agree on groups, days, top models and order.
import { addRecord, addSums, noSums, type UsageSums } from './sums';
import type { GroupBy, UsageQuery, UsageRecord, UsageSummary } from './usage-log';

/** What records can be grouped by. */
export type UsageFacets = Pick<UsageRecord, 'at' | 'team' | 'user' | 'tags' | 'keyId' | 'operation' | 'model'>;

/** Collects records and sums of records, and groups them as a query asks. Does not look at the query's time range. */
export interface UsageSummarizer {
  /** Adds one record. */
  add(record: UsageRecord): void;
  /** Adds the sums of records that share these facets. */
  addSums(facets: UsageFacets, sums: Readonly<UsageSums>): void;
  /** Adds sums that are grouped already, by the query's groups and by model (for engines that group by themselves). */
  addGroup(group: readonly string[], model: string, sums: Readonly<UsageSums>): void;
  /** Highest cost first, then by group in code-unit order. */
  summaries(): readonly UsageSummary[];
}

interface Group {
  readonly values: readonly string[];
  readonly sums: UsageSums;
  readonly models: Map<string, ModelSums>;
}

interface ModelSums {
  costNanos: number;
  calls: number;
}

/** Throws a `RangeError` on a group or a time zone that does not exist. */
export function usageSummarizer(query: Pick<UsageQuery, 'groupBy' | 'timeZone' | 'withTotal'>): UsageSummarizer {
  const groups = new Map<string, Group>();
  const values = query.groupBy.map((by) => groupValue(by, query.timeZone));

  const groupOf = (group: readonly string[]): Group => {
    // Lengths keep ['a', 'bc'] and ['ab', 'c'] apart, whatever characters names are made of.
    const key = group.length === 1 ? String(group[0]) : group.map((value) => `${value.length}:${value}`).join('');
    let found = groups.get(key);
    if (found === undefined) groups.set(key, (found = emptyGroup(group)));
    return found;
  };
  const groupWith = (facets: UsageFacets): Group => groupOf(values.map((value) => value(facets)));

  return {
    add(record) {
      const group = groupWith(record);
      addRecord(group.sums, record);
      if (record.outcome !== 'denied') addModel(group, record.model, record.costNanos, 1);
    },
    addSums: (facets, sums) => addToGroup(groupWith(facets), facets.model, sums),
    addGroup: (group, model, sums) => addToGroup(groupOf(group), model, sums),
    summaries() {
      const summaries = [...groups.values()].map(summaryOf).sort(byCost);
      if (!query.withTotal || values.length === 0 || groups.size === 0) return summaries;
      return [summaryOf(totalOf(groups.values())), ...summaries];
    },
  };
}

function emptyGroup(values: readonly string[]): Group {
  return { values, sums: noSums(), models: new Map() };
}

function addToGroup(group: Group, model: string, sums: Readonly<UsageSums>): void {
  addSums(group.sums, sums);
  if (sums.calls > 0) addModel(group, model, sums.costNanos, sums.calls);
}

function addModel({ models }: Group, model: string, costNanos: number, calls: number): void {
  if (model === '') return;
  const used = models.get(model);
  if (used === undefined) models.set(model, { costNanos, calls });
  else {
    used.costNanos += costNanos;
    used.calls += calls;
  }
}

function totalOf(groups: Iterable<Group>): Group {
  const total = emptyGroup([]);
  for (const { sums, models } of groups) {
    addSums(total.sums, sums);
    for (const [model, { costNanos, calls }] of models) addModel(total, model, costNanos, calls);
  }
  return total;
}

function groupValue(by: GroupBy, timeZone: string | undefined): (facets: UsageFacets) => string {
  if (typeof by === 'object') return ({ tags }) => (tags && Object.hasOwn(tags, by.tag) ? (tags[by.tag] ?? '') : '');
  switch (by) {
    case 'team':
      return (facets) => facets.team;
    case 'user':
      return (facets) => facets.user ?? '';
    case 'key':
      return (facets) => facets.keyId ?? '';
    case 'model':
      return (facets) => facets.model;
    case 'operation':
      return (facets) => facets.operation;
    case 'day': {
      const label = dayLabels(timeZone);
      return (facets) => label(facets.at);
    }
    default:
      throw new RangeError(`Cannot group usage by ${JSON.stringify(by satisfies never)}`);
  }
}

function summaryOf({ values, sums, models }: Group): UsageSummary {
  const { calls, denied, promptTokens, cachedTokens, completionTokens, reasoningTokens, costNanos, errors } = sums;
  return {
    group: values,
    calls,
    denied,
    promptTokens,
    cachedTokens,
    completionTokens,
    reasoningTokens,
    costNanos,
    topModel: topOf(models),
    errors,
    deniedBy: Object.fromEntries([...(sums.deniedBy ?? [])].sort(byCount)),
    lastAt: sums.lastAt === -Infinity ? undefined : sums.lastAt,
    waitMs: sums.waits.percentiles(),
    latencyMs: sums.latencies.percentiles(),
  };
}

function topOf(models: ReadonlyMap<string, ModelSums>): string {
  let top: readonly [name: string, sums: ModelSums] | undefined;
  for (const model of models) if (top === undefined || byUse(model, top) < 0) top = model;
  return top?.[0] ?? '';
}

function byUse([nameA, a]: readonly [string, ModelSums], [nameB, b]: readonly [string, ModelSums]): number {
  return b.costNanos - a.costNanos || b.calls - a.calls || compare(nameA, nameB);
}

function byCount([codeA, a]: readonly [string, number], [codeB, b]: readonly [string, number]): number {
  return b - a || compare(codeA, codeB);
}

function byCost(a: UsageSummary, b: UsageSummary): number {
  if (a.costNanos !== b.costNanos) return b.costNanos - a.costNanos;
  for (const [index, value] of a.group.entries()) {
    const order = compare(value, b.group[index] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

// Not by locale: the order must be the same on every machine.
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const QUARTER_HOUR_MS = 900_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * Names the calendar day of an instant, e.g. `2026-11-21`, in a time zone (IANA name, default `'UTC'`).
 * Throws a `RangeError` if there is no such zone.
 */
export function dayLabels(timeZone = 'UTC'): (at: number) => string {
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', { timeZone, ...ymd });
  formats.set(timeZone, format);
  // No zone of our time has a day that begins within a quarter of an hour of UTC.
  const labels = new Map<number, string>();
  return (at) => {
    const quarter = Math.floor(at / QUARTER_HOUR_MS);
    let label = labels.get(quarter);
    if (label === undefined) labels.set(quarter, (label = labelOf(format, quarter * QUARTER_HOUR_MS)));
    return label;
  };
}

const ymd = { year: 'numeric', month: '2-digit', day: '2-digit' } as const;

function labelOf(format: Intl.DateTimeFormat, at: number): string {
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return `${(parts.get('year') ?? '').padStart(4, '0')}-${parts.get('month') ?? ''}-${parts.get('day') ?? ''}`;
}
