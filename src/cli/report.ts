import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Governance } from '../governance';
import { Governor } from '../governor';
import { type ReportFormat, formatReport, reportFormats } from '../report/format';
import type { Report, ReportBy } from '../usage-report';
import { type JsonlUsageLog, jsonlUsageLog } from '../usage/jsonl';
import { Failure, messageOf } from './failure';
import { oneOf } from './option-values';
import { type ReportOptions, formatOf, groups, lengthOfTime, periodOf, timeZoneName } from './report-options';
import type { Session } from './session';

export function addReport(program: Command, session: Session): void {
  program
    .command('report')
    .summary('calls, tokens and cost of a period')
    .description(
      'Sums up the usage log: calls, refusals, tokens, cost, waits and latencies, and how much of the budgets is used.',
    )
    .option('--last <time>', 'the time up to now, e.g. 24h, 7d, 4w (default: 30d)', lengthOfTime)
    .option('--from <time>', 'a day such as 2026-11-01, or an instant such as 2026-11-01T08:00:00Z')
    .option('--to <time>', 'the last day, or an instant that is not part of it (default: now)')
    .option('--by <groups>', 'team, user, key, model, endpoint, day, tag:name, parted by commas (default: team)', groups)
    .option(
      '-f, --format <format>',
      `${reportFormats.join(', ')} (default: table, or by the file's ending)`,
      oneOf(reportFormats),
    )
    .option('-o, --output <file>', 'write to a file')
    .option('--log <file>', 'read this file of jsonlUsageLog(); needs no configuration')
    .option('--time-zone <name>', 'for days, with --log (default: that of the configuration, or UTC)', timeZoneName)
    .option('--title <text>', 'the heading')
    .addHelpText('after', HELP)
    .action(async (options: ReportOptions) => run(session, options));
}

const HELP = `
HTML without --by is one page with teams, days, models and endpoints.
Exit code: 0 done, 2 wrong usage, 3 the usage log or the file failed.

Examples:
  $ governed-groq report --last 7d
  $ governed-groq report --from 2026-11-01 --to 2026-11-30 --by team,model
  $ governed-groq report --by day,tag:feature --format csv > november.csv
  $ governed-groq report --log usage.jsonl --output report.html`;

async function run(session: Session, options: ReportOptions): Promise<void> {
  const format = formatOf(options, session.json);
  const { governor, timeZone, log } = await sourceOf(session, options);
  const query = periodOf(options, timeZone);
  const sections: readonly (readonly ReportBy[])[] =
    options.by === undefined && format === 'html' ? [['team'], ['day'], ['model'], ['endpoint']] : [options.by ?? ['team']];
  const reports: Report[] = [];
  for (const by of sections) reports.push(await governor.report({ ...query, by }));
  const text = textOf(reports, format, options, session);
  if (log && log.skippedLines > 0)
    session.note(`${log.skippedLines} lines of ${options.log ?? 'the log'} are no usage records.`);
  if (options.output === undefined || options.output === '-') session.io.stdout.write(text);
  else await writeOut(session, options.output, text, format, reports);
}

function textOf(
  reports: readonly Report[],
  format: ReportFormat,
  { title, output }: ReportOptions,
  { io, coloured }: Session,
): string {
  const [only, ...others] = reports;
  const toTerminal = output === undefined || output === '-';
  return formatReport(only !== undefined && others.length === 0 ? only : reports, format, {
    title,
    width: (toTerminal ? io.columns : undefined) ?? Infinity,
    color: toTerminal && coloured,
  });
}

interface Source {
  readonly governor: Governor;
  readonly timeZone: string;
  readonly log?: JsonlUsageLog;
}

async function sourceOf(session: Session, options: ReportOptions): Promise<Source> {
  if (options.log !== undefined) return logSource(session, options, options.log);
  if (options.timeZone !== undefined)
    throw new Failure('usage', '--time-zone goes with --log only: the days of a configuration are those of its budgets');
  const { governor, governance, file } = await session.configuration();
  const timeZone = governance?.timeZone ?? 'UTC';
  if (governance === undefined) return { governor, timeZone };
  if (governance.usageLog === undefined)
    throw new Failure('usage', `${file} has no usageLog to report on. Give it one, or name a file with --log usage.jsonl`);
  return { governor: governance.budgetStore === undefined ? plainGovernor(session, governance) : governor, timeZone };
}

async function logSource(session: Session, options: ReportOptions, path: string): Promise<Source> {
  const { io } = session;
  const stats = statSync(resolve(io.cwd, path), { throwIfNoEntry: false });
  if (!stats?.isFile()) throw new Failure('usage', stats ? `${path} is no file` : `There is no file ${path}`);
  const configuration = options.timeZone === undefined && session.options.config ? await session.configuration() : undefined;
  const timeZone = options.timeZone ?? configuration?.governance?.timeZone ?? 'UTC';
  const log = jsonlUsageLog(resolve(io.cwd, path));
  return { governor: plainGovernor(session, { usageLog: log, timeZone }), timeZone, log };
}

// Without a store that others share nothing is known of the budgets, and a share of 0 % would be a lie.
function plainGovernor(session: Session, { usageLog, timeZone, clock = session.io.clock }: Governance): Governor {
  const governor = new Governor({ ...(usageLog && { usageLog }), ...(timeZone !== undefined && { timeZone }), clock });
  session.closeLater(governor);
  return governor;
}

async function writeOut(
  session: Session,
  output: string,
  text: string,
  format: ReportFormat,
  reports: readonly Report[],
): Promise<void> {
  const path = resolve(session.io.cwd, output);
  try {
    await writeFile(path, text);
  } catch (error) {
    throw new Failure('outside', `${output} cannot be written: ${messageOf(error)}`, { cause: error });
  }
  if (session.json) session.printJson({ output: path, format, rows: reports.reduce((sum, { rows }) => sum + rows.length, 0) });
  else session.note(`Wrote ${output}.`);
}
