/** A client or a client pool of node-redis (`redis`), version 4 to 6, connected. */
export interface NodeRedisClient {
  sendCommand(args: string[]): Promise<unknown>;
}

/** A cluster of node-redis (`redis`), version 4 to 6, connected. */
export interface NodeRedisCluster {
  sendCommand(firstKey: string | undefined, isReadonly: boolean | undefined, args: string[]): Promise<unknown>;
  getSlotMaster(slot: number): unknown;
}

/** A client of node-redis for Sentinel (`redis`), version 5 or 6, connected. */
export interface NodeRedisSentinel {
  sendCommand(isReadonly: boolean | undefined, args: string[]): Promise<unknown>;
  getSentinelNode(): unknown;
}

/** A client or a cluster of ioredis or iovalkey. */
export interface IoredisClient {
  call(command: string, args: string[]): Promise<unknown>;
}

/** The clients that are taken as they are. Only these members are used, and none is ever closed. */
export type RedisClient = NodeRedisClient | NodeRedisCluster | NodeRedisSentinel | IoredisClient;

/** Sends one command. `key` is one that it touches, so that a cluster knows where it belongs. */
export type Send = (command: string, args: string[], key: string) => Promise<unknown>;

/** Throws a TypeError if it is no client of a known kind. */
export function senderOf(client: RedisClient): Send {
  // ioredis has a `sendCommand` too, for commands that are objects, so what it alone has comes first.
  if (hasMethod(client, 'call')) return (command, args) => client.call(command, args);
  if (hasMethod(client, 'getSlotMaster')) {
    return (command, args, key) => client.sendCommand(key, false, [command, ...args]);
  }
  if (hasMethod(client, 'getSentinelNode')) return (command, args) => client.sendCommand(false, [command, ...args]);
  if (hasMethod(client, 'sendCommand')) return (command, args) => client.sendCommand([command, ...args]);
  throw new TypeError(
    'redisBackend: expected client to be a client of node-redis, ioredis or iovalkey, e.g. ' +
      `redisBackend({ client: createClient() }), got ${client === null ? 'null' : typeof client}`,
  );
}

function hasMethod<Client, Name extends string>(
  client: Client,
  name: Name,
): client is Extract<Client, { readonly [name in Name]: unknown }> {
  return typeof Reflect.get(Object(client), name) === 'function';
}
