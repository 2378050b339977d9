/**
 * Whether an engine answers, for `describe.skipIf(!(await engineAtHand(…)))`. Where it does not, the run says so in one line and
 * goes on; under `CI=true` it fails.
 */
export async function engineAtHand(name: string, probe: () => Promise<unknown>): Promise<boolean> {
  try {
    await probe();
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message || error.name : String(error);
    if (process.env['CI'] === 'true') throw new Error(`${name} must be there under CI=true: ${reason}`, { cause: error });
    console.log(`Skipping the tests on ${name}, which is not at hand: ${reason}`);
    return false;
  }
}

/** Where the servers are, unless the environment says otherwise. */
export const REDIS_URL: string = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
export const POSTGRES_URL: string = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/test';
