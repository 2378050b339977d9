import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReport } from '../../src/report';
import { anyReport } from './arbitrary';
import { reportOf, row } from './reports';

/** The first cell of the first row. */
function cellOf(user: string): string {
  const text = formatReport(reportOf(['user'], [row({ user })]), 'markdown');
  return text.split('\n')[6]?.split(' | ')[0]?.slice(2).trim() ?? '';
}

describe('Markdown', () => {
  it('is a heading and a table', () => {
    const rows = [
      row({ model: 'openai/gpt-oss-120b', calls: 1_204, denied: 3, promptTokens: 812_000, costNanos: 1_234_567_000_000 }),
      row({ model: '', calls: 1, costNanos: 4_000_000 }),
    ];
    expect(formatReport(reportOf(['model'], rows), 'markdown', { title: 'November' })).toBe(
      [
        '## November by model',
        '',
        '2026-11-01 to 2026-11-30 (UTC)',
        '',
        '| model               |          cost |     calls | denied |       input | cached | output | reasoning |',
        '| ------------------- | ------------: | --------: | -----: | ----------: | -----: | -----: | --------: |',
        '| openai/gpt-oss-120b |     $1,234.57 |     1,204 |      3 |     812,000 |      0 |      0 |         0 |',
        '| (none)              |     &lt;$0.01 |         1 |      0 |           0 |      0 |      0 |         0 |',
        '| **total**           | **$1,234.57** | **1,205** |  **3** | **812,000** |  **0** |  **0** |     **0** |',
        '',
      ].join('\n'),
    );
  });

  it('says so if there is nothing', () => {
    expect(formatReport(reportOf(['team', 'day'], []), 'markdown')).toBe(
      '## Groq usage by team and day\n\n2026-11-01 to 2026-11-30 (UTC)\n\nThere were no calls in this time.\n',
    );
  });

  it.each([
    ['a|b', 'a&#124;b'],
    ['a\\|b', 'a&#92;&#124;b'],
    ['a\nb', 'a␊b'],
    ['`rm`', '&#96;rm&#96;'],
    ['<img src=x onerror=alert(1)>', '&lt;img src=x onerror=alert(1)&gt;'],
    ['&lt;', '&amp;lt;'],
    ['**bold** _it_ ~~x~~', '\\*\\*bold\\*\\* \\_it\\_ \\~\\~x\\~\\~'],
    ['[x](y)', '\\[x\\](y)'],
    ['![x](y)', '!\\[x\\](y)'],
    ['@team #12', '@&#8203;team #&#8203;12'],
    ['https://evil.example', 'https&#58;//evil.example'],
    ['www.evil.example', 'www&#46;evil.example'],
    ['\u001b[31m', '␛\\[31m'],
  ])('%j is just text', (name, cell) => {
    expect(cellOf(name)).toBe(cell);
  });

  it('has as many cells in each line, whatever the names', () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        const lines = formatReport(report, 'markdown').split('\n').slice(4, -1);
        if (report.rows.length === 0) return;
        expect(lines).toHaveLength(2 + report.rows.length + (report.by.length > 0 ? 1 : 0));
        for (const line of lines) {
          expect(line).toMatch(/^\| .* \|$/);
          // A bar in a name would be one more.
          expect(line.split('|')).toHaveLength(lines[0]?.split('|').length ?? 0);
          expect(line).not.toMatch(/[<>`]|\p{Cc}/u);
        }
      }),
    );
  });
});
