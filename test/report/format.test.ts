import { describe, expect, it } from 'vitest';
import { formatReport, reportFormats } from '../../src/report';
import { dayReport, reportOf, teamReport } from './reports';

describe('formatReport', () => {
  it.each(reportFormats)('as %s gives equal text for equal reports, and leaves them as they were', (format) => {
    const report = teamReport();
    const text = formatReport(report, format);
    expect(formatReport(teamReport(), format)).toBe(text);
    expect(report).toEqual(teamReport());
    expect(text.endsWith('\n')).toBe(true);
  });

  it.each(reportFormats)('as %s takes frozen reports', (format) => {
    const freeze = <T>(value: T): T => {
      if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
      return value;
    };
    expect(() => formatReport(freeze(dayReport()), format)).not.toThrow();
  });

  it('says which formats there are', () => {
    expect(() => Reflect.apply(formatReport, undefined, [teamReport(), 'pdf'])).toThrow(
      new RangeError('Expected one of the formats table, csv, json, markdown, html, got "pdf".'),
    );
  });

  it.each([0, -1, NaN])('refuses a width of %d', (width) => {
    expect(() => formatReport(teamReport(), 'table', { width })).toThrow(
      new RangeError(`Expected width to be a number of columns, e.g. 80, got ${width}.`),
    );
  });

  it('takes options that are undefined as not given', () => {
    const options = { width: undefined, color: undefined, title: undefined, total: undefined };
    expect(formatReport(teamReport(), 'table', options)).toBe(formatReport(teamReport(), 'table'));
  });

  it('writes no two reports into one CSV file', () => {
    expect(() => formatReport([teamReport(), dayReport()], 'csv')).toThrow(
      new RangeError('Expected one report, as CSV holds one table, got 2. Write each to its own file.'),
    );
    expect(formatReport([teamReport()], 'csv')).toBe(formatReport(teamReport(), 'csv'));
  });

  it.each(reportFormats)('as %s wants at least one report', (format) => {
    expect(() => formatReport([], format)).toThrow(new RangeError('Expected a report, or at least one in the list, got none.'));
  });

  it('shows a title for what it is', () => {
    const title = 'a\u001b[2J\n| # <b>';
    const report = reportOf(['team'], []);
    expect(formatReport(report, 'table', { title })).toMatch(/^a␛\[2J␊\| # <b> by team\n/);
    expect(formatReport(report, 'markdown', { title })).toMatch(/^## a␛\\\[2J␊&#124; #&#8203; &lt;b&gt; by team\n/);
    expect(formatReport(report, 'html', { title })).toContain('<title>a␛[2J␊| # &lt;b&gt;, 2026-11-01');
  });
});
