import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import * as library from '../src/index';
import * as testing from '../src/testing';

const root = fileURLToPath(new URL('..', import.meta.url));
const PAGES = ['README.md', ...readdirSync(`${root}docs`).map((name) => `docs/${name}`)];
const textOf = (page: string): string => readFileSync(root + page, 'utf8');
const readme = textOf('README.md');
const blocks = PAGES.flatMap((page) =>
  [...textOf(page).matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ''], index) => ({
    name: `${root}${page.replaceAll(/\W/g, '-')}-block-${index + 1}.ts`,
    // Each stands for itself, so none may see the variables of another.
    code: `${code}\nexport {};\n`,
  })),
);

const AsyncFunction = (async () => {}).constructor;

/** What the compiler says of the blocks, under the project's own settings. */
function problems(): string[] {
  const config = ts.readConfigFile(`${root}tsconfig.json`, (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const entries = ['fetch', 'sqlite', 'redis', 'postgres', 'otel', 'report', 'testing'].map((name) => [
    `governed-groq/${name}`,
    [`${root}src/${name}.ts`],
  ]);
  const paths = { 'governed-groq': [`${root}src/index.ts`], ...Object.fromEntries(entries) } as Record<string, string[]>;
  const host = ts.createCompilerHost({ ...options, paths });
  const disk = { ...host };
  const blockOf = (path: string) => blocks.find(({ name }) => name === path);
  host.fileExists = (path) => blockOf(path) !== undefined || disk.fileExists(path);
  host.readFile = (path) => blockOf(path)?.code ?? disk.readFile(path);
  host.getSourceFile = (path, language, ...rest) => {
    const block = blockOf(path);
    return block ? ts.createSourceFile(path, block.code, language) : disk.getSourceFile(path, language, ...rest);
  };
  const names = blocks.map(({ name }) => name);
  const program = ts.createProgram(names, { ...options, paths, declaration: false, isolatedDeclarations: false }, host);
  return names.flatMap((name) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(name)).map(({ messageText, start = 0, file }) => {
      const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
      return `${name.slice(root.length)}:${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    }),
  );
}

describe('README', () => {
  it('shows code that compiles', { timeout: 60_000 }, () => {
    expect(blocks.length).toBeGreaterThan(12);
    expect(problems()).toEqual([]);
  });

  it('shows the store of the example as it is', () => {
    const example = textOf('examples/simple-budget-store.ts').replace(
      "'../src/index'; // Users write 'governed-groq'.",
      "'governed-groq';",
    );
    expect(textOf('docs/your-own-store.md')).toContain(`\`\`\`ts\n${example}\`\`\``);
  });

  it('shows a test that passes', async () => {
    const block = blocks.find(({ code }) => code.includes('mock.assertDone()'));
    const body = ts
      .transpile(block?.code ?? 'throw new Error("not found")', {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
      })
      .replace(/^import (\{.*\}) from '(.*)';$/gm, "const $1 = modules['$2'];")
      .replace('export {};', '');
    const lines: unknown[][] = [];
    const run = Reflect.construct(AsyncFunction, ['modules', 'console', body]) as (...args: unknown[]) => Promise<void>;
    await run(
      { 'governed-groq': library, 'governed-groq/testing': testing },
      { log: (...line: unknown[]) => lines.push(line) },
    );
    expect(lines).toEqual([['Hello.', 2]]);
  });

  it('says what it is, how to change to it, how to install and how to try it by line 40', () => {
    const screen = readme.split('\n').slice(0, 40).join('\n');
    for (const part of [
      "-import Groq from 'groq-sdk'",
      '+import { GovernedGroq }',
      'BudgetExceededError:',
      'npm install',
      'npm start',
      'npm test',
    ]) {
      expect(screen).toContain(part);
    }
  });

  it('quotes a refusal as it is', () => {
    const usd = 1_000_000_000;
    const error = new library.BudgetExceededError({
      budget: 'chatbot/month',
      limitNanos: 200 * usd,
      spentNanos: 199.98 * usd,
      heldNanos: 0.01 * usd,
      requestedNanos: 0.03 * usd,
      resetsAt: Date.UTC(2026, 11, 1),
    });
    expect(readme).toContain(`\n${error.name}: ${error.message}\n`);
  });

  it('lists every error class and every code', () => {
    const codes: Record<library.GovernanceErrorCode, true> = {
      'model-not-allowed': true,
      'max-tokens-exceeded': true,
      'invalid-request': true,
      'tool-not-allowed': true,
      'policy-denied': true,
      'unknown-team': true,
      'budget-exceeded': true,
      'rate-limit-wait': true,
      'unpriced-model': true,
      'no-key': true,
      'store-unavailable': true,
      'ungoverned-request': true,
      'invalid-config': true,
    };
    const table = readme.slice(readme.indexOf('\n## Errors'), readme.indexOf('\n## How it hooks in'));
    const classes = Object.entries(library).flatMap(([name, value]) =>
      typeof value === 'function' && value.prototype instanceof library.GovernanceError ? [name] : [],
    );
    expect(classes.length).toBeGreaterThanOrEqual(9);
    for (const name of [...classes, ...Object.keys(codes)]) expect(table).toContain(`\`${name}\``);
  });

  it('links to what exists', () => {
    const anchors = [...readme.matchAll(/^## (.*)$/gm)].map(([, title = '']) => `#${title.toLowerCase().replaceAll(' ', '-')}`);
    for (const [, target = ''] of readme.matchAll(/\]\(([^)]+)\)/g)) {
      if (target.startsWith('#')) expect(anchors).toContain(target);
      else if (!target.startsWith('https://')) expect(existsSync(root + target), target).toBe(true);
    }
  });

  it('gives numbers that are right', () => {
    const workload = JSON.parse(readFileSync(`${root}examples/00-story/workload.json`, 'utf8')) as unknown[];
    expect(/(\d+) requests/.exec(readme)?.[1]).toBe(String(workload.length));
    const example = readFileSync(`${root}examples/simple-budget-store.ts`, 'utf8').split('\n');
    const first = example.findIndex((line) => line.startsWith('export function simpleBudgetStore'));
    const last = example.indexOf('}', first);
    expect(/has (\d+) lines/.exec(readme)?.[1]).toBe(String(last - first + 1));
  });
});
