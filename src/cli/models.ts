import type { Command } from 'commander';
import type { Governance } from '../governance';
import { groqPrices } from '../price/groq-prices';
import { type PriceBook, type PriceRow, isPriced } from '../price/price-book';
import { countText } from '../report/figures';
import { printable } from '../report/names';
import { matcher, teamRules } from '../settings';
import { type Standing, modelProblems, standingOf } from './check-models';
import { Failure } from './failure';
import { checkTeam, oneOf } from './option-values';
import type { Session } from './session';
import type { Style } from './style';
import { type Cell, type Column, tableLines } from './table';
import { paragraph } from './wrap';

const KINDS = ['chat', 'vision', 'guard', 'transcription', 'tts', 'embedding', 'system'] as const;
const STATUSES = ['production', 'preview', 'enterprise-only', 'retired', 'unlisted'] as const;

interface ModelsOptions {
  readonly all?: boolean;
  readonly kind?: (typeof KINDS)[number];
  readonly status?: (typeof STATUSES)[number];
  readonly team?: string;
}

/** One model as it is listed; a row of the price book with what follows from it. */
interface ListedModel extends PriceRow {
  readonly id: string;
  readonly standing: Standing;
  readonly priced: boolean;
  /** The teams that may use it; undefined without a configuration. */
  readonly teams: readonly string[] | undefined;
}

export function addModels(program: Command, session: Session): void {
  program
    .command('models')
    .summary('catalogue, prices and shutdown dates')
    .description(
      'Lists the models of the price book with prices, sizes, status and shutdown date; with a configuration also which teams may use them, and which models of its rules are shut down.',
    )
    .argument('[name]', "only models of this name; * stands for anything, e.g. 'openai/*'")
    .option('-a, --all', 'also those that are shut down or sold by contract only')
    .option('--kind <kind>', KINDS.join(', '), oneOf(KINDS))
    .option('--status <status>', STATUSES.join(', '), oneOf(STATUSES))
    .option('-t, --team <name>', 'only those that this team may use')
    .addHelpText('after', HELP)
    .action(async (name: string | undefined, options: ModelsOptions) => run(session, name, options));
}

const HELP = `
Prices are USD per million tokens; /h is per hour of audio, /Mch per million characters.
Exit code: 0 done, 2 wrong usage or configuration.

Examples:
  $ governed-groq models
  $ governed-groq models 'openai/*' --team chatbot
  $ governed-groq models --all --status retired --json`;

async function run(session: Session, name: string | undefined, options: ModelsOptions): Promise<void> {
  const configuration = await session.configurationIfAny();
  const governance = configuration?.governance;
  checkTeam(options.team, governance);
  const { prices: book = groqPrices, clock = session.io.clock } = governance ?? {};
  const now = clock.now();
  const models = catalogue(book, governance, now).filter((model) => isWanted(model, name, options));
  const warnings = (governance ? modelProblems(governance, now) : []).map((problem) => session.cleaned(problem));
  if (session.json) return session.printJson({ priceVersion: book.version, models, problems: warnings });
  const width = session.io.columns ?? Infinity;
  const lines = models.length === 0 ? ['There is no such model.'] : modelLines(models, session.style, session.io.columns);
  session.print(
    ...lines,
    '',
    ...paragraph(`Price book ${book.version}. ${countText(models.length)} of ${countOf(book)} models.`, width, ''),
  );
  for (const { path, message } of warnings)
    session.print(...paragraph(`${printable(path)}: ${printable(message)}`, width, `${session.style.yellow('!')} `, 2));
}

const countOf = (book: PriceBook): string => countText(book.models?.().length ?? 0);

function catalogue(book: PriceBook, governance: Governance | undefined, now: number): ListedModel[] {
  if (book.models === undefined)
    throw new Failure('configuration', 'The price book of the configuration does not tell its models');
  const mayUse = permissions(governance, now);
  return book.models().map((id): ListedModel => {
    const row = book.price(id, now) ?? book.facts?.(id) ?? {};
    const priced = isPriced(row) && book.price(id, now) !== undefined;
    return { id, ...row, standing: standingOf(row, now), priced, teams: mayUse?.(id, priced) };
  });
}

/** Who may use a model, by the rules as they are enforced. */
function permissions(
  governance: Governance | undefined,
  now: number,
): ((model: string, priced: boolean) => readonly string[]) | undefined {
  if (governance?.teams === undefined) return undefined;
  const teams = Object.entries(governance.teams).map(([name, options]) => teamRules(name, options, governance, now));
  const charged = typeof governance.unpricedModels === 'object';
  return (model, priced) => {
    if (!priced && !charged) return [];
    return teams
      .filter(({ rules }) =>
        rules.every(({ allowedModels, deniedModels }) => (allowedModels?.(model) ?? true) && !(deniedModels?.(model) ?? false)),
      )
      .map(({ name }) => name);
  };
}

function isWanted(model: ListedModel, name: string | undefined, { all, kind, status, team }: ModelsOptions): boolean {
  if (name !== undefined && !matcher([name])(model.id)) return false;
  if (kind !== undefined && model.kind !== kind) return false;
  if (status !== undefined && model.status !== status) return false;
  if (team !== undefined && !model.teams?.includes(team)) return false;
  const gone = model.standing === 'retired' || model.standing === 'contract';
  // Who names a model or a status means it.
  return !gone || (all ?? false) || status !== undefined || name === model.id;
}

const COLUMNS: readonly Column[] = [
  { head: 'model', shrinkTo: 28 },
  { head: 'kind', rank: 5 },
  { head: 'status', rank: 4 },
  { head: 'input', align: 'right' },
  { head: 'cached', align: 'right', rank: 6 },
  { head: 'output', align: 'right' },
  { head: 'context', align: 'right', rank: 3 },
  { head: 'most out', align: 'right', rank: 7 },
  { head: 'shutdown', rank: 2 },
];
const TEAMS: Column = { head: 'teams', shrinkTo: 10, rank: 1 };

function modelLines(models: readonly ListedModel[], style: Style, columns: number | undefined): string[] {
  const withTeams = models.some(({ teams }) => teams !== undefined);
  const rows = models.map((model): Cell[] => {
    const { id, kind = '', status = '', standing, contextWindow, maxOutputTokens, shutdownDate = '', teams } = model;
    const gone = standing === 'retired' || standing === 'contract';
    const { input, cached, output } = pricesOf(model);
    return [
      gone ? { text: id, mark: style.dim } : id,
      kind,
      { text: status, mark: status === 'production' ? style.green : gone ? style.red : (text) => text },
      input,
      cached,
      output,
      contextWindow === undefined ? '' : countText(contextWindow),
      maxOutputTokens === undefined ? '' : countText(maxOutputTokens),
      { text: shutdownDate, mark: standing === 'ending' ? style.yellow : style.dim },
      ...(withTeams ? [teams === undefined || teams.length === 0 ? 'none' : teams.join(', ')] : []),
    ];
  });
  return tableLines(withTeams ? [...COLUMNS, TEAMS] : COLUMNS, rows, { width: columns, style });
}

function pricesOf(row: ListedModel): { readonly input: string; readonly cached: string; readonly output: string } {
  if (row.audioPerHourUsd !== undefined) return { input: `${dollars(row.audioPerHourUsd)}/h`, cached: '', output: '' };
  if (row.charactersPerMillionUsd !== undefined)
    return { input: `${dollars(row.charactersPerMillionUsd)}/Mch`, cached: '', output: '' };
  if (!row.priced) return { input: 'unpriced', cached: '', output: '' };
  return {
    input: dollars(row.inputPerMillionUsd),
    cached: dollars(row.cachedInputPerMillionUsd),
    output: dollars(row.outputPerMillionUsd),
  };
}

/** As published: `$0.15`, `$0.0375`. */
function dollars(amount: number | undefined): string {
  if (amount === undefined) return '';
  const [whole = '0', fraction = ''] = String(amount).split('.');
  return `$${whole}.${fraction.padEnd(2, '0')}`;
}
