import type { Command } from 'commander';
import { countText } from '../report/figures';
import { type MockGroq, mockGroq } from '../testing/mock-groq';
import type { MockLimits } from '../testing/mock-limits';
import type { MockServer } from '../testing/mock-server';
import { Failure, messageOf } from './failure';
import { wholeNumber } from './option-values';
import type { Session } from './session';

const DEFAULT_PORT = 8787;
const HIGHEST_PORT = 65_535;

const LIMITS = [
  ['rpm', 'requests per minute'],
  ['rpd', 'requests per day'],
  ['tpm', 'tokens per minute'],
  ['tpd', 'tokens per day'],
  ['itpm', 'input tokens per minute'],
  ['otpm', 'output tokens per minute'],
  ['ash', 'seconds of audio per hour'],
  ['asd', 'seconds of audio per day'],
] as const satisfies readonly (readonly [keyof MockLimits, string])[];

interface MockOptions extends MockLimits {
  readonly port?: number;
  readonly latency?: number;
  readonly unknownModel?: readonly string[];
}

export function addMock(program: Command, session: Session): void {
  const command = program
    .command('mock')
    .summary('serve a stand-in for Groq on this machine')
    .description('Serves a Groq that needs no key and costs nothing, for this machine only, until it is interrupted.')
    .option(
      '-p, --port <number>',
      `0 takes any free one (default: ${DEFAULT_PORT}, or a free one)`,
      wholeNumber(0, HIGHEST_PORT),
    );
  for (const [name, meaning] of LIMITS) command.option(`--${name} <number>`, `${meaning}, for each model`, wholeNumber(1));
  command
    .option('--latency <ms>', 'how long an answer takes to begin', wholeNumber(0, 600_000))
    .option(
      '--unknown-model <id>',
      'a model that gets a 404; may be given several times',
      (id: string, before: readonly string[] | undefined) => [...(before ?? []), id],
    )
    .addHelpText('after', HELP)
    .action(async (options: MockOptions) => serve(session, options));
}

const HELP = `
Exit code: 0 when it is interrupted (Ctrl-C), 2 wrong usage, 3 the port is taken.

Examples:
  $ governed-groq mock
  $ governed-groq mock --port 0 --json | head -n 1
  $ governed-groq mock --rpm 30 --tpm 6000 --latency 300
  $ GROQ_BASE_URL=http://127.0.0.1:${DEFAULT_PORT} GROQ_API_KEY=gsk_mock node app.js`;

async function serve(session: Session, options: MockOptions): Promise<void> {
  const { interrupted, clock } = session.io;
  const limits = Object.fromEntries(LIMITS.flatMap(([name]) => (options[name] === undefined ? [] : [[name, options[name]]])));
  const mock = mockGroq({ clock, limits, latencyMs: options.latency ?? 0, unknownModels: options.unknownModel ?? [] });
  // Ctrl-C is how it is meant to end.
  session.endsItself = true;
  const server = await listen(mock, options.port);
  // One line, so that a script knows when it has all.
  if (session.json) session.print(JSON.stringify({ url: server.url, port: server.port, limits }));
  else session.print(...greeting(session, server, limits));
  await new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    else interrupted.addEventListener('abort', () => resolve(), { once: true });
  });
  await server.close();
  const { rejected } = mock.stats;
  session.note(`Served ${countText(mock.calls.length)} requests; the limits refused ${countText(rejected)} of them.`);
}

async function listen(mock: MockGroq, port: number | undefined): Promise<MockServer> {
  try {
    return await mock.listen({ port: port ?? DEFAULT_PORT });
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    if (taken && port === undefined) return mock.listen({ port: 0 });
    const message = taken
      ? `Port ${port} is taken. Name another with --port, or 0 for any free one`
      : `Port ${port}: ${messageOf(error)}`;
    throw new Failure('outside', message, { cause: error });
  }
}

function greeting({ style }: Session, { url }: MockServer, limits: MockLimits): string[] {
  const shown = LIMITS.filter(([name]) => limits[name] !== undefined).map(
    ([name, meaning]) => `${countText(limits[name] ?? 0)} ${meaning}`,
  );
  return [
    `${style.bold('A mock of Groq is at')} ${style.cyan(url)}`,
    `Limits of each model: ${shown.length > 0 ? shown.join(', ') : 'none'}.`,
    '',
    'Point groq-sdk to it by the environment:',
    `  GROQ_BASE_URL=${url} GROQ_API_KEY=gsk_mock node app.js`,
    'or in the program:',
    `  new GovernedGroq({ baseURL: '${url}', apiKey: 'gsk_mock' })`,
    '',
    style.dim('Ctrl-C ends it.'),
  ];
}
