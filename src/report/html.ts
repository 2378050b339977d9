import type { Report } from '../usage-report';
import { type Chart, chartInWords } from './chart';
import { chartSource } from './chart-source';
import { groupingText } from './columns';
import { dayCharts } from './day-charts';
import { groupCharts, refusalChart } from './group-charts';
import { headlineHtml } from './headline';
import { tableHtml } from './html-table';
import { escapeHtml, jsonHtml } from './markup';
import { CHART_SCRIPT } from './page-charts';
import { CHART_SCRIPT_HASH, CHART_SOURCE_HASH, STYLE_HASH, TABLE_SCRIPT_HASH } from './page-hashes';
import { PAGE_STYLE } from './page-style';
import { TABLE_SCRIPT } from './page-tables';
import { periodText } from './period';
import { raisedTexts } from './raised';

// Nothing is fetched, and no script or style runs but these, whatever a name holds.
const POLICY = [
  "default-src 'none'",
  `script-src '${TABLE_SCRIPT_HASH}' '${CHART_SOURCE_HASH}' '${CHART_SCRIPT_HASH}'`,
  `style-src '${STYLE_HASH}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

interface Section {
  readonly html: string;
  readonly charts: readonly Chart[];
}

/** Reports as one page that holds all it shows: figures, charts and sortable tables. Its title is text, not HTML. */
export function htmlPage(reports: readonly Report[], title: string): string {
  const periods = new Set(reports.map(periodText));
  const [first] = reports;
  const [period = ''] = periods.size === 1 ? periods : [];
  const isShared = first !== undefined && periods.size === 1;
  const sections: Section[] = [];
  for (const report of reports) {
    const charts = chartsOf(report, sections.length === 0 || !isShared);
    sections.push({ html: sectionHtml(report, charts, sections, isShared), charts });
  }
  const heading = period === '' ? '' : `\n<p class="period">${escapeHtml(period)}</p>`;
  const charts = sections.flatMap((section) => section.charts);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(period === '' ? title : `${title}, ${period}`)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1><bdi>${escapeHtml(title)}</bdi></h1>${heading}
</header>
<main>
${isShared && first.rows.length > 0 ? `${headlineHtml(first)}\n` : ''}${sections.map(({ html }) => html).join('\n')}
</main>
<footer>
${[...new Set(reports.flatMap(raisedTexts))].map((text) => `<p>${escapeHtml(text)}</p>\n`).join('')}<p>Amounts are rounded here; they are booked in whole billionths of a dollar. Percentiles are at most 5 % above the exact figure.</p>
<p>Made with governed-groq.</p>
</footer>
<script>${TABLE_SCRIPT}</script>
${charts.length > 0 ? chartScripts(charts) : ''}</body>
</html>
`;
}

const chartScripts = (
  charts: readonly Chart[],
): string => `<script type="application/json" id="charts">${jsonHtml(charts)}</script>
<script>${chartSource()}</script>
<script>${CHART_SCRIPT}</script>
`;

/** What was refused is the same for all groupings of a time, so one chart of it is enough. */
function chartsOf(report: Report, withRefusals: boolean): Chart[] {
  if (report.rows.length === 0) return [];
  const charts = report.by.includes('day') ? dayCharts(report) : groupCharts(report);
  return withRefusals ? [...charts, ...refusalChart(report)] : charts;
}

function sectionHtml(report: Report, charts: readonly Chart[], before: readonly Section[], isShared: boolean): string {
  const id = `report-${before.length + 1}`;
  const name = groupingText(report.by);
  const heading = `<h2 id="${id}"><bdi>${escapeHtml(name.charAt(0).toUpperCase() + name.slice(1))}</bdi></h2>`;
  const period = isShared ? '' : `\n<p class="period">${escapeHtml(periodText(report))}</p>`;
  const begin = `<section aria-labelledby="${id}">\n${heading}${period}`;
  if (report.rows.length === 0) return `${begin}\n<p class="empty">There were no calls in this time.</p>\n</section>`;
  const drawn = before.reduce((sum, section) => sum + section.charts.length, 0);
  const figures = charts.map((chart, index) => figureHtml(chart, `chart-${drawn + index + 1}`)).join('\n');
  const caption = `Usage ${name}, ${periodText(report)}`;
  return `${begin}${isShared ? '' : `\n${headlineHtml(report)}`}
<div class="charts" hidden>
${figures}
</div>
${tableHtml(report, caption, `${id}-table`)}
</section>`;
}

const figureHtml = (chart: Chart, id: string): string => `<figure${chart.kind === 'across' ? '' : ' class="wide"'}>
<figcaption><bdi>${escapeHtml(chart.title)}</bdi></figcaption>
<div class="plot"><canvas id="${id}" role="img" aria-label="${escapeHtml(chartInWords(chart))}"></canvas></div>
</figure>`;
