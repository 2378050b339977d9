// One report in every format: for a terminal, a spreadsheet, a program, a ticket, and as a page to mail or print.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// Users write 'governed-groq', 'governed-groq/report' and 'governed-groq/testing'.
import { GovernedGroq } from '../src/index';
import { formatReport } from '../src/report';
import { mockGroq } from '../src/testing';

const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mockGroq().fetch,
  governance: {
    teams: {
      chatbot: { monthlyBudgetUsd: 20 },
      analytics: { monthlyBudgetUsd: 0.0001 },
      // It ends up in files and pages, where it is a name and nothing else.
      '=HYPERLINK("https://evil.example")': { monthlyBudgetUsd: 5 },
    },
  },
});
const teams = ['chatbot', 'chatbot', 'analytics', '=HYPERLINK("https://evil.example")'];
const models = ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'];
for (let n = 0; n < 40; n++) {
  const client = groq.withTeam(teams[n % teams.length] ?? '');
  const messages = [{ role: 'user' as const, content: `Question number ${n}` }];
  // The budget of analytics is used up before the end.
  await client.chat.completions.create({ model: models[n % 3] ?? 'openai/gpt-oss-20b', messages }).catch(() => undefined);
}

const byTeam = await groq.governor.report({ last: '7d' });
assert.ok(byTeam.total.denied > 0);
const byDay = await groq.governor.report({ last: '7d', by: ['day', 'model'] });

console.log(formatReport(byTeam, 'table', { width: 80 }));
console.log(formatReport(byTeam, 'csv'));
console.log(formatReport(byDay, 'markdown', { title: 'This week' }));

const csv = formatReport(byTeam, 'csv');
assert.ok(csv.includes(`"'=HYPERLINK(""https://evil.example"")",10,`), 'no spreadsheet takes the name for a formula');

// Figures in JSON are the report's, to the last digit.
const { total } = JSON.parse(formatReport(byTeam, 'json')) as typeof byTeam;
assert.equal(total.costNanos, byTeam.total.costNanos);

// One file that holds all it shows: open it without a network, mail it, print it.
const folder = await mkdtemp(join(tmpdir(), 'report-'));
const page = join(folder, 'usage.html');
await writeFile(page, formatReport([byTeam, byDay], 'html', { title: 'Groq usage this week' }));
console.log(`The page has ${Math.round((await readFile(page)).length / 1024)} kB.`);
await rm(folder, { recursive: true });
await groq.governor.close();
