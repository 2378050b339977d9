import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatReport } from '../../src/report';
import { engineAtHand } from '../engine-at-hand';
import { HOSTILE } from './arbitrary';
import { type PageOpener, chromiumAnswers, pageOpener } from './browser';
import { dayReport, reportOf, row, teamReport } from './reports';

const atHand = await engineAtHand('Chromium', chromiumAnswers);
const html = formatReport([teamReport(), dayReport()], 'html');
const SCHEMES = ['light', 'dark'] as const;

/** How many colours each canvas shows, and which it has most of, but for what shows through. */
const canvases = (page: Page): Promise<{ readonly colors: number; readonly main: number | undefined }[]> =>
  page.evaluate(() =>
    Array.from(document.querySelectorAll('canvas'), (canvas) => {
      const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
      const context = copy.getContext('2d', { willReadFrequently: true });
      context?.drawImage(canvas, 0, 0);
      const pixels = new Uint32Array(context?.getImageData(0, 0, copy.width, copy.height).data.buffer ?? new ArrayBuffer(0));
      const counts = new Map<number, number>();
      for (const pixel of pixels) if (pixel !== 0) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
      const [most] = [...counts].sort(([, one], [, other]) => other - one);
      return { colors: counts.size, main: most?.[0] };
    }),
  );
const mainColors = async (page: Page): Promise<(number | undefined)[]> => (await canvases(page)).map(({ main }) => main);

/** The texts of the column with this heading in the first table, from top to bottom, and the direction it says it is sorted in. */
const column = (page: Page, heading: string): Promise<{ readonly cells: string[]; readonly sorted: string | null }> =>
  page.evaluate((name) => {
    const table = document.querySelector('table');
    const head = Array.from(table?.tHead?.rows[0]?.cells ?? []);
    const index = head.findIndex(({ textContent }) => textContent === name);
    const cells = Array.from(table?.tBodies[0]?.rows ?? [], ({ cells: all }) => all[index]?.textContent ?? '');
    return { cells, sorted: head[index]?.getAttribute('aria-sort') ?? null };
  }, heading);

/** Goes to a heading of the first table by keyboard alone. */
async function tabTo(page: Page, heading: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    const [tag, text] = await page.evaluate(() => [document.activeElement?.tagName, document.activeElement?.textContent]);
    if (tag === 'BUTTON' && text === heading) return;
  }
  expect.fail(`Tab never came to ${heading}`);
}

describe.skipIf(!atHand)('in a browser', () => {
  let opener: PageOpener;
  beforeAll(async () => void (opener = await pageOpener()));
  afterAll(() => opener.close());

  describe.each(SCHEMES)('%s', (colorScheme) => {
    it('asks for nothing, says nothing, and paints every chart', async () => {
      const { page, noise } = await opener.open(html, { colorScheme });
      const charts = await canvases(page);
      expect(charts).toHaveLength(8);
      for (const { colors } of charts) expect(colors).toBeGreaterThan(5);
      expect(await page.evaluate(() => document.querySelectorAll('figure').length)).toBe(8);
      expect(noise).toEqual([]);
    });

    it('can be read: texts stand out from their ground by 4.5 to 1, bars and lines by 3 to 1', async () => {
      const { page } = await opener.open(html, { colorScheme });
      const { texts, drawings } = await page.evaluate(contrasts);
      expect(texts.length).toBeGreaterThan(100);
      expect(texts.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
      expect(drawings.length).toBe(9);
      expect(drawings.filter(({ ratio }) => ratio < 3)).toEqual([]);
    });
  });

  it('follows the scheme while it is open', async () => {
    const { page, noise } = await opener.open(html, { colorScheme: 'light' });
    const light = await mainColors(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    const unchanged = async (): Promise<unknown> => (await mainColors(page)).filter((color, index) => color === light[index]);
    // A page learns of it with its next frame.
    await expect.poll(unchanged, { timeout: 5_000 }).toEqual([]);
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(() => mainColors(page), { timeout: 5_000 }).toEqual(light);
    expect(noise).toEqual([]);
  });

  it('sorts numbers by keyboard, the largest first, then the other way', async () => {
    const { page } = await opener.open(html);
    expect(await column(page, 'cost')).toEqual({ cells: ['$164.90', '$51.02', '<$0.01'], sorted: 'descending' });
    await tabTo(page, 'latency p95');
    await page.keyboard.press('Enter');
    expect(await column(page, 'latency p95')).toEqual({ cells: ['2.3 s', '1.1 s', '390 ms'], sorted: 'descending' });
    expect((await column(page, 'cost')).sorted).toBe(null);
    await page.keyboard.press('Space');
    expect(await column(page, 'latency p95')).toEqual({ cells: ['390 ms', '1.1 s', '2.3 s'], sorted: 'ascending' });
    // The other table stays as it was, and so does the total.
    const others = await page.evaluate(() => document.querySelectorAll('[aria-sort]').length);
    expect(others).toBe(2);
    expect(await page.evaluate(() => document.querySelector('tfoot')?.textContent?.trim())).toMatch(/^total\$215\.92/);
  });

  it('sorts names, A first, as people count', async () => {
    const names = ['team-10', 'Zoo', 'team-9', '', 'äpfel', 'ada'];
    const rows = names.map((team, index) => row({ team, costNanos: (9 - index) * 1e9 }));
    const { page } = await opener.open(formatReport(reportOf(['team'], rows), 'html'));
    await tabTo(page, 'team');
    await page.keyboard.press('Enter');
    const ascending = ['ada', 'äpfel', 'team-9', 'team-10', 'Zoo', '(none)'];
    expect(await column(page, 'team')).toEqual({ cells: ascending, sorted: 'ascending' });
    await page.keyboard.press('Enter');
    const descending = ['Zoo', 'team-10', 'team-9', 'äpfel', 'ada', '(none)'];
    expect(await column(page, 'team')).toEqual({ cells: descending, sorted: 'descending' });
  });

  it('sorts dates and shares by what they are, and keeps what is not known at the end', async () => {
    const day = (at: number): number => Date.UTC(2026, 10, at);
    const rows = [
      row({ team: 'a', budgetUsd: 1, budgetUsed: 0.5, budgetRunsOutAt: day(30) }),
      row({ team: 'b' }),
      row({ team: 'c', budgetUsd: 0, budgetUsed: Infinity, budgetRunsOutAt: day(9) }),
      row({ team: 'd', budgetUsd: 1, budgetUsed: 0.004, budgetRunsOutAt: day(21) }),
    ];
    const { page } = await opener.open(formatReport(reportOf(['team'], rows), 'html'));
    await tabTo(page, 'of budget');
    await page.keyboard.press('Enter');
    expect((await column(page, 'of budget')).cells).toEqual(['over', '50 %', '<1 %', '–']);
    await page.keyboard.press('Enter');
    expect((await column(page, 'of budget')).cells).toEqual(['<1 %', '50 %', 'over', '–']);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await column(page, 'runs out')).toEqual({
      cells: ['2026-11-09', '2026-11-21', '2026-11-30', '–'],
      sorted: 'ascending',
    });
  });

  it('lays out a thousand rows of very many, sorts them all, and shows them all if asked', { timeout: 60_000 }, async () => {
    const rows = Array.from({ length: 3000 }, (_, index) => row({ user: `u-${index}`, costNanos: 1e13 - index, calls: index }));
    const { page, noise } = await opener.open(formatReport(reportOf(['user'], rows), 'html'));
    const laidOut = (): Promise<number> =>
      page.evaluate(() => Array.from(document.querySelectorAll('tbody tr')).filter((each) => each.clientHeight > 0).length);
    expect(await laidOut()).toBe(1000);
    expect(await page.locator('.more').innerText()).toBe('The first 1,000 of 3,000 rows. Sorting sorts all. Show all');
    await tabTo(page, 'calls');
    await page.keyboard.press('Enter');
    const { cells } = await column(page, 'calls');
    expect([cells.length, cells[0], cells[999]]).toEqual([3000, '2,999', '2,000']);
    expect(await laidOut()).toBe(1000);
    // Paper has them all.
    await page.emulateMedia({ media: 'print' });
    expect([await laidOut(), await page.locator('.more').isVisible()]).toEqual([3000, false]);
    await page.emulateMedia({ media: 'screen' });
    await page.locator('.more button').click();
    expect([await laidOut(), await page.locator('.more').count()]).toEqual([3000, 0]);
    expect(await page.evaluate(() => document.activeElement?.className)).toBe('scroll');
    expect(noise).toEqual([]);
  });

  it.each([1280, 360])('has no label that is cut off, %i wide', async (width) => {
    const names = ['W'.repeat(40), '漢字'.repeat(20), `${'M'.repeat(24)}-1`, 'i'.repeat(26), 'short'];
    const rows = names.map((user, index) => row({ user, calls: 5, costNanos: (index + 1) * 1e9 }));
    const { page } = await opener.open(formatReport(reportOf(['user'], rows), 'html'), { viewport: { width, height: 800 } });
    const drawn = await page.evaluate(() => {
      const found: { text: string; left: number }[] = [];
      const fillText: unknown = Reflect.get(CanvasRenderingContext2D.prototype, 'fillText');
      CanvasRenderingContext2D.prototype.fillText = function (text, x, y, most): void {
        const { e: shift, a: scale } = this.getTransform();
        const start = this.textAlign === 'right' ? x - this.measureText(text).width : x;
        if (this.textAlign === 'right') found.push({ text, left: start * scale + shift });
        if (typeof fillText === 'function')
          Reflect.apply(fillText, this, most === undefined ? [text, x, y] : [text, x, y, most]);
      };
      dispatchEvent(new Event('afterprint'));
      return found;
    });
    expect(drawn.filter(({ text }) => text.includes('…')).length).toBeGreaterThan(1);
    expect(drawn.filter(({ left }) => left < 0)).toEqual([]);
  });

  it('starts by day where it is by day', async () => {
    const { page } = await opener.open(formatReport(dayReport(), 'html'));
    const { cells, sorted } = await column(page, 'day');
    expect(sorted).toBe('ascending');
    expect(cells).toEqual([...cells].sort());
  });

  it.each(['light', 'dark'] as const)('fits a phone, %s', async (colorScheme) => {
    const long = row({ team: 'x'.repeat(200), calls: 1, costNanos: Number.MAX_SAFE_INTEGER });
    const report = reportOf(['team'], [...teamReport().rows, long]);
    const text = formatReport([report, dayReport()], 'html', { title: 'y'.repeat(200) });
    const { page, noise } = await opener.open(text, { colorScheme, viewport: { width: 360, height: 740 } });
    const [width, table, region] = await page.evaluate(() => {
      const scroll = document.querySelector('.scroll');
      return [document.documentElement.scrollWidth, scroll?.scrollWidth ?? 0, scroll?.clientWidth ?? 0];
    });
    expect(width).toBe(360);
    // The table has its own way to the side.
    expect(table).toBeGreaterThan(region);
    for (const { colors } of await canvases(page)) expect(colors).toBeGreaterThan(5);
    expect(noise).toEqual([]);
  });

  it('obeys no name', async () => {
    const rows = HOSTILE.map((name) => row({ user: name, tags: { '<b>': name }, topModel: name, calls: 1, costNanos: 5e9 }));
    const report = reportOf(['user', { tag: '<b>' }], rows);
    const text = formatReport(report, 'html', { title: '</title><script>alert(1)</script>' });
    const { page, noise } = await opener.open(text);
    expect(noise).toEqual([]);
    expect(await page.title()).toBe('</title><script>alert(1)</script>, 2026-11-01 to 2026-11-30 (UTC)');
    expect(await page.evaluate(() => document.querySelectorAll('img, b, a, iframe, script:not(body > script)').length)).toBe(0);
    const { cells } = await column(page, 'user');
    expect(cells).toContain('</script><img src=x onerror=alert(1)>');
  });

  it('runs nothing but its own scripts, should a name ever get through', async () => {
    const broken = html.replace(
      '<main>',
      '<main><script>document.title = "run"</script><img src="x" onerror="document.title = 1">',
    );
    const { page, noise } = await opener.open(broken);
    expect(await page.title()).toMatch(/^Groq usage/);
    const refused = noise.filter((each) => each.includes('Content Security Policy'));
    expect(refused.filter((each) => each.includes('script-src')).length).toBeGreaterThan(0);
    expect(refused.filter((each) => each.includes('image')).length).toBeGreaterThan(0);
  });

  it('is its figures and tables without JavaScript', async () => {
    const { page, noise } = await opener.open(html, { javaScriptEnabled: false });
    expect(await page.locator('table').first().isVisible()).toBe(true);
    expect(await page.locator('thead th').allTextContents()).toContain('latency p95');
    expect(await page.locator('.headline').innerText()).toContain('$215.92');
    expect(await page.locator('canvas').first().isVisible()).toBe(false);
    expect(await page.locator('button').count()).toBe(0);
    expect(noise).toEqual([]);
  });

  it('is light on paper, and afterwards as before', async () => {
    const { page, noise } = await opener.open(html, { colorScheme: 'dark' });
    const before = await mainColors(page);
    const textColor = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).color);
    const dark = await textColor();
    await page.evaluate(() => void dispatchEvent(new Event('beforeprint')));
    expect(await textColor()).not.toBe(dark);
    const paper = await mainColors(page);
    expect(paper.filter((color, index) => color === before[index])).toEqual([]);
    await page.evaluate(() => void dispatchEvent(new Event('afterprint')));
    expect(await textColor()).toBe(dark);
    expect(await mainColors(page)).toEqual(before);

    const printed = await page.pdf({ preferCSSPageSize: true });
    expect(printed.subarray(0, 5).toString()).toBe('%PDF-');
    // A4, landscape.
    expect(printed.toString('latin1')).toMatch(/\/MediaBox \[0 0 84\d(\.\d+)? 59\d/);
    expect(noise).toEqual([]);
  });

  it('has what those who cannot see it need', async () => {
    const { page } = await opener.open(html);
    const found = await page.evaluate(() => {
      const all = (selector: string): Element[] => Array.from(document.querySelectorAll(selector));
      const ids = all('[id]').map(({ id }) => id);
      return {
        language: document.documentElement.lang,
        title: document.title,
        headings: all('h1, h2').map(({ tagName }) => tagName),
        landmarks: all('body > header, body > main, body > footer').length,
        repeatedIds: ids.filter((id, index) => ids.indexOf(id) !== index),
        lostLabels: all('[aria-labelledby]').filter((each) => !ids.includes(each.getAttribute('aria-labelledby') ?? '')).length,
        tables: all('table').length,
        captions: all('table > caption').filter(({ textContent }) => textContent?.trim()).length,
        looseHeaders: all('th').filter((each) => !['col', 'row'].includes(each.getAttribute('scope') ?? '')).length,
        rowHeaders: all('tbody tr').filter((each) => each.querySelector('th[scope="row"]') === null).length,
        namelessButtons: all('button').filter((each) => !each.textContent?.trim()).length,
        pictures: all('canvas').map((each) => [each.getAttribute('role'), each.getAttribute('aria-label')]),
        hiddenBars: all('svg').filter((each) => each.getAttribute('aria-hidden') !== 'true').length,
        regions: all('.scroll').map((each) => [each.getAttribute('role'), each.getAttribute('tabindex')]),
      };
    });
    expect(found).toMatchObject({
      language: 'en',
      title: 'Groq usage, 2026-11-01 to 2026-11-30 (UTC)',
      headings: ['H1', 'H2', 'H2'],
      landmarks: 3,
      repeatedIds: [],
      lostLabels: 0,
      tables: 2,
      captions: 2,
      looseHeaders: 0,
      rowHeaders: 0,
      namelessButtons: 0,
      hiddenBars: 0,
      regions: [
        ['region', '0'],
        ['region', '0'],
      ],
    });
    for (const [role, label] of found.pictures) {
      expect(role).toBe('img');
      expect(label).toMatch(/^Chart: .*\. .*\. The table holds all figures\.$/);
    }
  });

  it('shows where the keyboard is', async () => {
    const { page } = await opener.open(html);
    await tabTo(page, 'calls');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
    expect(outline).toBe('solid');
  });
});

/** Runs in the page: how far texts, and the colours of drawings, are from the ground that they stand on. */
function contrasts(): {
  readonly texts: readonly { readonly text: string; readonly ratio: number }[];
  readonly drawings: readonly { readonly name: string; readonly ratio: number }[];
} {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const luminance = (color: string): number => {
    if (!canvas) return NaN;
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0] = Array.from(canvas.getImageData(0, 0, 1, 1).data, (part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratioOf = (a: string, b: string): number => {
    const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((one, other) => one - other);
    return (high + 0.05) / (low + 0.05);
  };
  const groundOf = (element: Element | null): string => {
    if (element === null) return 'white';
    const { backgroundColor } = getComputedStyle(element);
    return backgroundColor === 'rgba(0, 0, 0, 0)' ? groundOf(element.parentElement) : backgroundColor;
  };
  const texts = Array.from(document.querySelectorAll('body *'))
    .filter((each) => Array.from(each.childNodes).some(({ nodeType, nodeValue }) => nodeType === 3 && nodeValue?.trim()))
    .filter((each) => each.tagName !== 'SCRIPT')
    .map((each) => ({ text: each.textContent ?? '', ratio: ratioOf(getComputedStyle(each).color, groundOf(each)) }));
  const style = getComputedStyle(document.documentElement);
  const names = ['calm', 'near', 'full', ...[1, 2, 3, 4, 5, 6].map((index) => `series-${index}`)];
  const surface = style.getPropertyValue('--surface');
  const drawings = names.map((name) => ({ name, ratio: ratioOf(style.getPropertyValue(`--${name}`), surface) }));
  return { texts, drawings };
}
