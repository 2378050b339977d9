import { calendarWindow } from './budget/window';
import type { Context } from './context';
import { formatInstant } from './errors';
import { parseKeyName } from './keys/key-name';
import type { KeyState, ListedKey } from './keys/key-provider';
import { NANOS_PER_USD } from './money';
import type { UsageSummary } from './usage/usage-log';

/** What is known of one key: from the provider of the keys, and from the usage log that processes share. */
export interface KeyReport extends ListedKey {
  /** As the key is called where it is written down: the `id` once more. */
  readonly name: string;
  /**
   * As the key provider tells; a key that only other processes have used yet is `active`, or `standby` if a newer one of its
   * team is. Undefined for a key that the usage log knows and the provider does not.
   */
  readonly state?: KeyState | undefined;
  /** Calls today, in the time zone of the governance; as are the tokens, the cost and the errors. */
  readonly requests: number;
  /** Input and output. */
  readonly tokens: number;
  readonly costNanos: number;
  readonly costUsd: number;
  /** Undefined if the usage log does not tell. */
  readonly errors?: number | undefined;
  /** Calls under way in this process. */
  readonly inFlight: number;
  /** When the latest call of the last 35 days was admitted. Undefined if there was none, or the usage log does not tell. */
  readonly lastUsedAt?: number | undefined;
  /**
   * True if the key can be deleted at the provider: it takes no calls, another key of its team does, nothing is in flight here, and
   * no process has used it for 24 hours.
   */
  readonly safeToDelete: boolean;
  /** When the 24 hours are over, if that is all that is missing. */
  readonly safeToDeleteAt?: number | undefined;
  /** The same for people, in a sentence. */
  readonly note: string;
}

/** How to report on keys. */
export interface KeyReportQuery {
  /** The time zone of "today". Default `'UTC'`. */
  readonly timeZone?: string | undefined;
}

const DAY_MS = 86_400_000;
/** How long a key must be silent before it is safe to delete. */
const SILENT_MS = DAY_MS;
/** How far back uses are looked for. */
const LOOKED_BACK_MS = 35 * DAY_MS;

/** One report per key: those of the provider in its order, then those that only the usage log knows. */
export async function keyReport(
  { clock, keys, usageLog }: Pick<Context, 'clock' | 'keys' | 'usageLog'>,
  inFlight: (keyId: string) => number,
  { timeZone = 'UTC' }: KeyReportQuery = {},
): Promise<readonly KeyReport[]> {
  const now = clock.now();
  const to = Math.floor(now) + 1;
  const { startsAt } = calendarWindow('day', now, timeZone);
  const [today, lately, sinceYesterday] = await Promise.all(
    [startsAt, to - LOOKED_BACK_MS, to - SILENT_MS].map(async (from) =>
      byKey(await usageLog.summarize({ from, to, groupBy: ['key'] })),
    ),
  );
  const listed = new Map((keys?.list?.(now) ?? []).map((key) => [key.id, key]));
  // A log that has begun since yesterday, as one in memory has, cannot tell that a key was silent for longer.
  const reachesBack = callsIn(lately) > callsIn(sinceYesterday);
  const unlisted = [...(lately?.keys() ?? [])].filter((id) => !listed.has(id));
  const seen: readonly Seen[] = [...listed.values(), ...unlisted.map(unlistedKey)].map((key) => ({
    key,
    isListed: listed.has(key.id),
    now,
    today: today?.get(key.id),
    lately: lately?.get(key.id),
    sinceYesterday: sinceYesterday?.get(key.id),
    inFlight: inFlight(key.id),
    reachesBack,
  }));
  const states = seen.map((each, index) =>
    stateOf(
      each,
      seen.filter((other, at) => isNewer(other, at, each, index)),
    ),
  );
  return seen.map((each, index) => {
    const others = seen.filter((other, at) => at !== index && states[at] === 'active' && serves(other.key, each.key));
    return reportOn(each, states[index], others.length > 0);
  });
}

interface Seen {
  readonly key: ListedKey;
  readonly isListed: boolean;
  readonly now: number;
  readonly today: UsageSummary | undefined;
  readonly lately: UsageSummary | undefined;
  readonly sinceYesterday: UsageSummary | undefined;
  readonly inFlight: number;
  /** Whether the usage log has calls that are older than the time that a key must be silent. */
  readonly reachesBack: boolean;
}

const callsIn = (summaries: ReadonlyMap<string, UsageSummary> | undefined): number =>
  [...(summaries?.values() ?? [])].reduce((sum, { calls }) => sum + calls, 0);

function byKey(summaries: readonly UsageSummary[]): ReadonlyMap<string, UsageSummary> {
  // Calls without a key of a name are no key's.
  return new Map(summaries.flatMap((summary) => (summary.group[0] ? [[summary.group[0], summary] as const] : [])));
}

const unlistedKey = (id: string): ListedKey => ({ id, ...parseKeyName(id) });

/** Whether a key can stand in for another. */
const serves = (one: ListedKey, other: ListedKey): boolean => one.team === undefined || one.team === other.team;

function isNewer(one: Seen, index: number, other: Seen, otherIndex: number): boolean {
  if (!one.isListed || one.key.team !== other.key.team) return false;
  const [begins = -Infinity, otherBegins = -Infinity] = [one.key.notBefore, other.key.notBefore];
  return begins > otherBegins || (begins === otherBegins && index > otherIndex);
}

/** Somebody's calls have been answered with it in the last 24 hours. */
const isInUse = ({ sinceYesterday }: Seen): boolean =>
  sinceYesterday !== undefined && sinceYesterday.calls > (sinceYesterday.errors ?? 0);

// A process that has made no calls yet, such as a command line, knows of none that works; the log does.
function stateOf(seen: Seen, newer: readonly Seen[]): KeyState | undefined {
  const { state } = seen.key;
  if (state !== 'proving') return state;
  const isReplaced = newer.some((other) => isInUse(other) && (other.key.state === 'active' || other.key.state === 'proving'));
  if (isReplaced) return 'standby';
  return isInUse(seen) ? 'active' : state;
}

function reportOn(seen: Seen, state: KeyState | undefined, isReplaced: boolean): KeyReport {
  const { key, now, today, lately, inFlight, reachesBack } = seen;
  const lastUsedAt = lately?.lastAt;
  // Calls of which nobody knows when they were may have been just now.
  const isUnused = lately === undefined || lately.calls === 0;
  const silentSince = isUnused ? (reachesBack ? -Infinity : Infinity) : (lastUsedAt ?? Infinity);
  const isSparable = isReplaced && takesNoCalls(state, seen.isListed) && inFlight === 0 && silentSince < Infinity;
  const safeToDelete = isSparable && now - silentSince >= SILENT_MS;
  const costNanos = today?.costNanos ?? 0;
  const safeToDeleteAt = isSparable && !safeToDelete ? silentSince + SILENT_MS : undefined;
  return {
    ...key,
    name: key.id,
    state,
    requests: today?.calls ?? 0,
    tokens: (today?.promptTokens ?? 0) + (today?.completionTokens ?? 0),
    costNanos,
    costUsd: costNanos / NANOS_PER_USD,
    errors: today === undefined ? 0 : today.errors,
    inFlight,
    lastUsedAt,
    safeToDelete,
    safeToDeleteAt,
    note: noteOn({ seen, state, isReplaced, safeToDelete, safeToDeleteAt }),
  };
}

function takesNoCalls(state: KeyState | undefined, isListed: boolean): boolean {
  return !isListed || state === 'retired' || state === 'standby' || state === 'quarantined';
}

interface Verdict {
  readonly seen: Seen;
  readonly state: KeyState | undefined;
  readonly isReplaced: boolean;
  readonly safeToDelete: boolean;
  readonly safeToDeleteAt: number | undefined;
}

function noteOn({ seen, state, isReplaced, safeToDelete, safeToDeleteAt }: Verdict): string {
  const { key, isListed, now, lately, inFlight, reachesBack } = seen;
  const lastAt = lately?.lastAt;
  const used = lastAt === undefined ? whenUnknown(lately, reachesBack) : `last used ${formatAge(now - lastAt)} ago`;
  if (safeToDelete) return `safe to delete: ${lastAt === undefined ? used : `silent for ${formatAge(now - lastAt)}`}`;
  if (safeToDeleteAt !== undefined) return `${used}; safe to delete after ${formatInstant(safeToDeleteAt)}`;
  if (state === 'waiting') return `takes calls from ${formatInstant(key.notBefore ?? now)}`;
  if (!takesNoCalls(state, isListed)) return state === 'proving' ? `no answer with it in this process yet; ${used}` : used;
  const what = !isListed
    ? 'not in the list of keys'
    : state === 'quarantined'
      ? 'refused by the provider, or unreadable'
      : state;
  const why = inFlight > 0 ? `${inFlight} in flight` : isReplaced ? used : 'no other key of its team is in use';
  return `${what}; ${why}`;
}

function whenUnknown(lately: UsageSummary | undefined, reachesBack: boolean): string {
  if (lately !== undefined && lately.calls > 0) return 'the usage log does not tell when it was last used';
  return reachesBack ? 'not used in 35 days' : 'no use is known; the usage log does not reach back 24 h';
}

function formatAge(ms: number): string {
  if (ms < 60_000) return 'less than a minute';
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  return ms < 3 * DAY_MS ? `${Math.floor(ms / 3_600_000)} h` : `${Math.floor(ms / DAY_MS)} days`;
}
