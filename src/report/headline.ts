import type { Report, ReportRow } from '../usage-report';
import { groupLabel, refusals, resetText } from './columns';
import { budgetLevel, countText, durationText, limitText, roundedUsd, shareText, usdDecimals } from './figures';
import { escapeHtml } from './markup';
import { localDay } from './period';

/** One of the figures at the top of the page. Texts, not yet HTML. */
interface Headline {
  readonly name: string;
  readonly figure: string;
  readonly notes: readonly string[];
  /** 0 to 1, for a bar below it. */
  readonly share?: number;
}

const amount = (nanos: number): string => roundedUsd(nanos, usdDecimals(nanos));

/** What a report comes to, in four to six figures. */
export function headlineHtml(report: Report): string {
  const all = [cost(report), calls(report), refused(report), tokens(report), ...fullestBudget(report), ...latency(report)];
  return `<dl class="headline">\n${all.map(cardHtml).join('\n')}\n</dl>`;
}

function cardHtml({ name, figure, notes, share }: Headline): string {
  const bar = share === undefined ? '' : `<dd>${barHtml(share)}</dd>`;
  const texts = notes.map((note) => `<dd class="note">${escapeHtml(note)}</dd>`).join('');
  return `<div><dt>${escapeHtml(name)}</dt><dd class="figure">${escapeHtml(figure)}</dd>${bar}${texts}</div>`;
}

/** A share as a bar, beside which it stands as a number. Its width is an attribute, as the page's policy allows no inline style. */
export function barHtml(share: number): string {
  const width = Math.round(Math.max(0, Math.min(1, share)) * 1000) / 10;
  return (
    `<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="rail" width="100" height="6"/>` +
    `<rect class="${budgetLevel(share)}" width="${width}" height="6"/></svg>`
  );
}

function cost({ total: { costNanos, calls: count } }: Report): Headline {
  const notes = count > 0 ? [`${amount(Math.round(costNanos / count))} per call`] : [];
  return { name: 'Cost', figure: amount(costNanos), notes };
}

function calls({ total: { calls: count, errors } }: Report): Headline {
  if (errors === undefined) return { name: 'Calls sent', figure: countText(count), notes: [] };
  const note = errors === 0 ? 'none failed' : `${countText(errors)} failed (${shareText(errors / Math.max(1, count))})`;
  return { name: 'Calls sent', figure: countText(count), notes: count > 0 ? [note] : [] };
}

function refused({ total: { calls: count, denied, deniedBy } }: Report): Headline {
  const [most] = refusals(deniedBy ?? {});
  const share = denied > 0 ? [`${shareText(denied / (count + denied))} of what was asked`] : [];
  return { name: 'Refused', figure: countText(denied), notes: [...share, ...(most ? [`most: ${most[0]}`] : [])] };
}

function tokens({ total: { promptTokens, cachedTokens, completionTokens } }: Report): Headline {
  const cached = cachedTokens > 0 ? ` (${countText(cachedTokens)} cached)` : '';
  const notes = [`${countText(promptTokens)} in${cached}`, `${countText(completionTokens)} out`];
  return { name: 'Tokens', figure: countText(promptTokens + completionTokens), notes };
}

/** Budgets have windows of their own, so that their sum would mean nothing; the one that is nearest its end does. */
function fullestBudget({ by, rows, timeZone }: Report): Headline[] {
  const [first, ...others] = rows.filter(({ budgetUsed }) => budgetUsed !== undefined);
  if (!first) return [];
  const fullest = others.reduce((most, row) => ((row.budgetUsed ?? 0) > (most.budgetUsed ?? 0) ? row : most), first);
  const { budgetUsed: share = 0 } = fullest;
  const name = others.length > 0 ? 'Fullest budget' : 'Budget';
  return [{ name, figure: shareText(share), share, notes: [groupLabel(fullest, by), ...budgetNotes(fullest, timeZone)] }];
}

function budgetNotes(row: ReportRow, timeZone: string): string[] {
  const { budgetUsd = 0, budgetSpentNanos, budgetRunsOutAt } = row;
  const resets = resetText(row, timeZone);
  return [
    ...(budgetSpentNanos === undefined ? [] : [`${amount(budgetSpentNanos)} of ${limitText(budgetUsd)}`]),
    ...(resets === undefined ? [] : [`resets ${resets}`]),
    ...(budgetRunsOutAt === undefined ? [] : [`at this pace it runs out ${localDay(budgetRunsOutAt, timeZone)}`]),
  ];
}

function latency({ total: { latencyMs, waitMs } }: Report): Headline[] {
  if (latencyMs === undefined) return [];
  const waited = waitMs === undefined ? [] : [`waited for a turn: p95 ${durationText(waitMs.p95)}`];
  return [
    { name: 'Latency, p95', figure: durationText(latencyMs.p95), notes: [`p50 ${durationText(latencyMs.p50)}`, ...waited] },
  ];
}
