import type { Report } from '../usage-report';
import { groupingText } from './columns';
import { csvText } from './csv';
import { htmlPage } from './html';
import { jsonText } from './json';
import { markdownText } from './markdown';
import { printable } from './names';
import { tableText } from './table';

/** All formats, for those who offer them. */
export const reportFormats = ['table', 'csv', 'json', 'markdown', 'html'] as const;

/** What a report can be written as. */
export type ReportFormat = (typeof reportFormats)[number];

/** How to write a report. Each option concerns the formats that it names, and is ignored by the others. */
export interface FormatOptions {
  /** Table, Markdown, HTML: the heading, to which what it is grouped by is added. Default `Groq usage`. */
  readonly title?: string | undefined;
  /**
   * Table: columns of the terminal, default 100; fewer than 20 count as 20, `Infinity` leaves nothing out. Where room is short,
   * names are shortened, then the least important figures go: see `IMPORTANCE`.
   */
  readonly width?: number | undefined;
  /** Table: whether to write ANSI colours. Default false. */
  readonly color?: boolean | undefined;
  /** CSV: whether a last row has the total, its groups empty. Default false: sums over the column would count twice. */
  readonly total?: boolean | undefined;
}

/**
 * Writes a report, or several one after the other: for HTML as sections of one page, for JSON as an array; CSV holds one only.
 * Pure: it reads no clock, file or environment, and equal reports give equal text. Ends with a line end.
 *
 * - `table`: for a terminal, never wider than `width`. Amounts are rounded; rows by day if grouped by `day` first.
 * - `csv`: RFC 4180, exact figures, no formulas: a name that begins like one gets an apostrophe in front.
 * - `json`: the report with times as text too, and all digits of `costUsd`.
 * - `markdown`: a GitHub table.
 * - `html`: one page with charts, which needs no network.
 *
 * Whatever names of teams, users and tags hold is shown and never obeyed. Throws a RangeError on a format, width or number of
 * reports that it cannot write.
 */
export function formatReport(
  report: Report | readonly Report[],
  format: ReportFormat,
  { title = 'Groq usage', width = 100, color = false, total = false }: FormatOptions = {},
): string {
  const reports = isList(report) ? report : [report];
  if (reports.length === 0) throw new RangeError('Expected a report, or at least one in the list, got none.');
  const heading = (each: Report): string => `${printable(title)} ${groupingText(each.by)}`;
  switch (format) {
    case 'table':
      if (!(width > 0)) throw new RangeError(`Expected width to be a number of columns, e.g. 80, got ${String(width)}.`);
      return reports.map((each) => tableText(each, { width, color, title: heading(each) })).join('\n');
    case 'csv':
      return csvText(onlyOne(reports), { total });
    case 'json':
      return jsonText(report);
    case 'markdown':
      return reports.map((each) => markdownText(each, heading(each))).join('\n');
    case 'html':
      return htmlPage(reports, printable(title));
    default:
      throw new RangeError(`Expected one of the formats ${reportFormats.join(', ')}, got ${JSON.stringify(format)}.`);
  }
}

// Array.isArray does not narrow readonly arrays.
const isList = (report: Report | readonly Report[]): report is readonly Report[] => Array.isArray(report);

function onlyOne(reports: readonly Report[]): Report {
  const [first, ...others] = reports;
  if (!first || others.length > 0) {
    throw new RangeError(`Expected one report, as CSV holds one table, got ${reports.length}. Write each to its own file.`);
  }
  return first;
}
