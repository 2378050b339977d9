// How records become summaries: shared by all logs, so that they agree on groups, days, top models and order.
import type { GroupBy, UsageQuery, UsageRecord, UsageSummary } from './usage-log';

/** The sums of a summary, without what they are grouped by. */
export interface UsageSums {
  calls: number;
  denied: number;
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
  reasoningTokens: number;
  costNanos: number;
}

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

/** Sums of nothing. */
export function noSums(): UsageSums {
  return {
    calls: 0,
    denied: 0,
    promptTokens: 0,
    cachedTokens: 0,
    completionTokens: 0,
    reasoningTokens: 0,
    costNanos: 0,
  };
}

/** Adds `from` to `to`. */
export function addSums(to: UsageSums, from: Readonly<UsageSums>): void {
  to.calls += from.calls;
  to.denied += from.denied;
  to.promptTokens += from.promptTokens;
  to.cachedTokens += from.cachedTokens;
  to.completionTokens += from.completionTokens;
  to.reasoningTokens += from.reasoningTokens;
  to.costNanos += from.costNanos;
}

/** Adds one record to `to`. A denied one counts as denied and as nothing else. */
export function addRecord(to: UsageSums, record: UsageRecord): void {
  if (record.outcome === 'denied') {
    to.denied += 1;
    return;
  }
  to.calls += 1;
  to.promptTokens += record.promptTokens;
  to.cachedTokens += record.cachedTokens;
  to.completionTokens += record.completionTokens;
  to.reasoningTokens += record.reasoningTokens;
  to.costNanos += record.costNanos;
}

interface Group {
  readonly values: readonly string[];
  readonly sums: UsageSums;
  readonly models: Map<string, { costNanos: number; calls: number }>;
}

/** Throws a `RangeError` on a group or a time zone that does not exist. */
export function usageSummarizer(query: Pick<UsageQuery, 'groupBy' | 'timeZone'>): UsageSummarizer {
  const groups = new Map<string, Group>();
  const values = query.groupBy.map((by) => groupValue(by, query.timeZone));

  const groupOf = (group: readonly string[]): Group => {
    // Lengths keep ['a', 'bc'] and ['ab', 'c'] apart, whatever characters names are made of.
    const key = group.length === 1 ? String(group[0]) : group.map((value) => `${value.length}:${value}`).join('');
    let found = groups.get(key);
    if (found === undefined) groups.set(key, (found = { values: group, sums: noSums(), models: new Map() }));
    return found;
  };
  const addGroup = (values: readonly string[], model: string, sums: Readonly<UsageSums>): void => {
    const group = groupOf(values);
    addSums(group.sums, sums);
    if (sums.calls === 0 || model === '') return;
    const used = group.models.get(model);
    if (used === undefined) group.models.set(model, { costNanos: sums.costNanos, calls: sums.calls });
    else {
      used.costNanos += sums.costNanos;
      used.calls += sums.calls;
    }
  };
  const addFacets = (facets: UsageFacets, sums: Readonly<UsageSums>): void =>
    addGroup(
      values.map((value) => value(facets)),
      facets.model,
      sums,
    );

  return {
    add(record) {
      const sums = noSums();
      addRecord(sums, record);
      addFacets(record, sums);
    },
    addSums: addFacets,
    addGroup,
    summaries: () => [...groups.values()].map(summaryOf).sort(byCost),
  };
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
  const [top] = [...models].sort(
    ([nameA, a], [nameB, b]) => b.costNanos - a.costNanos || b.calls - a.calls || compare(nameA, nameB),
  );
  return { group: values, ...sums, topModel: top?.[0] ?? '' };
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
