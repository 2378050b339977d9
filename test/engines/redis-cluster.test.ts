import { Cluster, Redis } from 'ioredis';
import { Cluster as ValkeyCluster } from 'iovalkey';
import { createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisBackend, type RedisClient } from '../../src/redis';
import { senderOf } from '../../src/redis/client';
import { Engine } from '../../src/redis/engine';
import { RedisSharedLimits } from '../../src/redis/shared-limits';
import { describeBudgetStore } from '../../src/testing/contracts/budget-store';
import { describeUsageLog } from '../../src/testing/contracts/usage-log';
import { engineAtHand } from '../engine-at-hand';
import { describeSharedLimits } from '../limit/shared-limits-contract';
import { newPrefix, ownServer, type Opened, type OwnServer } from './redis-servers';

const runner = { describe, it, expect };
let server: OwnServer;
const isAtHand = await engineAtHand('redis-server', async () => {
  server = await ownServer('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
  const redis = new Redis(server.url);
  await redis.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  while (!String(await redis.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await redis.ping();
  await redis.quit();
});

afterAll(async () => {
  if (isAtHand) await server.dispose();
});

const CLUSTERS: Readonly<Record<string, () => Promise<Opened>>> = {
  async ioredis() {
    const client = new Cluster([{ host: '127.0.0.1', port: server.port }], { lazyConnect: true });
    await client.connect();
    return { client, close: () => client.quit() };
  },
  async 'ioredis with a key prefix'() {
    const client = new Cluster([{ host: '127.0.0.1', port: server.port }], { lazyConnect: true, keyPrefix: 'mine:' });
    await client.connect();
    return { client, close: () => client.quit() };
  },
  async iovalkey() {
    const client = new ValkeyCluster([{ host: '127.0.0.1', port: server.port }], { lazyConnect: true });
    await client.connect();
    return { client, close: () => client.quit() };
  },
  async 'node-redis'() {
    const client = createCluster({ rootNodes: [{ url: server.url }] });
    client.on('error', () => undefined);
    await client.connect();
    return { client, close: () => client.close() };
  },
};

describe.skipIf(!isAtHand).each(Object.keys(CLUSTERS))('a Redis cluster through %s', (library) => {
  let opened: Opened;
  const client = (): RedisClient => opened.client;
  beforeAll(async () => {
    const open = CLUSTERS[library];
    if (open !== undefined) opened = await open();
  });
  afterAll(() => opened.close());

  describeBudgetStore(runner, () => redisBackend({ client: client(), prefix: newPrefix() }).budgetStore);
  if (library === 'iovalkey') return;
  describeUsageLog(runner, () => redisBackend({ client: client(), prefix: newPrefix() }).usageLog);
  describeSharedLimits(
    runner,
    ({ clock }) => new RedisSharedLimits({ engine: new Engine(senderOf(client()), newPrefix()), clock }),
  );
});
