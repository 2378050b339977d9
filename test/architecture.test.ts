// One way through the house: client → governor → call → decisions → rules → engines → base. Reads the sources and fails on an
// arrow that points back, and on what the house rules forbid.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../src/', import.meta.url);
const MAX_LINES = 350;

interface Import {
  /** A file below `src/`, or the name of a package. */
  readonly target: string;
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
}

interface Source {
  readonly file: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  readonly imports: readonly Import[];
}

const sources: readonly Source[] = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'))
  .sort()
  .map((file) => sourceOf(file, readFileSync(new URL(file, ROOT), 'utf8')));

function sourceOf(file: string, text: string): Source {
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const add = (specifier: ts.Node, typeOnly: boolean, dynamic: boolean): void => {
    if (!ts.isStringLiteral(specifier)) return;
    const { text: name } = specifier;
    imports.push({ target: name.startsWith('.') ? `${normalize(join(dirname(file), name))}.ts` : name, typeOnly, dynamic });
  };
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node.importClause), false);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node.moduleSpecifier, isTypeExport(node), false);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && node.arguments[0])
      add(node.arguments[0], false, true);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true, false);
  });
  return { file, text, tree, imports };
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const { name, namedBindings } = clause;
  return (
    name === undefined &&
    namedBindings !== undefined &&
    ts.isNamedImports(namedBindings) &&
    namedBindings.elements.every((element) => element.isTypeOnly)
  );
}

function isTypeExport({ isTypeOnly, exportClause }: ts.ExportDeclaration): boolean {
  return (
    isTypeOnly ||
    (exportClause !== undefined &&
      ts.isNamedExports(exportClause) &&
      exportClause.elements.every((element) => element.isTypeOnly))
  );
}

/** From the top of the house to its ground. A run-time import leads down, or stays on its floor. */
const FLOORS: readonly (readonly [name: string, files: RegExp])[] = [
  ['entries', /^(index|testing|fetch|sqlite|redis|postgres|otel|report|cli)\.ts$/],
  ['views', /^(otel|report|cli)\/.*/],
  ['client', /^(typed-)?client\.ts$/],
  [
    'adapter',
    /^sdk\/(answer|attempt|logger|meter|metered-iterator|promise|resources|snapshot|tap|until-aborted)\.ts$|^fetch\/.*/,
  ],
  ['governor', /^governor\.ts$/],
  [
    'call',
    /^(call|explain|usage-report|key-report|reconcile|bookkeeper|alerts|webhook-alerts|governance-file|governance-shape|options|rule-check|store-timeout)\.ts$|^batch\/.*/,
  ],
  ['decisions', /^(assessment|measure|admission|settlement|demand|attempts|call-key|record|rulebook|context)\.ts$/],
  ['rules', /^(policy\/.*|(settings|increases|governance)\.ts)/],
  ['wire', /^sdk\/(audio|body|estimate|limit-error|limit-headers|operation|retry|sse|tools|usage)\.ts$/],
  ['backends', /^(sqlite|redis|postgres)\/.*/],
  ['engines', /^(budget|limit|price|keys|usage|testing)\/.*/],
  [
    'base',
    /^(clock|money|errors|id|events|thenable|coalescer|time-limit|option-names|stored-name|config-text|governance-source|wildcards|platform|plain|instant)\.ts$/,
  ],
];
const ENGINES = FLOORS.findIndex(([name]) => name === 'engines');

const floorOf = (file: string): number => FLOORS.findIndex(([, files]) => files.test(file));
const folderOf = (file: string): string => file.split('/')[0] ?? '';

/** The run-time arrows that point back, as `from → to`. */
function backward(all: readonly Source[]): string[] {
  return all.flatMap(({ file, imports }) =>
    imports
      .filter(({ target, typeOnly }) => !typeOnly && target.endsWith('.ts'))
      .filter(
        ({ target }) =>
          floorOf(target) < floorOf(file) ||
          (floorOf(file) === ENGINES && floorOf(target) === ENGINES && folderOf(target) !== folderOf(file)),
      )
      .map(({ target }) => `${file} → ${target}`),
  );
}

/** Run-time import cycles, each as the files on it. */
function cycles(all: readonly Source[]): string[] {
  const targets = new Map(
    all.map(({ file, imports }) => [file, imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target)]),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (path.includes(file) || done.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  return found;
}

/** Where a package is imported, apart from these files. */
const importersOf = (
  all: readonly Source[],
  pack: RegExp,
  allowed: readonly string[],
  ignored: (each: Import) => boolean = () => false,
): string[] =>
  all
    .filter(({ file, imports }) => !allowed.includes(file) && imports.some((each) => pack.test(each.target) && !ignored(each)))
    .map(({ file }) => file);

/** Where a node of the tree is, as `file:line text`. */
const placesOf = (all: readonly Source[], matches: (node: ts.Node) => boolean, allowed: readonly string[] = []): string[] =>
  all
    .filter(({ file }) => !allowed.includes(file))
    .flatMap(({ file, tree }) => {
      const places: string[] = [];
      walk(tree, (node) => {
        if (matches(node))
          places.push(`${file}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${node.getText().slice(0, 60)}`);
      });
      return places;
    });

const isMember =
  (owner: string, name?: string) =>
  (node: ts.Node): boolean =>
    ts.isPropertyAccessExpression(node) &&
    node.expression.getText() === owner &&
    (name === undefined || node.name.text === name);
const isUseOf =
  (...names: readonly string[]) =>
  (node: ts.Node): boolean =>
    ts.isIdentifier(node) && names.includes(node.text) && !isNameOfMember(node) && !isInType(node);
const isNameOfMember = (node: ts.Node): boolean =>
  (ts.isPropertyAccessExpression(node.parent) &&
    node.parent.name === node &&
    node.parent.expression.getText() !== 'globalThis') ||
  ((ts.isPropertyAssignment(node.parent) || ts.isPropertySignature(node.parent) || ts.isMethodDeclaration(node.parent)) &&
    node.parent.name === node);
const isInType = (node: ts.Node): boolean => ts.isTypeQueryNode(node.parent) || ts.isTypeReferenceNode(node.parent);

describe('imports', () => {
  it('every file has its floor', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.filter(({ file }) => floorOf(file) < 0).map(({ file }) => file)).toEqual([]);
  });

  it('lead down at run time', () => {
    expect(backward(sources)).toEqual([]);
  });

  it('make no cycle at run time', () => {
    expect(cycles(sources)).toEqual([]);
  });

  it('of types do not lead from the engines to whom they serve', () => {
    const above =
      /^(client|governor|call|explain|assessment|admission|settlement|attempts|record|demand|context)\.ts$|^policy\/(apply|rules)\.ts$/;
    const arrows = sources
      .filter(({ file }) => floorOf(file) >= ENGINES)
      .flatMap(({ file, imports }) =>
        imports.filter(({ target }) => above.test(target)).map(({ target }) => `${file} → ${target}`),
      );
    expect(arrows).toEqual([]);
  });

  it('of the client and its adapter, also of types, are theirs alone', () => {
    const above = FLOORS.slice(1, 3).map(([, files]) => files);
    const arrows = sources
      .filter(({ file }) => floorOf(file) > 2)
      .flatMap(({ file, imports }) =>
        imports.filter(({ target }) => above.some((files) => files.test(target))).map(({ target }) => `${file} → ${target}`),
      );
    expect(arrows).toEqual([]);
  });

  it('of groq-sdk are in the client, its adapter and the errors', () => {
    expect(
      importersOf(
        sources,
        /^groq-sdk/,
        ['index.ts', 'client.ts', 'errors.ts', 'sdk/attempt.ts', 'sdk/promise.ts'],
        ({ typeOnly }) => typeOnly,
      ),
    ).toEqual([]);
    // Its main module has the whole client, which a bundle of an engine or of the fetch has no use for.
    expect(importersOf(sources, /^groq-sdk$/, ['index.ts', 'client.ts'], ({ typeOnly }) => typeOnly)).toEqual([]);
    const anyKind = importersOf(sources, /^groq-sdk/, ['index.ts', 'client.ts', 'errors.ts']);
    expect(anyKind.filter((file) => FLOORS[floorOf(file)]?.[0] !== 'adapter')).toEqual([]);
  });

  it('of other packages are in one file each', () => {
    expect(importersOf(sources, /^p-queue/, ['limit/queue.ts'])).toEqual([]);
    expect(importersOf(sources, /^zod/, ['governance-shape.ts'])).toEqual([]);
    expect(importersOf(sources, /^js-yaml/, ['config-text.ts', 'cli/config-lines.ts'])).toEqual([]);
    // The command line is bundled apart, and OpenTelemetry has an entry of its own.
    const apart = importersOf(sources, /^(commander|cli-table3|jiti)$|^@opentelemetry\/api$/, []);
    expect(apart.filter((file) => !/^(cli|otel|report)\//.test(file))).toEqual([]);
    const known = /\.ts$|^(groq-sdk|p-queue|zod|js-yaml|commander|cli-table3|jiti|@opentelemetry\/api)(\/|$)|^node:/;
    expect(
      sources.flatMap(({ file, imports }) =>
        imports.filter(({ target }) => !known.test(target)).map(({ target }) => `${file} → ${target}`),
      ),
    ).toEqual([]);
  });

  it('of node: are types, or made when they are needed', () => {
    // The command line is bundled apart, and runs where there is a terminal.
    const apartFromCli = sources.filter(({ file }) => !/^cli[./]/.test(file));
    expect(
      importersOf(apartFromCli, /^(node:|fs$|path$|crypto$|http$|os$)/, [], ({ typeOnly, dynamic }) => typeOnly || dynamic),
    ).toEqual([]);
    expect(
      importersOf(apartFromCli, /^node:/, ['usage/line-file.ts', 'testing/mock-server.ts'], ({ typeOnly }) => typeOnly),
    ).toEqual([]);
  });

  it('of the testing helpers are only in their own entry', () => {
    expect(
      importersOf(sources, /^testing\//, ['testing.ts', 'cli/mock.ts']).filter((file) => !file.startsWith('testing/')),
    ).toEqual([]);
  });
});

describe('house rules', () => {
  it(`no file is longer than ${MAX_LINES} lines`, () => {
    const long = sources
      .map(({ file, text }) => ({ file, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > MAX_LINES);
    expect(long).toEqual([]);
  });

  it('no any, no silenced compiler, no non-null assertion', () => {
    expect(placesOf(sources, (node) => node.kind === ts.SyntaxKind.AnyKeyword)).toEqual([]);
    expect(placesOf(sources, ts.isNonNullExpression)).toEqual([]);
    expect(sources.filter(({ text }) => /@ts-(ignore|expect-error|nocheck)/.test(text)).map(({ file }) => file)).toEqual([]);
  });

  it('time is known to the clock alone', () => {
    const nowOrDate = (node: ts.Node): boolean =>
      isMember('Date', 'now')(node) ||
      isMember('performance', 'now')(node) ||
      (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length);
    expect(placesOf(sources, nowOrDate, ['clock.ts'])).toEqual([]);
    expect(
      placesOf(sources, isUseOf('setTimeout', 'setInterval', 'setImmediate'), ['clock.ts', 'testing/manual-clock.ts']),
    ).toEqual([]);
  });

  it('chance is known to id.ts alone', () => {
    expect(
      placesOf(
        sources,
        (node) => isMember('Math', 'random')(node) || isUseOf('crypto')(node) || isMember('globalThis', 'crypto')(node),
        // The other hashes, which is not chance.
        ['id.ts', 'keys/fingerprint.ts'],
      ),
    ).toEqual([]);
  });

  it('nobody asks the process, or writes to the console', () => {
    expect(placesOf(sources, isUseOf('process', 'console'), ['platform.ts', 'cli.ts'])).toEqual([]);
  });

  it('exports have names', () => {
    expect(
      placesOf(
        sources,
        (node) => ts.isExportAssignment(node) || (ts.isExportDeclaration(node) && node.exportClause === undefined),
      ),
    ).toEqual([]);
  });
});

describe('the public surface', () => {
  const exported = (entry: string): readonly { readonly name: string; readonly from: string }[] => {
    const { tree, file } = sources.find((source) => source.file === entry) ?? expect.fail(`no ${entry}`);
    return tree.statements.filter(ts.isExportDeclaration).flatMap(({ exportClause, moduleSpecifier }) => {
      if (!exportClause || !ts.isNamedExports(exportClause) || !moduleSpecifier || !ts.isStringLiteral(moduleSpecifier))
        return [];
      // What is the SDK's own is documented there.
      if (moduleSpecifier.text === 'groq-sdk') return [];
      const from = `${normalize(join(dirname(file), moduleSpecifier.text))}.ts`;
      return exportClause.elements.map(({ name, propertyName }) => ({ name: (propertyName ?? name).text, from }));
    });
  };

  it.each([
    ['index.ts', 50],
    ['testing.ts', 10],
    ['fetch.ts', 3],
    ['sqlite.ts', 3],
    ['redis.ts', 3],
    ['postgres.ts', 3],
    ['otel.ts', 3],
    ['report.ts', 1],
  ])('every export of %s has a doc comment where it is declared', (entry, least) => {
    const all = exported(entry);
    expect(all.length).toBeGreaterThanOrEqual(least);
    expect(all.filter(({ name, from }) => !documented(name, from)).map(({ name, from }) => `${name} in ${from}`)).toEqual([]);
  });

  function documented(name: string, from: string): boolean {
    const source = sources.find(({ file }) => file === from);
    return (
      source?.tree.statements.some(
        (statement) => names(statement).includes(name) && ts.getJSDocCommentsAndTags(statement).length > 0,
      ) ?? false
    );
  }

  function names(statement: ts.Statement): string[] {
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map((declaration) => declaration.name.getText());
    const isNamed =
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement);
    return isNamed && statement.name ? [statement.name.text] : [];
  }
});

describe('these checks can fail', () => {
  const made = (...files: readonly (readonly [file: string, text: string])[]): Source[] =>
    files.map(([file, text]) => sourceOf(file, text));

  it('on an arrow that points back', () => {
    expect(backward(made(['money.ts', "import { x } from './client';"]))).toEqual(['money.ts → client.ts']);
    expect(backward(made(['budget/memory.ts', "import { x } from '../limit/memory';"]))).toEqual([
      'budget/memory.ts → limit/memory.ts',
    ]);
    expect(backward(made(['budget/memory.ts', "import type { x } from '../client'; import { a } from './window';"]))).toEqual(
      [],
    );
    expect(
      backward(made(['sdk/body.ts', "export { x } from '../call';"], ['id.ts', "const y = await import('./governor');"])),
    ).toEqual(['sdk/body.ts → call.ts', 'id.ts → governor.ts']);
  });

  it('on a cycle', () => {
    expect(
      cycles(
        made(['a.ts', "import { b } from './b';"], ['b.ts', "import { c } from './c';"], ['c.ts', "import { a } from './a';"]),
      ),
    ).toEqual(['a.ts → b.ts → c.ts → a.ts']);
    expect(cycles(made(['a.ts', "import { b } from './b';"], ['b.ts', "import { type A } from './a';"]))).toEqual([]);
  });

  it('on what is forbidden', () => {
    const [bad] = [
      made([
        'x.ts',
        'const a: any = b!; setTimeout(f, 1); globalThis.setTimeout(f); Date.now(); new Date(); Math.random(); crypto.subtle; process.env; type T = ReturnType<typeof setTimeout>; o.process',
      ]),
    ];
    expect(placesOf(bad, (node) => node.kind === ts.SyntaxKind.AnyKeyword)).toHaveLength(1);
    expect(placesOf(bad, ts.isNonNullExpression)).toHaveLength(1);
    expect(placesOf(bad, isUseOf('setTimeout'))).toHaveLength(2);
    expect(placesOf(bad, isUseOf('crypto'))).toHaveLength(1);
    expect(placesOf(bad, isUseOf('process'))).toHaveLength(1);
    expect(
      importersOf(
        made(['x.ts', "import { Groq } from 'groq-sdk';"], ['y.ts', "import { type Groq } from 'groq-sdk';"]),
        /^groq-sdk/,
        [],
        ({ typeOnly }) => typeOnly,
      ),
    ).toEqual(['x.ts']);
  });
});
