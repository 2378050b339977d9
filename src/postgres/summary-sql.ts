import { countedLengths, type DurationHistogram } from '../usage/duration-histogram';
import { storedName } from '../stored-name';
import type { GroupBy, UsageQuery } from '../usage/usage-log';

/** What groups are made by. */
interface GroupColumn {
  /** What is the same within a group. */
  readonly key: string;
  /** The key as text. */
  readonly text: (key: string) => string;
}

/** The figures of a result's row, by the names that it has them by. */
const FIGURES = {
  calls: 'count(*)',
  prompt_tokens: 'sum(t.prompt_tokens)',
  cached_tokens: 'sum(t.cached_tokens)',
  completion_tokens: 'sum(t.completion_tokens)',
  reasoning_tokens: 'sum(t.reasoning_tokens)',
  cost_nanos: 'sum(t.cost_nanos)',
  errors: `count(*) FILTER (WHERE t.outcome IN ('error', 'timeout'))`,
  last_at: 'max(t.at)',
} as const;

const COLUMNS: Readonly<Record<Exclude<Extract<GroupBy, string>, 'day'>, string>> = {
  team: 't.team',
  user: `coalesce(t."user", '')`,
  key: `coalesce(t.key_id, '')`,
  model: 't.model',
  operation: 't.operation',
};
/** No zone of our time has a day that begins within one of UTC. */
export const QUARTER_HOUR_MS = 900_000;

/**
 * The columns to group by; what they need to be told is added to `params`. Days go by the database's own calendar if it `knowsZone`,
 * or else they are the number of a quarter of an hour.
 */
export function groupColumns(
  { groupBy, timeZone = 'UTC' }: UsageQuery,
  knowsZone: boolean,
  params: (string | null)[],
): GroupColumn[] {
  const plain = (key: string): GroupColumn => ({ key, text: (text) => text });
  return groupBy.map((by) => {
    if (typeof by === 'object') {
      params.push(storedName(by.tag));
      return plain(`coalesce(t.tags->>$${params.length}::text, '')`);
    }
    if (by !== 'day') return plain(COLUMNS[by]);
    if (!knowsZone) return { key: `floor(t.at / ${QUARTER_HOUR_MS})`, text: (quarter) => `(${quarter})::text` };
    params.push(timeZone);
    return {
      key: `(to_timestamp(t.at / 1000) AT TIME ZONE $${params.length}::text)::date`,
      text: (day) => `to_char(${day}::timestamp, 'YYYY-MM-DD')`,
    };
  });
}

/** The parameters that every such statement begins with. */
export function summaryParams({ from, to }: UsageQuery): (string | null)[] {
  return [String(from), String(to), LENGTHS];
}

const COUNTED_MS = countedLengths();
// `width_bucket` finds the greatest length that is not above a duration: the least that is not below it, if all are negative.
const LENGTHS = `{${COUNTED_MS.toReversed()
  .map((ms) => -ms)
  .join()}}`;

/** Adds the durations of a row, which are what they are counted as and how many there are. */
export function addDurations(to: DurationHistogram, text: string): void {
  if (text === '') return;
  for (const counted of text.split(',')) {
    const colon = counted.indexOf(':');
    const ms = COUNTED_MS[COUNTED_MS.length - Number(counted.slice(0, colon))] ?? 0;
    to.addCounted(ms, Number(counted.slice(colon + 1)));
  }
}

/**
 * One statement, so that all of it is of the same records: those from `$1` on and before `$2`. A row has the groups as `g0`, `g1`, …,
 * and either `model`, `code` (null unless the calls were denied) and the figures, or durations of calls as `waits` or `latencies`,
 * for `addDurations`. All are texts, because clients read large numbers differently.
 */
export function summarySql(schema: string, groups: readonly GroupColumn[]): string {
  const records = `${schema}.usage t WHERE t.at >= $1::double precision AND t.at < $2::double precision`;
  // A group may be called as a column is, which GROUP BY would prefer; hence the names k0, k1, …
  const keys = groups.map(({ key }, index) => `${key} AS k${index}, `).join('');
  const names = groups.map((_, index) => `k${index}, `).join('');
  const texts = groups.map(({ text }, index) => `${text(`k${index}`)} AS g${index}, `).join('');
  const figures = Object.entries(FIGURES);
  const sums = figures.map(([name, sql]) => `${sql} AS ${name}`).join(', ');
  const sumTexts = figures.map(([name]) => `${name}::text`).join(', ');
  const noSums = figures.map(() => 'NULL').join(', ');
  const code = `CASE WHEN t.outcome = 'denied' THEN coalesce(t.code, '') END`;
  // Without a group there would be a row of nothing.
  const grouped = groups.length > 0 ? `GROUP BY ${names.slice(0, -2)}` : 'HAVING count(*) > 0';
  const durations = (column: string): string =>
    `SELECT ${names}string_agg(place || ':' || times, ',') AS durations FROM ` +
    `(SELECT ${keys}width_bucket(-${column}, $3::double precision[]) AS place, count(*) AS times ` +
    `FROM ${records} AND t.outcome <> 'denied' GROUP BY ${names}place) counts ${grouped}`;
  return (
    `SELECT ${texts}model, code, ${sumTexts}, NULL AS waits, NULL AS latencies FROM ` +
    `(SELECT ${keys}t.model AS model, ${code} AS code, ${sums} FROM ${records} GROUP BY ${names}t.model, ${code}) sums ` +
    `UNION ALL SELECT ${texts}NULL, NULL, ${noSums}, durations, NULL FROM (${durations('t.wait_ms')}) waits ` +
    `UNION ALL SELECT ${texts}NULL, NULL, ${noSums}, NULL, durations FROM (${durations('t.latency_ms')}) latencies`
  );
}
