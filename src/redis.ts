// Budgets, rate limits and usage in Redis: `governed-groq/redis`.
export { redisBackend, type RedisBackend, type RedisBackendOptions } from './redis/backend';
export type { IoredisClient, NodeRedisClient, NodeRedisCluster, RedisClient } from './redis/client';
