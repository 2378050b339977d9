import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type ReportFormat, formatReport, reportFormats } from '../report/format';
import type { Report, ReportBy } from '../usage-report';
import { oneOf } from './option-values';
import { type ReportOptions, formatOf, groups, isStdout, lengthOfTime, periodOf, timeZoneName } from './report-options';
import { checkOutput, writeReport } from './report-output';
import { type ReportSource, sourceOf } from './report-source';
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
    .option('--log <file>', 'read this file of jsonlUsageLog(), or - the standard input; needs no configuration')
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
  const { output } = options;
  const source = await sourceOf(session, options);
  if (!isStdout(output)) checkOutput(output, source.files, session);
  const reports = await reportsOf(source, options, format);
  const skippedLines = source.skippedLines();
  const text = textOf(reports, format, options, session, skippedLines);
  if (skippedLines > 0) session.warn(skippedText(skippedLines, source.name));
  if (isStdout(output)) return session.io.stdout.write(text);
  const path = resolve(session.io.cwd, output);
  await writeReport(path, output, text);
  const rows = reports.reduce((sum, each) => sum + each.rows.length, 0);
  if (session.json) session.printJson({ output: path, format, rows, ...(skippedLines > 0 && { skippedLines }) });
  else session.note(`Wrote ${output}.`);
}

async function reportsOf(source: ReportSource, options: ReportOptions, format: ReportFormat): Promise<readonly Report[]> {
  const query = periodOf(options, source.timeZone);
  const sections: readonly (readonly ReportBy[])[] =
    options.by === undefined && format === 'html' ? [['team'], ['day'], ['model'], ['endpoint']] : [options.by ?? ['team']];
  const reports: Report[] = [];
  for (const by of sections) reports.push(await source.governor.report({ ...query, by }));
  return reports;
}

function textOf(
  reports: readonly Report[],
  format: ReportFormat,
  { title, output }: ReportOptions,
  { io, coloured }: Session,
  skippedLines: number,
): string {
  const told = reports.map((report) => (format === 'json' && skippedLines > 0 ? withSkipped(report, skippedLines) : report));
  const [only, ...others] = told;
  const toTerminal = isStdout(output);
  return formatReport(only !== undefined && others.length === 0 ? only : told, format, {
    title,
    width: (toTerminal ? io.columns : undefined) ?? Infinity,
    color: toTerminal && coloured,
  });
}

const skippedText = (lines: number, log: string): string =>
  lines === 1 ? `1 line of ${log} is no usage record.` : `${lines} lines of ${log} are no usage records.`;

/** A report that tells, as JSON, how much of its log it could not read. */
const withSkipped = (report: Report, skippedLines: number): Report & { readonly skippedLines: number } => ({
  ...report,
  skippedLines,
});
