// What the command line has of the world, so that a test can be one.
import type { Clock } from '../clock';

/** Where text goes. Never throws: a reader that has left is no fault of ours. */
export interface Output {
  write(text: string): void;
}

/** Everything that a command may touch beside files. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** All of the standard input, as text. */
  readStdin(): Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  /** How wide the terminal is; undefined if the output goes elsewhere, where lines may be as long as they are. */
  readonly columns: number | undefined;
  /** Whether a person looks at the standard output, and at the standard error. */
  readonly isTTY: boolean;
  readonly stderrIsTTY: boolean;
  readonly clock: Clock;
  readonly fetch: (input: string, init?: RequestInit) => Promise<Response>;
  /**
   * Aborted by SIGINT and SIGTERM, with the signal's name as the reason; and with an error that nobody caught, such as that of a
   * client which the configuration has opened, or when nothing is left that could bring what is waited for.
   */
  readonly interrupted: AbortSignal;
  /**
   * Runs code that is not ours. Meanwhile a signal ends the process at once: a loop without end would let no handler of ours run.
   */
  readonly unguarded: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** Told the exit code as soon as it is known: what is closed after that may end the process in its own way. */
  readonly decided: (exitCode: number) => void;
  /** Of this package. */
  readonly version: string;
  /** The running program, beside which optional packages are looked for. */
  readonly programPath: string;
  /** The Node that runs the program, which can check the syntax of a file; undefined in other runtimes. */
  readonly nodePath: string | undefined;
  /** Whether `import()` of a `.ts` file works as it is. */
  readonly importsTypeScript: boolean;
}
