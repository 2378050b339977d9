import { instantOf } from '../instant';
import type { Report } from '../usage-report';
import { limitText } from './figures';
import { printable } from './names';
import { localTime } from './period';

/** The budgets that were raised in the report's time, a sentence each. */
export function raisedTexts({ increases = [], timeZone }: Report): readonly string[] {
  return increases.map(({ budget, byUsd, from, until, reason }) => {
    const begin = from === undefined ? '' : ` from ${localTime(instantOf(from), timeZone)}`;
    const why = reason === undefined ? '' : ` (${printable(reason)})`;
    return `Budget ${printable(budget)} was raised by ${limitText(byUsd)}${begin} until ${localTime(instantOf(until), timeZone)}${why}.`;
  });
}
