// Where the figures of a report come from: the log of the configuration, or one that is named.
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Governance } from '../governance';
import { Governor } from '../governor';
import { jsonlUsageLog } from '../usage/jsonl';
import { Failure } from './failure';
import { type ReportOptions, isStdin } from './report-options';
import type { Session } from './session';

/** What a report is made of. */
export interface ReportSource {
  readonly governor: Governor;
  readonly timeZone: string;
  /** The files that it is read from, as far as they are known; absolute. */
  readonly files: readonly string[];
  /** As it is called in messages. */
  readonly name: string;
  /** How many lines of the log are no records, once it has been read. */
  readonly skippedLines: () => number;
}

/** The log that was asked for. Throws a `Failure` if there is none. */
export async function sourceOf(session: Session, options: ReportOptions): Promise<ReportSource> {
  if (options.log !== undefined) return logSource(session, options, options.log);
  if (options.timeZone !== undefined)
    throw new Failure('usage', '--time-zone goes with --log only: the days of a configuration are those of its budgets');
  const { governor, governance, file, logPath } = await session.configuration();
  const timeZone = governance?.timeZone ?? 'UTC';
  const source = { timeZone, files: logPath === undefined ? [] : [logPath], name: logPath ?? `the usageLog of ${file}` };
  if (governance === undefined) return { ...source, governor, skippedLines: () => 0 };
  const { usageLog } = governance;
  if (usageLog === undefined)
    throw new Failure('usage', `${file} has no usageLog to report on. Give it one, or name a file with --log usage.jsonl`);
  return {
    ...source,
    governor: governance.budgetStore === undefined ? plainGovernor(session, governance) : governor,
    // A `jsonlUsageLog()` tells.
    skippedLines: () => ('skippedLines' in usageLog ? Number(usageLog.skippedLines) || 0 : 0),
  };
}

async function logSource(session: Session, options: ReportOptions, name: string): Promise<ReportSource> {
  const path = resolve(session.io.cwd, name);
  const stats = isStdin(name) ? undefined : statSync(path, { throwIfNoEntry: false });
  if (!isStdin(name) && !stats) throw new Failure('usage', `There is no file ${name}`);
  if (stats?.isDirectory()) throw new Failure('usage', `${name} is a folder. Name the file of a usage log`);
  const configuration = options.timeZone === undefined && session.options.config ? await session.configuration() : undefined;
  const timeZone = options.timeZone ?? configuration?.governance?.timeZone ?? 'UTC';
  const usageLog = jsonlUsageLog(stats?.isFile() ? path : await copyOf(session, name, path));
  const governor = plainGovernor(session, { usageLog, timeZone });
  return { governor, timeZone, files: [isStdin(name) ? '/dev/stdin' : path], name, skippedLines: () => usageLog.skippedLines };
}

/** What comes through a pipe, as a file: it can be read only once, and a report may have several sections. */
async function copyOf(session: Session, name: string, path: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'governed-groq-'));
  session.closeLater({ close: () => rmSync(folder, { recursive: true, force: true }) });
  const copy = join(folder, 'usage.jsonl');
  if (isStdin(name)) await writeFile(copy, await session.io.readStdin(), { mode: 0o600 });
  else await pipeline(createReadStream(path), createWriteStream(copy, { mode: 0o600 }));
  return copy;
}

// Without a store that others share nothing is known of the budgets, and a share of 0 % would be a lie.
function plainGovernor(session: Session, { usageLog, timeZone, clock = session.io.clock }: Governance): Governor {
  const governor = new Governor({ ...(usageLog && { usageLog }), ...(timeZone !== undefined && { timeZone }), clock });
  session.closeLater(governor);
  return governor;
}
