import type { DecisionStep } from '../assessment';
import { formatInstant } from '../errors';
import type { ExplainedLimit, Explanation } from '../explain';
import { NANOS_PER_USD, formatUsd } from '../money';
import { countText, durationText } from '../report/figures';
import { printable } from '../report/names';
import type { Session } from './session';
import type { Style } from './style';
import { type Cell, type Column, tableLines } from './table';
import { paragraph } from './wrap';

/** Who asks for what. */
export interface Subject {
  readonly team: string | undefined;
  readonly user: string | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly model: string;
  readonly operation: string;
}

type View = Pick<Session, 'io' | 'style'>;

/** An explanation as a person reads it. */
export function explanationLines(explanation: Explanation, subject: Subject, now: number, { io, style }: View): string[] {
  const { allowed, code = '', reason = '', decisions } = explanation;
  // A pause that the provider has not asked for limits nothing.
  const limits = explanation.limits.filter(({ cap, requested, resetsAt }) => cap > 0 || requested > 0 || resetsAt > now);
  const width = io.columns ?? Infinity;
  const verdict = allowed
    ? [style.bold(style.green('Allowed'))]
    : [style.bold(style.red(`Refused: ${code}`)), ...paragraph(oneLine(reason), width, '')];
  return [
    ...verdict,
    '',
    ...factLines(explanation, subject, style, width),
    ...(decisions.length > 0 ? ['', style.bold('Rules'), ...decisions.flatMap((step) => stepLines(step, style, width))] : []),
    ...(limits.length > 0 ? ['', style.bold('Limits'), ...limitLines(limits, now, style, io.columns)] : []),
  ];
}

function factLines(explanation: Explanation, subject: Subject, style: Style, width: number): string[] {
  const { allowed, maxCompletionTokens: output, upperCostUsd, waitMs } = explanation;
  const { team, user, tags = {}, model, operation } = subject;
  const wait = waitMs === Infinity ? 'never fits' : waitMs > 0 ? durationText(waitMs) : allowed ? 'none' : '';
  const facts: [string, string][] = [
    ['team', team ?? 'none named'],
    ['user', user ?? ''],
    [
      'tags',
      Object.entries(tags)
        .map((pair) => pair.join('='))
        .join(', '),
    ],
    ['model', model],
    ['endpoint', operation],
    // What was refused before it was measured has neither.
    ['output', output !== undefined ? `at most ${countText(output)} tokens` : allowed ? 'not bounded' : ''],
    ['cost', allowed || upperCostUsd > 0 ? `up to ${usd(upperCostUsd)}` : ''],
    ['wait', wait],
  ];
  return facts
    .filter(([, value]) => value !== '')
    .flatMap(([name, value]) => paragraph(printable(value), width, `  ${style.dim(name.padEnd(8))}  `, 12));
}

function stepLines({ rule, action, reason }: DecisionStep, style: Style, width: number): string[] {
  const mark = action === 'allow' ? style.green('✓') : action === 'deny' ? style.red('✗') : style.yellow('~');
  const text = `${printable(rule)}${reason === undefined ? '' : `: ${oneLine(reason)}`}`;
  return paragraph(text, width, `  ${mark} `, 4);
}

const COLUMNS: readonly Column[] = [
  { head: '' },
  { head: 'limit', shrinkTo: 28 },
  { head: 'used', align: 'right' },
  { head: 'held', align: 'right', rank: 3 },
  { head: 'call', align: 'right', rank: 1 },
  { head: 'cap', align: 'right' },
  { head: 'free', align: 'right', rank: 4 },
  { head: 'room in', rank: 2 },
  { head: 'at', rank: 5 },
];

function limitLines(limits: readonly ExplainedLimit[], now: number, style: Style, columns: number | undefined): string[] {
  const rows = limits.map((limit): Cell[] => {
    const { name, kind, used, held, cap, requested, resetsAt, binding } = limit;
    const show = kind === 'budget' ? usd : (amount: number) => countText(Math.ceil(amount));
    const isFull = used + held + requested > cap;
    return [
      binding ? { text: '→', mark: style.yellow } : ' ',
      binding ? { text: name, mark: style.bold } : name,
      show(used),
      kind === 'budget' ? show(held) : '',
      { text: show(requested), mark: isFull ? style.red : (text) => text },
      show(cap),
      show(Math.max(0, cap - used - held)),
      ...resetTexts(resetsAt, now, isFull || kind === 'budget'),
    ];
  });
  return tableLines(COLUMNS, rows, { width: columns, style });
}

function resetTexts(at: number, now: number, matters: boolean): [span: string, instant: string] {
  if (at <= now || !matters) return ['now', ''];
  return Number.isFinite(at) ? [spanText(at - now), formatInstant(at).replace(/:00Z$/, 'Z')] : ['never', ''];
}

const HOUR_MS = 3_600_000;

/** `12 s`, `3.5 min`, `26 h`, `9 days`. */
function spanText(ms: number): string {
  return ms < 48 * HOUR_MS ? durationText(ms) : `${Math.floor(ms / (24 * HOUR_MS))} days`;
}

const usd = (amount: number): string => formatUsd(Math.round(amount * NANOS_PER_USD));

const oneLine = (text: string): string => printable(text.replaceAll(/\s*\n\s*/g, ' '));
