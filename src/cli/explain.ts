import type { Command } from 'commander';
import type { Explanation } from '../explain';
import type { Governance } from '../governance';
import { EXIT, messageOf } from './failure';
import { type RequestOptions, requestOf } from './explain-request';
import { explanationLines } from './explain-view';
import { suggestion, tag, wholeNumber } from './option-values';
import type { Session } from './session';

interface ExplainCommandOptions extends RequestOptions {
  readonly team?: string;
  readonly user?: string;
  readonly tag?: Readonly<Record<string, string>>;
}

export function addExplain(program: Command, session: Session): void {
  program
    .command('explain')
    .summary('what would happen to a request, for a team, now')
    .description(
      'Tells what would happen to a request now, by the code that would decide it: each rule, each limit with what is used, held and free, the wait and the upper cost. Nothing is sent or written.',
    )
    .option('-t, --team <name>', 'who asks (default: the defaultTeam of the configuration)')
    .option('-u, --user <name>', 'the user, for rules that count users apart')
    .option('--tag <name=value>', 'a tag; may be given several times', tag)
    .option('-m, --model <id>', 'the model')
    .option('--max-tokens <number>', 'the most output tokens that the request asks for', wholeNumber(0))
    .option('-p, --prompt <text>', 'the prompt; - reads it from the standard input')
    .option('-r, --request <file>', 'the whole request as JSON; - reads it from the standard input')
    .option('--operation <name>', 'the endpoint', 'chat.completions')
    .addHelpText('after', HELP)
    .action(async (options: ExplainCommandOptions) => explain(session, options));
}

const HELP = `
What is used is what the configured stores know; without a shared one
nothing is. The prompt is never shown.
Exit code: 0 allowed, 1 refused, 2 wrong usage, 3 a store failed.

Examples:
  $ governed-groq explain --team chatbot --model openai/gpt-oss-20b --max-tokens 500
  $ governed-groq explain --team chatbot --tag feature=search --request request.json
  $ cat prompt.txt | governed-groq explain --team chatbot --model openai/gpt-oss-20b --prompt -`;

async function explain(session: Session, options: ExplainCommandOptions): Promise<void> {
  const params = await requestOf(options, session.io);
  const { governor, governance } = await session.configuration();
  const { team, user, tag: tags, operation } = options;
  let failure: unknown;
  governor.on('store-unavailable', ({ error }) => void (failure ??= error));
  const explanation = await governor.explain(params, {
    ...(team !== undefined && { team }),
    ...(user !== undefined && { user }),
    ...(tags !== undefined && { tags }),
    operation,
  });
  const cause = failure === undefined ? undefined : session.clean(messageOf(failure));
  session.exitCode = explanation.allowed ? EXIT.ok : explanation.code === 'store-unavailable' ? EXIT.outside : EXIT.no;
  const { model } = params;
  const subject = {
    team: team ?? governance?.defaultTeam,
    user,
    tags,
    operation,
    model: typeof model === 'string' ? model : '',
  };
  if (session.json)
    return session.printJson({ ...subject, mode: governance?.mode ?? 'enforce', ...clean(session, explanation), cause });
  const now = (governance?.clock ?? session.io.clock).now();
  session.print(...explanationLines(clean(session, explanation), subject, now, session));
  if (cause !== undefined) session.note(`A store could not be asked: ${cause}`);
  for (const note of notes(explanation, governance, subject.team)) session.note(note);
}

// A policy of the user's own gives the reasons that it likes.
function clean(session: Session, explanation: Explanation): Explanation {
  const { reason, decisions } = explanation;
  return {
    ...explanation,
    ...(reason !== undefined && { reason: session.clean(toldHere(reason)) }),
    decisions: decisions.map((step) =>
      step.reason === undefined ? step : { ...step, reason: session.clean(toldHere(step.reason)) },
    ),
  };
}

// Nobody can look into an error here; its cause is told beside it.
const toldHere = (reason: string): string => reason.replace(/ The cause is in error\.cause\.$/, '');

function notes({ code }: Explanation, governance: Governance | undefined, team: string | undefined): string[] {
  const found: string[] = [];
  const teams = Object.keys(governance?.teams ?? {});
  if (code === 'unknown-team' && teams.length > 0)
    found.push(
      team === undefined
        ? `Name a team with --team: ${teams.join(', ')}`
        : `Known teams: ${teams.join(', ')}.${suggestion(team, teams)}`,
    );
  if (governance?.mode === 'observe') found.push("The mode is 'observe': the call would be sent all the same.");
  if (governance !== undefined && governance.budgetStore === undefined)
    found.push('The configuration has no budget store, so this process knows of no spending.');
  return found;
}
