import type { Command } from 'commander';
import type { Governance } from '../governance';
import { governanceIssues } from '../options';
import { groqPrices } from '../price/groq-prices';
import { printable } from '../report/names';
import { keyProblems } from './check-keys';
import { ruledBy } from './check-models';
import { invalid, ruleProblems, soundParts } from './check-rules';
import { findConfig, shownPath } from './config-find';
import type { RawConfiguration } from './configuration';
import { EXIT, type Failure, failureOf } from './failure';
import type { Problem } from './problem';
import { notOffered, offeredModels, providerUrl, secretToAskWith } from './provider-models';
import type { Session } from './session';
import { paragraph } from './wrap';

interface CheckOptions {
  readonly offline?: boolean;
  readonly strict?: boolean;
  readonly baseUrl?: string;
}

/** What came of asking the provider. */
interface Asked {
  readonly offered?: number;
  /** Why it was not asked. */
  readonly skipped?: string;
  /** Why it did not answer. */
  readonly error?: string;
}

interface Findings {
  readonly file: string;
  readonly problems: readonly Problem[];
  readonly governance: Governance | undefined;
  readonly provider: Asked;
}

export function addCheck(program: Command, session: Session): void {
  program
    .command('check')
    .summary('find every problem of a configuration')
    .description(
      'Finds every problem of a configuration file, with its path: what is not valid, models without a price, models that are shut down or soon will be, and models that the provider does not offer to the key.',
    )
    .argument('[config]', 'the file; default: the governed-groq.config of this folder or above')
    .option('--offline', 'do not ask the provider for its models')
    .option('--strict', 'count warnings as problems')
    .option('--base-url <url>', "the provider's address (default: GROQ_BASE_URL, or Groq)")
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: CheckOptions) => check(session, file, options));
}

const HELP = `
With GROQ_API_KEY set, or keys in the configuration, the provider is asked for its models.
Exit code: 0 no errors, 1 problems found, 2 no such file, 3 the provider could not be asked.

Examples:
  $ governed-groq check
  $ governed-groq check governance.yaml --offline --strict
  $ governed-groq check --json | jq '.problems[].path'`;

async function check(session: Session, file: string | undefined, options: CheckOptions): Promise<void> {
  const url = providerUrl(options.baseUrl, session.io);
  const found = await look(session, file, options, url);
  // Once, for all that is shown of them.
  const findings = { ...found, problems: found.problems.map((problem) => session.cleaned(problem)) };
  const { problems, provider } = findings;
  const bad = problems.some(({ severity }) => severity === 'error' || options.strict);
  session.exitCode = bad ? EXIT.no : provider.error === undefined ? EXIT.ok : EXIT.outside;
  if (session.json) session.printJson(documentOf(findings, !bad));
  else show(session, findings);
}

async function look(session: Session, named: string | undefined, options: CheckOptions, url: URL): Promise<Findings> {
  let raw: RawConfiguration;
  try {
    raw = await session.rawConfiguration(named ?? session.options.config);
  } catch (error) {
    const failure = failureOf(error);
    // What is not there, or cannot be read by this runtime, is no verdict on the configuration.
    if (failure.kind !== 'configuration') throw error;
    const path = findConfig(named ?? session.options.config, session.io.cwd) ?? '';
    const file = shownPath(path, session.io.cwd);
    return { file, problems: problemsOf(failure, file), governance: undefined, provider: { skipped: 'not valid' } };
  }
  const { file, rules, issues, lineOf } = raw;
  if (rules === undefined) {
    const skipped = 'the file exports a Governor. Export { governance } to have its models checked';
    return { file, problems: [], governance: undefined, provider: { skipped } };
  }
  const placed = (problems: readonly Problem[]): Problem[] =>
    problems.map((problem) => ({ ...problem, line: lineOf(problem.path) })).sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const now = session.io.clock.now();
  const problems = [
    ...issues.map(invalid),
    ...ruleProblems(rules, now),
    ...(await keyProblems(soundParts(rules), now, !options.offline)),
  ];
  if (issues.length > 0 || governanceIssues(rules).length > 0)
    return { file, problems: placed(problems), governance: undefined, provider: { skipped: 'not valid' } };
  const governance = rules as Governance;
  const { provider, missing } = await askProvider(session, governance, problems, options, url);
  return { file, problems: placed([...problems, ...missing]), governance, provider };
}

function problemsOf(failure: Failure, file: string): Problem[] {
  if (failure.issues) return failure.issues.map(invalid);
  const message = failure.message.startsWith(`${file}: `) ? failure.message.slice(file.length + 2) : failure.message;
  return [{ severity: 'error', code: 'unreadable', path: '', message }];
}

async function askProvider(
  session: Session,
  governance: Governance,
  problems: readonly Problem[],
  { offline }: CheckOptions,
  url: URL,
): Promise<{ provider: Asked; missing: readonly Problem[] }> {
  if (offline) return { provider: { skipped: '--offline' }, missing: [] };
  try {
    const secret = await secretToAskWith(governance, session.io);
    if (secret === undefined) return { provider: { skipped: 'no GROQ_API_KEY' }, missing: [] };
    const offered = await offeredModels(url, secret, session.io);
    return { provider: { offered: offered.length }, missing: notOffered(governance, offered, problems) };
  } catch (error) {
    return { provider: { error: session.clean(failureOf(error).message) }, missing: [] };
  }
}

function documentOf({ file, problems, governance, provider }: Findings, ok: boolean): object {
  const count = (severity: Problem['severity']): number => problems.filter((each) => each.severity === severity).length;
  return {
    ok,
    file,
    errors: count('error'),
    warnings: count('warning'),
    problems,
    teams: governance && Object.keys(governance.teams ?? {}),
    priceVersion: governance && (governance.prices ?? groqPrices).version,
    provider,
  };
}

function show(session: Session, { file, problems, governance, provider }: Findings): void {
  const { style, io } = session;
  const width = io.columns ?? Infinity;
  const lines: string[] = [];
  if (problems.length > 0) lines.push(style.bold(printable(file)));
  for (const { severity, path, line, message } of problems) {
    const mark = severity === 'error' ? style.red('✗') : style.yellow('!');
    const place = [line === undefined ? '' : `line ${line}`, path].filter((part) => part !== '').join(', ');
    if (place !== '') lines.push(`  ${mark} ${style.cyan(printable(place))}`);
    lines.push(...paragraph(printable(message), width, place === '' ? `  ${mark} ` : '    ', 4));
  }
  lines.push(...(problems.length > 0 ? ['', countText(problems)] : [style.green(`${printable(file)} has no problems.`)]));
  if (governance) lines.push(...paragraph(contentText(governance), width, ''));
  if (provider.offered !== undefined)
    lines.push(...paragraph(`Compared with the ${provider.offered} models that the provider offers to the key.`, width, ''));
  session.print(...lines);
  if (provider.skipped !== undefined && provider.skipped !== 'not valid')
    session.note(`Not compared with the provider's models: ${provider.skipped}.`);
  if (provider.error !== undefined) io.stderr.write(`${session.errorStyle.red('error:')} ${session.shown(provider.error)}\n`);
}

function countText(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  return [errors > 0 ? many(errors, 'error') : '', warnings > 0 ? many(warnings, 'warning') : ''].filter(Boolean).join(', ');
}

function contentText(governance: Governance): string {
  const owners = ruledBy(governance).map(({ rules }) => rules);
  const budgets = owners.reduce(
    (sum, { monthlyBudgetUsd, budgets: more = [] }) => sum + (monthlyBudgetUsd === undefined ? 0 : 1) + more.length,
    0,
  );
  const limits = owners.reduce(
    (sum, rules) =>
      sum + Object.keys(rules).filter((name) => name.startsWith('rateLimit')).length + (rules.limits ?? []).length,
    0,
  );
  const parts = [many(Object.keys(governance.teams ?? {}).length, 'team'), many(budgets, 'budget'), many(limits, 'rate limit')];
  return `${parts.join(', ')}; price book ${(governance.prices ?? groqPrices).version}.`;
}

const many = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;
