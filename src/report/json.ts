import type { Report } from '../usage-report';
import { exactUsd } from './figures';
import { isoTime } from './period';

/** Members that are times; each is followed by the same time as ISO 8601 text. */
const TIME = /^(from|to|at|until)$|At$/;

/**
 * Reports as JSON: one as an object, several as an array. Members are those of `Report` in the same order, and times a second
 * time as text: `from`, then `fromIso`. `costUsd` has all its digits. A number that JSON does not have is its name as a text, so a
 * budget of nothing has `"budgetUsed": "Infinity"` once it is spent from.
 */
export function jsonText(reports: Report | readonly Report[]): string {
  return `${valueText(reports, '')}\n`;
}

function valueText(value: unknown, indent: string): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return `"${value}"`;
  if (typeof value !== 'object' || value === null) return asciiControls(JSON.stringify(value ?? null));
  const inner = `${indent}  `;
  const [open, close, parts] = Array.isArray(value)
    ? ['[', ']', value.map((each) => valueText(each, inner))]
    : ['{', '}', membersOf(value, inner)];
  return parts.length === 0 ? open + close : `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
}

function membersOf(value: object, indent: string): string[] {
  return Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .flatMap(([name, member]: [string, unknown]) => {
      const key = asciiControls(JSON.stringify(name));
      const iso = TIME.test(name) && typeof member === 'number' ? isoTime(member) : undefined;
      return [
        `${key}: ${exactText(name, value) ?? valueText(member, indent)}`,
        ...(iso === undefined ? [] : [`"${name}Iso": "${iso}"`]),
      ];
    });
}

/** Dollars from the whole nano-dollars beside them, for readers that keep decimals as they are written. */
function exactText(name: string, owner: object): string | undefined {
  if (name !== 'costUsd' || !('costNanos' in owner)) return undefined;
  return Number.isInteger(owner.costNanos) && typeof owner.costNanos === 'number' ? exactUsd(owner.costNanos) : undefined;
}

// JSON leaves these as they are, some terminals and old readers of JavaScript do not.
const asciiControls = (json: string): string =>
  json.replace(/[\u007f-\u009f\u2028\u2029]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
