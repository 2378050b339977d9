// How the texts of options become values. A bad one is told with what to write instead.
import { InvalidArgumentError } from 'commander';
import type { Governance } from '../governance';
import { Failure } from './failure';

/** A whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (!(value >= least && value <= most)) {
      const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
      throw new InvalidArgumentError(`Expected a whole number ${range}.`);
    }
    return value;
  };
}

/** `name=value`, added to those before it. */
export function tag(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const split = text.indexOf('=');
  if (split < 1) throw new InvalidArgumentError('Expected name=value.');
  return Object.fromEntries([...Object.entries(before), [text.slice(0, split), text.slice(split + 1)]]);
}

/** One of some words, or the nearest of them as a suggestion. */
export function oneOf<Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text.toLowerCase());
    if (found === undefined) throw new InvalidArgumentError(`Expected ${words.join(', ')}.${suggestion(text, words)}`);
    return found;
  };
}

/** ` Did you mean x?` if a word is near. */
export function suggestion(text: string, words: readonly string[]): string {
  const near = words
    .map((word) => ({ word, distance: distance(text.toLowerCase(), word.toLowerCase()) }))
    .filter((each) => each.distance <= Math.max(1, Math.floor(each.word.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0];
  return near ? ` Did you mean ${near.word}?` : '';
}

/** Throws a `Failure` if there is no team of that name. */
export function checkTeam(team: string | undefined, governance: Governance | undefined): void {
  const teams = Object.keys(governance?.teams ?? {});
  if (team === undefined || teams.includes(team)) return;
  if (teams.length === 0) throw new Failure('usage', '--team needs a configuration with teams');
  throw new Failure('usage', `Unknown team.${suggestion(team, teams)} Known: ${teams.join(', ')}`);
}

/** How many letters have to be put in, left out or changed. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [at, letter] of from.slice(0, 100).split('').entries()) {
    const next = [at + 1];
    for (let index = 1; index <= to.length; index++) {
      const changed = (row[index - 1] ?? 0) + (to[index - 1] === letter ? 0 : 1);
      next.push(Math.min(changed, (row[index] ?? 0) + 1, (next[index - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
