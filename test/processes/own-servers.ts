// Servers that a test may stop: on a port and in a folder of their own.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface OwnServer {
  readonly url: string;
  /** As a power cut would. */
  stop(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))));
    });
  });

async function answers(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => socket.destroy(resolve(true) as never)).once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing answers on port ${port}`);
}

function ownServer(url: string, port: number, folder: string, launch: () => ChildProcess): OwnServer {
  let child: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null) return;
    const exited = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await exited;
  };
  return {
    url,
    stop,
    async start() {
      child = launch();
      await answers(port);
    },
    async remove() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Each write is on disk before it is answered. */
export async function ownRedis(): Promise<OwnServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'redis-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'];
  return ownServer(`redis://127.0.0.1:${port}`, port, folder, () =>
    spawn('redis-server', [...args, '--appendfsync', 'always'], { stdio: 'ignore' }),
  );
}

const VERSIONS = '/usr/lib/postgresql';

/** Where PostgreSQL's programs are; undefined if they are not here. */
function postgresPrograms(): string | undefined {
  const [version] = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort().reverse() : [];
  return version === undefined ? undefined : join(VERSIONS, version, 'bin');
}

export async function ownPostgres(): Promise<OwnServer> {
  const programs = postgresPrograms();
  if (programs === undefined) throw new Error(`no PostgreSQL server in ${VERSIONS}`);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'));
  // PostgreSQL does not run as root.
  const user = process.getuid?.() === 0 ? idsOf('postgres') : undefined;
  if (user) chownSync(folder, user.uid, user.gid);
  const run = (name: string, args: readonly string[]): readonly [string, readonly string[]] => [join(programs, name), args];
  const [initdb, initArgs] = run('initdb', ['-D', folder, '-A', 'trust', '-U', 'postgres']);
  execFileSync(initdb, initArgs, { stdio: 'ignore', ...user });
  const [postgres, args] = run('postgres', ['-D', folder, '-p', String(port), '-c', 'listen_addresses=127.0.0.1']);
  return ownServer(`postgres://postgres@127.0.0.1:${port}/postgres`, port, folder, () =>
    spawn(postgres, [...args, '-c', `unix_socket_directories=${folder}`], { stdio: 'ignore', ...user }),
  );
}

function idsOf(user: string): { readonly uid: number; readonly gid: number } {
  const id = (flag: string): number => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
