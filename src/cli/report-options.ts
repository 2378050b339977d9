// What `report` was told, as the query and the format that it means.
import { extname } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { calendarWindow, isTimeZone } from '../budget/window';
import type { ReportFormat } from '../report/format';
import type { ReportBy, ReportQuery } from '../usage-report';
import { Failure } from './failure';
import { suggestion } from './option-values';

export interface ReportOptions {
  readonly last?: string;
  readonly from?: string;
  readonly to?: string;
  readonly by?: readonly ReportBy[];
  readonly format?: ReportFormat;
  readonly output?: string;
  readonly log?: string;
  readonly timeZone?: string;
  readonly title?: string;
}

const GROUPS = ['team', 'user', 'key', 'model', 'endpoint', 'operation', 'day'] as const;

/** `team,model,tag:feature`, added to those before. */
export function groups(text: string, before: readonly ReportBy[] = []): readonly ReportBy[] {
  const added = text.split(',').map((part): ReportBy => {
    const word = part.trim();
    if (word.startsWith('tag:') && word.length > 4) return { tag: word.slice(4) };
    const found = GROUPS.find((group) => group === word);
    if (found === undefined)
      throw new InvalidArgumentError(`Expected ${GROUPS.join(', ')} or tag:name.${suggestion(word, GROUPS)}`);
    return found;
  });
  return [...before, ...added];
}

/** A length of time as `report()` takes it. */
export function lengthOfTime(text: string): string {
  if (!/^\d+[mhdw]$/.test(text)) throw new InvalidArgumentError("Expected a number and m, h, d or w, e.g. '7d'.");
  return text;
}

export function timeZoneName(text: string): string {
  if (!isTimeZone(text)) throw new InvalidArgumentError("Expected an IANA name, e.g. 'Europe/Berlin'.");
  return text;
}

/** The period to report, in a time zone. Throws a `Failure` on what is none. */
export function periodOf({ last, from, to }: ReportOptions, timeZone: string): Pick<ReportQuery, 'last' | 'from' | 'to'> {
  if (last !== undefined && (from !== undefined || to !== undefined))
    throw new Failure('usage', '--last is up to now, so it does not go with --from and --to');
  if (from === undefined && to === undefined) return last === undefined ? {} : { last };
  if (from === undefined) throw new Failure('usage', '--to needs --from: the time at which the report begins');
  const begins = instant('--from', from, timeZone, 'startsAt');
  const ends = to === undefined ? undefined : instant('--to', to, timeZone, 'resetsAt');
  if (ends !== undefined && ends <= begins) throw new Failure('usage', '--to is not after --from, so there is nothing between');
  return { from: begins, ...(ends !== undefined && { to: ends }) };
}

/** A day of the time zone, taken at its beginning or end, or an instant with its own offset. */
function instant(option: string, text: string, timeZone: string, edge: 'startsAt' | 'resetsAt'): number {
  const day = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (day) {
    // Noon is in the day that is meant, by the clocks of all zones but those that are further than half a day away.
    const noon = Date.parse(`${text}T12:00:00Z`);
    if (new Date(noon || 0).toISOString().startsWith(text) && Number(day[1]) >= 1901 && Number(day[1]) < 9998) {
      for (const shift of [0, -12, 12]) {
        const window = calendarWindow('day', noon + shift * 3_600_000, timeZone);
        if (window.label === text) return window[edge];
      }
    }
  } else if (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(text)) {
    const at = Date.parse(text);
    if (Number.isFinite(at)) return at;
  }
  throw new Failure(
    'usage',
    `${option} is no time: expected a day such as 2026-11-01, or an instant such as 2026-11-01T08:00:00Z, got ${JSON.stringify(text.slice(0, 60))}`,
  );
}

/** Whether the report goes to the standard output. */
export const isStdout = (output: string | undefined): output is undefined | '-' => output === undefined || output === '-';

/** Whether a log is the standard input. Where that is a socket, it cannot be opened by its path. */
export const isStdin = (log: string): boolean => log === '-' || log === '/dev/stdin';

const ENDINGS: Readonly<Record<string, ReportFormat>> = {
  csv: 'csv',
  json: 'json',
  md: 'markdown',
  markdown: 'markdown',
  html: 'html',
  htm: 'html',
  txt: 'table',
};

/** The format that was asked for, else what the name of the file to be written says, else a table. Throws a `Failure` if that says none. */
export function formatOf({ format, output }: ReportOptions, json: boolean): ReportFormat {
  if (format !== undefined) {
    if (json && isStdout(output) && format !== 'json')
      throw new Failure('usage', `--json and --format ${format} exclude each other`);
    return format;
  }
  if (isStdout(output)) return json ? 'json' : 'table';
  const found = ENDINGS[extname(output).slice(1).toLowerCase()];
  if (found !== undefined) return found;
  const known = Object.keys(ENDINGS).map((ending) => `.${ending}`);
  throw new Failure('usage', `The ending of ${output} tells no format. Name one with --format, or use ${known.join(', ')}`);
}
