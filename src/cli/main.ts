import { Command, CommanderError } from 'commander';
import { addCheck } from './check';
import type { PlacedIssue } from './configuration';
import { addExplain } from './explain';
import { EXIT, Failure, Interrupted, failureOf, messageOf } from './failure';
import type { Io } from './io';
import { addKeys } from './keys';
import { addMock } from './mock';
import { addModels } from './models';
import { suggestion } from './option-values';
import { addReport } from './report';
import { type GlobalOptions, Session } from './session';
import { styleOf, wantsColour } from './style';

const WIDEST_HELP = 100;

/**
 * Runs the program with its arguments, without the names of node and the script, and resolves to the exit code. Never rejects: a
 * failure is told on `io.stderr`, or with `--json` as a document on `io.stdout`.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const session = new Session(io);
  // What is wrong with the options themselves is to be told in the right form, too.
  session.options = given(argv);
  const exitCode = await answered(argv, session);
  io.decided(exitCode);
  await session.close();
  return exitCode;
}

async function answered(argv: readonly string[], session: Session): Promise<number> {
  const { interrupted } = session.io;
  try {
    if (interrupted.aborted) throw new Interrupted(interrupted.reason);
    await unlessInterrupted(programOf(session).parseAsync([...argv], { from: 'user' }), session);
    return session.exitCode;
  } catch (error) {
    return tell(error, session, argv);
  }
}

function given(argv: readonly string[]): GlobalOptions {
  const end = argv.indexOf('--');
  const options = end < 0 ? argv : argv.slice(0, end);
  return { json: options.includes('--json'), color: !options.includes('--no-color'), debug: options.includes('--debug') };
}

function programOf(session: Session): Command {
  const { io } = session;
  const style = styleOf(wantsColour(io, session.options.color ?? true, io.isTTY));
  const width = Math.min(io.columns ?? 80, WIDEST_HELP);
  const program = new Command('governed-groq')
    .description('Budgets, rate limits and policies for Groq: check the rules, ask what they would decide, see what was spent.')
    .version(io.version, '-V, --version', 'the version of this program')
    .option('-c, --config <file>', 'the configuration (default: governed-groq.config.* of this folder or above)')
    .option('--json', 'one JSON document on the standard output, and nothing else')
    .option('--no-color', 'no colours; NO_COLOR and FORCE_COLOR are heeded too')
    .option('--debug', 'with the stack of errors')
    .helpOption('-h, --help', 'this help, or that of a command')
    .helpCommand('help [command]', 'the help of a command')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: 20, styleTitle: (text) => style.bold(text) })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => {
        if (!session.json) io.stderr.write(text);
      },
      // It is told below, with what else goes wrong.
      outputError: () => undefined,
      getOutHelpWidth: () => width,
      getErrHelpWidth: () => width,
      getOutHasColors: () => true,
      getErrHasColors: () => true,
    })
    .addHelpText('after', HELP)
    .hook('preAction', (_, command) => {
      session.options = command.optsWithGlobals<GlobalOptions>();
    });
  for (const add of [addCheck, addExplain, addReport, addKeys, addModels, addMock]) add(program, session);
  return program;
}

const HELP = `
Exit codes: 0 fine; 1 the answer is no; 2 wrong usage or configuration;
3 something outside failed; 130 interrupted.

Examples:
  $ governed-groq check
  $ governed-groq explain --team chatbot --model openai/gpt-oss-20b --max-tokens 500
  $ governed-groq report --last 7d --by team,model
  $ governed-groq help report`;

/** The work's own end, or a rejection when a signal comes first; unless the command ends itself then. */
function unlessInterrupted(work: Promise<unknown>, session: Session): Promise<unknown> {
  const { interrupted } = session.io;
  return new Promise((resolve, reject) => {
    const interrupt = (): void => {
      const reason: unknown = interrupted.reason;
      if (reason instanceof Error) reject(new Failure('outside', messageOf(reason), { cause: reason }));
      else if (!session.endsItself) reject(new Interrupted(reason));
    };
    interrupted.addEventListener('abort', interrupt, { once: true });
    work.then(resolve, reject).finally(() => interrupted.removeEventListener('abort', interrupt));
  });
}

function tell(error: unknown, session: Session, argv: readonly string[]): number {
  if (error instanceof Interrupted) return error.exitCode;
  // Help and version are not failures, and have been written.
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  const failure = failureOf(isHelp(error) ? unhelped(argv) : error);
  // The help itself tells what to do.
  if (isHelp(error) && !session.json && !failure.message.startsWith('unknown')) return EXIT.usage;
  const exitCode = failure.kind === 'outside' ? EXIT.outside : EXIT.usage;
  if (session.json) session.printJson({ error: documentOf(failure, exitCode, session) });
  else session.io.stderr.write(`${failureLines(failure, session, argv).join('\n')}\n`);
  return exitCode;
}

const isHelp = (error: unknown): boolean => error instanceof CommanderError && error.code.startsWith('commander.help');

/** Why help was shown that nobody had asked for. */
function unhelped(argv: readonly string[]): Failure {
  const [command, name] = argv.filter((each) => !each.startsWith('-'));
  const known = [...COMMANDS];
  if (command === 'help' && name !== undefined)
    return new Failure('usage', `unknown command '${name}'.${suggestion(name, known)} Known: ${known.join(', ')}`);
  return new Failure('usage', `Name a command: ${known.join(', ')}`);
}

function documentOf(failure: Failure, exitCode: number, session: Session): object {
  const { kind, message, issues } = failure;
  return {
    kind,
    exitCode,
    message: session.clean(message),
    ...(issues && { issues: issues.map((issue) => session.cleaned(issue)) }),
    ...(session.options.debug && { stack: session.clean(stackOf(failure)) }),
  };
}

function failureLines(failure: Failure, session: Session, argv: readonly string[]): string[] {
  const { options, errorStyle: style } = session;
  const shown = (text: string): string => session.shown(text);
  const { cause, issues = [], message } = failure;
  const isOption = failure.kind === 'usage' && cause instanceof CommanderError;
  return [
    `${style.red('error:')} ${shown(message)}${/[.?!]$/.test(message) ? '' : issues.length > 0 ? ':' : '.'}`,
    ...issues.map((issue: PlacedIssue) => {
      const place = [issue.line === undefined ? '' : `line ${issue.line}`, issue.path].filter((part) => part !== '').join(', ');
      return `  ${style.cyan(shown(place || 'governance'))}: ${shown(issue.message)}`;
    }),
    ...(isOption ? [style.dim(`See governed-groq ${commandIn(argv)}--help.`)] : []),
    ...(options.debug ? [shown(stackOf(failure))] : []),
  ];
}

const COMMANDS = new Set(['check', 'explain', 'report', 'keys', 'models', 'mock']);

const commandIn = (argv: readonly string[]): string => {
  const name = argv.find((each) => COMMANDS.has(each));
  return name === undefined ? '' : `${name} `;
};

/** The stack of what was thrown first. */
function stackOf(failure: Failure): string {
  let error: Error = failure;
  while (error.cause instanceof Error) error = error.cause;
  return error.stack ?? '';
}
