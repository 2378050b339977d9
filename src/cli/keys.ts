import type { Command } from 'commander';
import type { Governance } from '../governance';
import type { KeyReport } from '../key-report';
import { formatUsd } from '../money';
import { countText } from '../report/figures';
import { printable } from '../report/names';
import { readSecrets } from './key-readings';
import { checkTeam } from './option-values';
import type { Session } from './session';
import type { Style } from './style';
import { type Cell, type Column, tableLines } from './table';
import { paragraph } from './wrap';

export function addKeys(program: Command, session: Session): void {
  program
    .command('keys')
    .summary('the keys, their use today, and which can be deleted')
    .description(
      'Lists the keys of the configuration and of the usage log: requests, tokens, cost and errors of today, when each was used last, and which are safe to delete at the provider. Secrets are shown by a short hash only.',
    )
    .option('-t, --team <name>', 'only the keys that this team can use')
    .addHelpText('after', HELP)
    .action(async (options: { readonly team?: string }) => run(session, options.team));
}

const HELP = `
A key is safe to delete when another one of its team is in use and no process
has used it for 24 hours, as the shared usage log tells.
Exit code: 0 done, 2 wrong usage or configuration, 3 the usage log failed.

Examples:
  $ governed-groq keys
  $ governed-groq keys --json | jq -r '.keys[] | select(.safeToDelete).id'`;

async function run(session: Session, team: string | undefined): Promise<void> {
  const { governor, governance, keys: provider } = await session.configuration();
  // A Governor of an older copy does not tell its teams.
  if (governance !== undefined) checkTeam(team, governance);
  const unread = await readSecrets(provider);
  // What happened elsewhere is in the log alone, and so is what happened before.
  const isUseKnown = governance === undefined || governance.usageLog !== undefined;
  const all = (await governor.keys()).map((key) => (isUseKnown ? key : withoutUse(key)));
  const keys = team === undefined ? all : all.filter((key) => key.team === undefined || key.team === team);
  if (session.json) {
    const problems = unread.map(({ keyId, message }) => ({ keyId, message: session.clean(message) }));
    return session.printJson({
      at: session.io.clock.now(),
      timeZone: governance?.timeZone ?? 'UTC',
      isUseKnown,
      keys,
      problems,
    });
  }
  session.print(...keyLines(keys, session));
  for (const { keyId, message } of unread) session.note(`${keyId}: ${message}`);
  for (const note of notes(governance, keys)) session.note(note);
}

/** A key of which nobody knows what it was used for: none of the figures that a log would tell, and no leave to delete it. */
type UnusedKey = Omit<KeyReport, 'requests' | 'tokens' | 'costNanos' | 'costUsd'>;
type ShownKey = KeyReport | (UnusedKey & Partial<KeyReport>);

function withoutUse(key: KeyReport): ShownKey {
  const {
    requests: _r,
    tokens: _t,
    costNanos: _n,
    costUsd: _u,
    errors: _e,
    lastUsedAt: _l,
    safeToDeleteAt: _s,
    ...known
  } = key;
  return { ...known, safeToDelete: false, note: 'its use is not known' };
}

const COLUMNS: readonly Column[] = [
  { head: 'key', shrinkTo: 24 },
  { head: 'team', shrinkTo: 8, rank: 4 },
  { head: 'secret', rank: 5 },
  { head: 'state' },
  { head: 'requests', align: 'right', rank: 1 },
  { head: 'tokens', align: 'right', rank: 3 },
  { head: 'cost', align: 'right' },
  { head: 'errors', align: 'right', rank: 2 },
  { head: 'last used', rank: 6 },
];

function keyLines(keys: readonly ShownKey[], { style, io }: Session): string[] {
  if (keys.length === 0) return ['There are no keys.'];
  const rows = keys.map((key): Cell[] => [
    key.id,
    key.team ?? 'every team',
    key.fingerprint ?? 'unread',
    stateCell(key, style),
    key.requests === undefined ? '' : countText(key.requests),
    key.tokens === undefined ? '' : countText(key.tokens),
    key.costNanos === undefined ? '' : formatUsd(key.costNanos),
    key.errors === undefined ? '' : countText(key.errors),
    key.lastUsedAt === undefined
      ? key.requests === undefined
        ? ''
        : '–'
      : new Date(key.lastUsedAt).toISOString().replace(/:\d\d\.\d+Z$/, 'Z'),
  ]);
  const width = io.columns ?? Infinity;
  return [
    ...tableLines(COLUMNS, rows, { width: io.columns, style }),
    '',
    ...keys.flatMap((key) => {
      const mark = key.safeToDelete ? style.green('✓') : ' ';
      return paragraph(`${printable(key.id)}: ${printable(key.note)}`, width, `${mark} `, 2);
    }),
  ];
}

function stateCell({ state, safeToDelete }: ShownKey, style: Style): Cell {
  if (safeToDelete) return { text: 'safe to delete', mark: style.green };
  const marks = { active: style.green, quarantined: style.red, proving: style.yellow } as const;
  return {
    text: state ?? 'unlisted',
    mark: state !== undefined && state in marks ? marks[state as keyof typeof marks] : style.dim,
  };
}

function notes(governance: Governance | undefined, keys: readonly ShownKey[]): string[] {
  if (governance === undefined) return [];
  return [
    ...(governance.keys === undefined && keys.length === 0
      ? ["The configuration has no keys: its clients use the one they are given as 'apiKey'."]
      : []),
    ...(governance.usageLog === undefined && keys.length > 0
      ? ['The configuration has no usageLog, so the use of its keys is not known, nor which can be deleted.']
      : []),
  ];
}
