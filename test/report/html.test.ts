import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReport } from '../../src/report';
import { chartSource } from '../../src/report/chart-source';
import { CHART_SCRIPT } from '../../src/report/page-charts';
import { CHART_SCRIPT_HASH, CHART_SOURCE_HASH, STYLE_HASH, TABLE_SCRIPT_HASH } from '../../src/report/page-hashes';
import { PAGE_STYLE } from '../../src/report/page-style';
import { TABLE_SCRIPT } from '../../src/report/page-tables';
import type { Report } from '../../src/usage-report';
import { HOSTILE, anyReport } from './arbitrary';
import { dayReport, reportOf, row, teamReport } from './reports';

const hash = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;
const blocks = (html: string, tag: string): string[] =>
  [...html.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, 'gs'))].map(([, text = '']) => text);

/** The page without what runs in it. */
const markup = (html: string): string =>
  html.replace(/<style>.*?<\/style>/gs, '').replace(/<script(?: type="application\/json" id="charts")?>.*?<\/script>/gs, '');

describe('the policy of the page', () => {
  // After a change of one of these texts, write what is received into page-hashes.ts.
  it('names the texts as they are', () => {
    expect({ CHART_SOURCE_HASH, CHART_SCRIPT_HASH, TABLE_SCRIPT_HASH, STYLE_HASH }).toEqual({
      CHART_SOURCE_HASH: hash(chartSource()),
      CHART_SCRIPT_HASH: hash(CHART_SCRIPT),
      TABLE_SCRIPT_HASH: hash(TABLE_SCRIPT),
      STYLE_HASH: hash(PAGE_STYLE),
    });
  });

  it.each([
    ['with charts', teamReport()],
    ['without', reportOf(['team'], [])],
  ])('allows what is in a page %s, and nothing else', (_, report) => {
    const html = formatReport(report, 'html');
    const [, policy = ''] = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(html) ?? [];
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-/);
    expect(policy).not.toMatch(/unsafe|https?:|\*|data:/);
    const all = [...blocks(html, 'script'), ...blocks(html, 'style')];
    expect(all).toHaveLength(report.rows.length > 0 ? 4 : 2);
    for (const text of all) expect(policy).toContain(`'${hash(text)}'`);
    expect(markup(html)).not.toMatch(/ style=| on[a-z]+=/);
  });
});

describe('the page', () => {
  it('stands for itself: no address, no map, all in one', () => {
    const html = formatReport([teamReport(), dayReport()], 'html');
    expect(markup(html)).not.toMatch(/\b(src|href|action|data|poster|srcset)=|url\(|@import|https?:/);
    expect(PAGE_STYLE).not.toMatch(/url\(|@import|https?:/);
    expect(html).not.toContain('sourceMappingURL');
    expect(html.length).toBeLessThan(320_000);
  });

  it('says what it is', () => {
    const html = formatReport(teamReport(), 'html', { title: 'November' });
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(html).toContain('<title>November, 2026-11-01 to 2026-11-30 (UTC)</title>');
    expect(html).toContain('<h1><bdi>November</bdi></h1>\n<p class="period">2026-11-01 to 2026-11-30 (UTC)</p>');
    expect(html).toContain('<h2 id="report-1"><bdi>By team</bdi></h2>');
  });

  it('has the headline figures', () => {
    const cards = [...formatReport(teamReport(), 'html').matchAll(/<div><dt>(.*?)<\/dt>(.*?)<\/div>/g)].map(
      ([, name, rest = '']) => [name, ...[...rest.matchAll(/<dd[^>]*>([^<]+)<\/dd>/g)].map(([, text]) => text)],
    );
    expect(cards).toEqual([
      ['Cost', '$215.92', '$0.0104 per call'],
      ['Calls sent', '20,717', '35 failed (&lt;1 %)'],
      ['Refused', '220', '1 % of what was asked', 'most: budget-exceeded'],
      ['Tokens', '80,633,233', '69,545,531 in (20,114,424 cached)', '11,087,702 out'],
      ['Fullest budget', '102 %', 'analytics', '$51.02 of $50.00', 'resets 2026-12-01'],
      ['Latency, p95', '2.2 s', 'p50 600 ms', 'waited for a turn: p95 610 ms'],
    ]);
  });

  it('says when a budget runs out', () => {
    const [chatbot = row({})] = teamReport().rows;
    const html = formatReport(reportOf(['team'], [chatbot]), 'html');
    expect(html).toContain('<dt>Budget</dt><dd class="figure">82 %</dd>');
    expect(html).toContain('<dd class="note">at this pace it runs out 2026-11-27</dd>');
  });

  it('has one headline for reports of one time, and one each for those of different times', () => {
    const before = { ...teamReport(), from: Date.UTC(2026, 9, 1), to: Date.UTC(2026, 10, 1) };
    const headlines = (reports: readonly Report[]): number =>
      formatReport(reports, 'html').split('<dl class="headline">').length - 1;
    expect(headlines([teamReport(), dayReport()])).toBe(1);
    expect(headlines([teamReport(), before])).toBe(2);
    expect(formatReport([teamReport(), before], 'html')).toContain('<title>Groq usage</title>');
    // Refusals are shown once for each time.
    const refusals = (reports: readonly Report[]): number =>
      formatReport(reports, 'html').split('<bdi>Refusals by reason</bdi>').length - 1;
    expect([refusals([teamReport(), teamReport()]), refusals([teamReport(), before])]).toEqual([1, 2]);
  });

  it('has a table of all figures, as people read them and as they sort', () => {
    const html = formatReport(teamReport(), 'html');
    expect(html).toContain('<caption id="report-1-table"><span>Usage by team, 2026-11-01 to 2026-11-30 (UTC)</span></caption>');
    expect(html).toContain('<th scope="row"><bdi>chatbot</bdi></th><td class="number" data-value="164903217450">$164.90</td>');
    expect(html).toContain('<td class="time" data-value="1795788000000">2026-11-27</td>');
    expect(html).toContain('<td class="time" data-value="">–</td>');
    expect(html).toMatch(/<tfoot>\n<tr><th scope="row">total<\/th><td class="number">\$215\.92<\/td>/);
  });

  it('says so if there is nothing', () => {
    const html = formatReport(reportOf(['team'], []), 'html');
    expect(html).toContain('<p class="empty">There were no calls in this time.</p>');
    expect(html).not.toContain('<table');
    expect(html.length).toBeLessThan(20_000);
  });
});

describe('whatever the names', () => {
  const tags =
    /^(!doctype|html|head|meta|title|body|header|h1|h2|bdi|p|main|dl|div|dt|dd|svg|rect|section|figure|figcaption|canvas|table|caption|span|thead|tbody|tfoot|tr|th|td|footer)$/;

  it('they are text, and neither elements nor attributes', () => {
    fc.assert(
      fc.property(anyReport, fc.constantFrom(...HOSTILE), (report, title) => {
        const html = markup(formatReport(report, 'html', { title }));
        for (const [tag, name = ''] of html.matchAll(/<\/?([^\s>/]*)[^>]*>/g)) {
          expect(name).toMatch(tags);
          expect(tag).toMatch(/^<\/?[a-z!0-9]+( [a-zA-Z-]+(="[^"<>]*")?)*\/?>$/);
        }
        expect(html.replace(/<[^>]*>/g, '')).not.toMatch(/[<>]/);
        expect(html).not.toMatch(/\p{Cc}(?<!\n)/u);
      }),
    );
  });

  it('the data stays within its element', () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        const html = formatReport(report, 'html');
        const [, data] = /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(html) ?? [];
        if (data === undefined) return;
        expect(data).not.toMatch(/[<>&\u2028\u2029]/);
        expect(JSON.parse(data)).toBeInstanceOf(Array);
        // The style's and the three scripts'.
        expect(html.match(/<\/?(script|style)\b/gi)).toHaveLength(10);
      }),
    );
  });
});

describe('the code of the charts', () => {
  it('is that of the package, with nothing that would end its element', () => {
    expect(chartSource()).toMatch(/^\/\*!\n \* Chart\.js v4\./);
    expect(chartSource()).not.toMatch(/<\/script|<!--/i);
  });

  // Deno takes other arguments, and none of these are about it.
  it.skipIf('Deno' in globalThis).each([
    ['is read from the package where nothing was built', '../..', /^\/\*!\n \* Chart\.js v4\./],
    ['is missed in clear words elsewhere', tmpdir(), /^Error: An HTML report needs the code of its charts, .* to read\.$/],
  ])('%s', (_, folder, outcome) => {
    const source = new URL('../../src/report/chart-source.ts', import.meta.url).href;
    const program = `import { chartSource } from '${source}';
      let text; try { text = chartSource(); } catch (error) { text = String(error); }
      process.stdout.write(text.slice(0, 200));`;
    const cwd = fileURLToPath(new URL(folder === tmpdir() ? pathToFileURL(folder) : folder, import.meta.url));
    const run = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', program];
    expect(execFileSync(process.execPath, run, { cwd, encoding: 'utf8' })).toMatch(outcome);
  });
});
