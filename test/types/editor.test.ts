// What an editor offers, shows and complains about: asked of the compiler's own language service, the oldest and the newest that
// has one.
import { fileURLToPath } from 'node:url';
import oldest from 'typescript-oldest';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';

const FILE = fileURLToPath(new URL('./written-in-an-editor.ts', import.meta.url));
const PROGRAM = `
import { GovernedGroq, defineGovernance } from '../../src/index';
const governance = defineGovernance({
  teams: {
    chatbot: { allowedModels: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'] },
    analytics: { allowedModels: ['openai/gpt-oss-20b'] },
    research: { allowedModels: ['openai/*'] },
    free: {},
  },
  defaultTeam: '/*defaultTeam*/',
});
const groq = new GovernedGroq({ governance });
const plain = new GovernedGroq({ governance: { teams: { chatbot: {} } }, team: 'chatbot' });
const bound = new GovernedGroq({ governance, team: '/*team*/' });
groq.withTeam('/*withTeam*/');
const analytics = groq.withTeam('analytics');
const messages = [{ role: 'user' as const, content: 'Hi' }];
groq.withTeam('chatbot').chat.completions.create({ model: '/*chatbot*/', messages });
groq.withTeam('chatbot').chat.completions.create({ model: '/*streamed*/', messages, stream: true });
analytics.chat.completions.create({ model: '/*analytics*/', messages });
groq.withTeam('research').chat.completions.create({ model: 'openai/any', messages });
groq.withTeam('free').chat.completions.create({ model: '/*free*/', messages });
analytics.embeddings.create({ model: '/*embeddings*/', input: '' });
groq.withTeam('chatbott');
analytics.chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
`;

describe.each([
  ['oldest', oldest as unknown as typeof ts],
  ['newest', ts],
])('an editor with the %s TypeScript', (_, compiler) => {
  let service: ts.LanguageService;
  beforeAll(() => {
    service = serviceOf(compiler);
    service.getSemanticDiagnostics(FILE);
  }, 60_000);

  const offeredAt = (mark: string): string[] =>
    (service.getCompletionsAtPosition(FILE, PROGRAM.indexOf(`/*${mark}*/`), undefined)?.entries ?? [])
      .filter(({ kind }) => kind === compiler.ScriptElementKind.string)
      .map(({ name }) => name)
      .sort();
  const shownFor = (name: string): string => {
    const info = service.getQuickInfoAtPosition(FILE, PROGRAM.indexOf(`const ${name} `) + 'const '.length);
    return (info?.displayParts ?? [])
      .map(({ text }) => text)
      .join('')
      .replaceAll(/\s+/g, ' ');
  };

  it.each(['withTeam', 'team', 'defaultTeam'])('completes the names of teams: %s', (mark) => {
    expect(offeredAt(mark)).toEqual(['analytics', 'chatbot', 'free', 'research']);
  });

  it('completes the models of the team, and no other', () => {
    expect(offeredAt('chatbot')).toEqual(['openai/gpt-oss-120b', 'openai/gpt-oss-20b']);
    expect(offeredAt('streamed')).toEqual(['openai/gpt-oss-120b', 'openai/gpt-oss-20b']);
    expect(offeredAt('analytics')).toEqual(['openai/gpt-oss-20b']);
    expect(offeredAt('embeddings')).toEqual(['openai/gpt-oss-20b']);
  });

  it('completes what the SDK knows where any model will do', () => {
    expect(offeredAt('free')).toContain('llama-3.1-8b-instant');
  });

  it('shows types that can be read', () => {
    expect(shownFor('analytics')).toBe(
      'const analytics: GovernedGroq<{ readonly chatbot: "openai/gpt-oss-120b" | "openai/gpt-oss-20b"; readonly analytics: "openai/gpt-oss-20b"; readonly research: `openai/${string}`; readonly free: string; }, "analytics">',
    );
    expect(shownFor('plain')).toBe('const plain: GovernedGroq<ModelsByTeam, undefined>');
  });

  it('says what is wrong in one line', () => {
    const complaints = service
      .getSemanticDiagnostics(FILE)
      .map(({ messageText }) => compiler.flattenDiagnosticMessageText(messageText, '\n').split('\n'));
    expect(complaints.map((lines) => lines.at(-1)?.trim()).filter((line) => !line?.includes('/*'))).toEqual([
      expect.stringMatching(/^Argument of type '"chatbott"' is not assignable to parameter of type '("\w+"( \| )?){4}'\.$/),
      `Type '"openai/gpt-oss-120b"' is not assignable to type '"openai/gpt-oss-20b"'.`,
    ]);
    expect(Math.max(...complaints.map((lines) => lines.length))).toBeLessThanOrEqual(7);
  });
});

function serviceOf(compiler: typeof ts): ts.LanguageService {
  const options: ts.CompilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: true,
    target: compiler.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
    module: compiler.ModuleKind.ESNext,
    moduleResolution: compiler.ModuleResolutionKind.Bundler,
    types: ['node'],
  };
  const read = (file: string): string | undefined => (file === FILE ? PROGRAM : compiler.sys.readFile(file));
  return compiler.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [FILE],
    getScriptVersion: () => '1',
    getScriptSnapshot: (file) => {
      const text = read(file);
      return text === undefined ? undefined : compiler.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => fileURLToPath(new URL('../..', import.meta.url)),
    getDefaultLibFileName: (settings) => compiler.getDefaultLibFilePath(settings),
    fileExists: (file) => file === FILE || compiler.sys.fileExists(file),
    readFile: read,
    readDirectory: (...args) => compiler.sys.readDirectory(...args),
    directoryExists: (folder) => compiler.sys.directoryExists(folder),
    getDirectories: (folder) => compiler.sys.getDirectories(folder),
  });
}
