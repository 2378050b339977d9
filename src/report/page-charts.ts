/**
 * What draws the charts of a report's page, in the colours of its style, and again when those change. A text, as it runs in the
 * reader's browser and not here. Without it the page is its figures and tables.
 */
export const CHART_SCRIPT = `
(() => {
  'use strict';
  const root = document.documentElement;
  const specs = JSON.parse(document.getElementById('charts').textContent);
  const { Chart } = globalThis;
  const NARROW = 420;

  const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
  const digits = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
  const tick = {
    usd: (value) => '$' + (value >= 10000 ? short : digits).format(value),
    count: (value) => (Number.isInteger(value) ? short.format(value) : ''),
    share: (value) => Math.round(value * 100) + ' %',
    ms: (value) => {
      if (value >= 60000) return digits.format(value / 60000) + ' min';
      return value >= 1000 ? digits.format(value / 1000) + ' s' : digits.format(value) + ' ms';
    },
  };
  const levelOf = (share) => (share >= 0.95 ? 'full' : share >= 0.8 ? 'near' : 'calm');
  function shortened(text, most) {
    const letters = [...text];
    if (letters.length <= most) return text;
    const head = Math.ceil((most - 1) / 2);
    return letters.slice(0, head).join('') + '…' + letters.slice(letters.length - most + 1 + head).join('');
  }

  /** So short that it fits, by its letters and by its width: beyond its half of the chart a label would be cut off. */
  function fitted(text, most, room, context) {
    let short = shortened(text, most);
    for (let left = most; left > 3 && context.measureText(short).width > room; ) short = shortened(text, --left);
    return short;
  }

  // The figure at the end of each bar: nobody needs to point at it, and paper has it too.
  const endFigures = {
    id: 'endFigures',
    afterDraw(chart, _, { text, surface, totals }) {
      const { ctx, chartArea } = chart;
      const metas = chart.data.datasets.map((_, index) => chart.getDatasetMeta(index));
      const ends = totals
        ? totals.map((figure, place) => ({ figure, x: Math.max(...metas.map(({ data }) => data[place].x)), y: metas[0].data[place].y }))
        : metas.flatMap(({ data }, index) => data.map(({ x, y }, place) => ({ figure: chart.data.datasets[index].texts[place], x, y })));
      ctx.save();
      ctx.font = fontOf();
      ctx.textBaseline = 'middle';
      for (const { figure, x, y } of ends) {
        if (!Number.isFinite(x)) continue;
        const left = Math.min(x, chartArea.right) + 6;
        ctx.fillStyle = surface;
        ctx.fillRect(left - 2, y - 8, ctx.measureText(figure).width + 4, 16);
        ctx.fillStyle = text;
        ctx.fillText(figure, left, y);
      }
      ctx.restore();
    },
  };
  const fontOf = () => '12px ' + Chart.defaults.font.family;

  function datasetsOf({ kind, stacked, unit, series }, color) {
    const isLine = kind === 'line';
    const edge = kind === 'across' ? { right: 1 } : { top: 1 };
    return series.map(({ name, values, texts }, index) => {
      const paint = color('series-' + ((index % 6) + 1));
      return {
        label: name, data: values, texts,
        backgroundColor: unit === 'share' ? values.map((value) => color(levelOf(value))) : paint,
        borderColor: isLine ? paint : color('surface'), borderWidth: isLine ? 2 : stacked ? edge : 0,
        borderRadius: stacked ? 0 : 3, borderSkipped: stacked ? false : 'start',
        maxBarThickness: kind === 'across' ? 18 : 44, barPercentage: 0.9, categoryPercentage: series.length > 1 && !stacked ? 0.84 : 0.72,
        pointRadius: values.length > 60 ? 0 : 2.5, pointHitRadius: 10, tension: 0.2,
      };
    });
  }

  function figureScale({ kind, stacked, unit, series, marks }, color, width) {
    const most = kind === 'across' ? Math.max(3, Math.round(width / 110)) : 6;
    const scale = {
      beginAtZero: true, stacked, border: { display: false }, grid: { color: color('line'), tickLength: 0 },
      ticks: { color: color('muted'), callback: tick[unit], padding: 6, maxTicksLimit: most, maxRotation: 0 },
    };
    if (!marks) return scale;
    const largest = Math.max(...series.flatMap(({ values }) => values));
    return {
      ...scale, min: 0, max: Math.min(1.25, Math.max(1, largest)),
      border: { display: false, dash: [3, 3] }, grid: { color: color('mark'), tickLength: 0, z: 1 },
      ticks: { ...scale.ticks, autoSkip: false, font: { size: width < NARROW ? 10 : 12 } },
      afterBuildTicks: (axis) => { axis.ticks = marks.map((value) => ({ value })); },
    };
  }

  function labelScale({ kind, stacked }, color, width, fit) {
    const across = kind === 'across';
    return {
      stacked, grid: { display: false }, border: { color: color('line') },
      ticks: {
        color: color(across ? 'text' : 'muted'), maxRotation: 0, autoSkip: !across, autoSkipPadding: 12,
        callback(value) {
          const label = this.getLabelForValue(value);
          return across ? fit(label, width < NARROW ? 14 : 26) : label.slice(5);
        },
      },
    };
  }

  function pluginOptions({ series, totals }, color) {
    const named = series.length > 1;
    return {
      endFigures: { text: color('text'), surface: color('surface'), totals },
      legend: {
        display: named, position: 'top', align: 'start', onClick: null,
        labels: { color: color('text'), boxWidth: 10, boxHeight: 10, padding: 12 },
      },
      tooltip: {
        backgroundColor: color('text'), titleColor: color('surface'), bodyColor: color('surface'),
        cornerRadius: 6, padding: 10, boxPadding: 4,
        callbacks: { label: ({ dataset, dataIndex }) => ' ' + (named ? dataset.label + ': ' : '') + dataset.texts[dataIndex] },
      },
    };
  }

  function configOf(spec, color, context, width) {
    const across = spec.kind === 'across';
    context.font = fontOf();
    const texts = spec.totals ?? spec.series.flatMap((each) => each.texts);
    const room = across ? texts.reduce((most, text) => Math.max(most, context.measureText(text).width), 0) + 10 : 8;
    const fit = (label, most) => fitted(label, most, (width - room) / 2 - 16, context);
    const [figures, labels] = [figureScale(spec, color, width), labelScale(spec, color, width, fit)];
    return {
      type: spec.kind === 'line' ? 'line' : 'bar',
      data: { labels: spec.labels, datasets: datasetsOf(spec, color) },
      plugins: across ? [endFigures] : [],
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, indexAxis: across ? 'y' : 'x',
        layout: { padding: { right: room } },
        interaction: { mode: 'index', axis: across ? 'y' : 'x', intersect: false },
        scales: across ? { x: figures, y: labels } : { x: labels, y: figures },
        plugins: pluginOptions(spec, color),
      },
    };
  }

  /** As much room as the bars need; charts over days have what the style gives them. */
  function heightOf({ labels, series, stacked }) {
    const named = series.length > 1;
    const bars = named && !stacked ? labels.length * series.length * 22 : labels.length * 32;
    return Math.max(110, bars + (named ? 80 : 40));
  }

  let charts = [];
  function draw() {
    for (const chart of charts) chart.destroy();
    const style = getComputedStyle(root);
    const color = (name) => style.getPropertyValue('--' + name).trim();
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Chart.defaults.font.size = 12;
    charts = specs.map((spec, index) => {
      const canvas = document.getElementById('chart-' + (index + 1));
      if (spec.kind === 'across') canvas.parentElement.style.height = heightOf(spec) + 'px';
      return new Chart(canvas, configOf(spec, color, canvas.getContext('2d'), canvas.parentElement.clientWidth));
    });
  }

  for (const element of document.querySelectorAll('.charts')) element.hidden = false;
  draw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  // How labels are cut depends on the width, which changes when a phone is turned.
  matchMedia('(max-width: 560px)').addEventListener('change', draw);
  addEventListener('beforeprint', () => { root.classList.add('paper'); draw(); });
  addEventListener('afterprint', () => { root.classList.remove('paper'); draw(); });
})();
`;
