import { printable } from '../report/names';
import { findConfig, noConfig } from './config-find';
import { type Configuration, type RawConfiguration, checkedConfiguration, readConfiguration } from './configuration';
import type { Io } from './io';
import { redact } from './redact';
import { type Style, styleOf, wantsColour } from './style';

/** The options that every command has. */
export interface GlobalOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly debug?: boolean;
}

/** How long the end of what was opened may take before the program ends without it. */
const CLOSE_MS = 5000;

/** One run of the program: what it was told, what it has opened, and how it will end. */
export class Session {
  readonly io: Io;
  options: GlobalOptions = {};
  exitCode: number = 0;
  /** Set by a command that ends in its own way when it is interrupted. */
  endsItself = false;
  readonly #closing: (() => unknown)[] = [];

  constructor(io: Io) {
    this.io = io;
  }

  get json(): boolean {
    return this.options.json ?? false;
  }

  get coloured(): boolean {
    return !this.json && wantsColour(this.io, this.options.color ?? true, this.io.isTTY);
  }

  get style(): Style {
    return styleOf(this.coloured);
  }

  /** For the standard error. */
  get errorStyle(): Style {
    return styleOf(wantsColour(this.io, this.options.color ?? true, this.io.stderrIsTTY));
  }

  /** Writes lines of text to the standard output. */
  print(...lines: readonly string[]): void {
    this.io.stdout.write(`${lines.join('\n')}\n`);
  }

  /** Writes the one JSON document of a command. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, undefined, 2));
  }

  /** Tells something beside the answer; not a part of it, so not where the answer is piped to. */
  note(text: string): void {
    if (!this.json) this.warn(text);
  }

  /** The same, with `--json` too. */
  warn(text: string): void {
    this.io.stderr.write(`${this.errorStyle.dim(this.shown(text))}\n`);
  }

  /** The text as it may go to a terminal: without secrets, and without what would move the cursor. Lines stay lines. */
  shown(text: string): string {
    return text
      .split(/\s*\n/)
      .map((line) => printable(this.clean(line)))
      .join('\n');
  }

  /** The text without secrets. */
  clean(text: string): string {
    return redact(text, this.io.env);
  }

  /** The same of what is wrong somewhere: keys are named in paths, and a secret may have come to stand for a name. */
  cleaned<Found extends { readonly path: string; readonly message: string }>(found: Found): Found {
    return { ...found, path: this.clean(found.path), message: this.clean(found.message) };
  }

  /** What stands in the configuration file; throws a `Failure` if there is none, or it cannot be read. */
  async rawConfiguration(file: string | undefined = this.options.config): Promise<RawConfiguration> {
    const path = findConfig(file, this.io.cwd);
    if (path === undefined) throw noConfig(this.io.cwd);
    const raw = await this.io.unguarded(() => readConfiguration(path, this.io));
    if (raw.governor) this.closeLater(raw.governor);
    if (raw.close) this.#closing.push(raw.close);
    return raw;
  }

  /** The configuration; throws a `Failure` if there is none, or it is not valid. */
  async configuration(): Promise<Configuration> {
    const raw = await this.rawConfiguration();
    const configuration = checkedConfiguration(raw, this.io);
    if (!raw.governor) this.closeLater(configuration.governor);
    return configuration;
  }

  /** The configuration, or undefined if there is none. */
  async configurationIfAny(): Promise<Configuration | undefined> {
    return findConfig(this.options.config, this.io.cwd) === undefined ? undefined : this.configuration();
  }

  /** Has it closed, e.g. a governor, when the command has ended. */
  closeLater(opened: { close(): unknown }): void {
    this.#closing.unshift(() => opened.close());
  }

  /** Closes what was opened, as far as it can be closed soon. Never rejects. */
  async close(): Promise<void> {
    const done = new AbortController();
    const closed = (async () => {
      for (const close of this.#closing.splice(0)) {
        try {
          await close();
        } catch {
          // The answer is given; a store that is away has been told of where it mattered.
        }
      }
    })();
    // This keeps the process, or it would end before the limit without the answer's exit code.
    const limit = this.io.clock.sleep(CLOSE_MS, done.signal).catch(() => undefined);
    await Promise.race([closed, limit]);
    done.abort();
  }
}
