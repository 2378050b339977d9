/** Reading a sorted set in pages, for the scripts that do. */
export const PAGES = String.raw`
-- Up to 1,000 members and scores of the set from min on, after the member last if it is still there. Members before it have
-- smaller scores or names, so if it is gone, nothing comes twice but what has its score: the caller must know those.
local function page(key, min, last)
  local rank = last ~= '' and call('ZRANK', key, last)
  if rank then return call('ZRANGE', key, rank + 1, rank + 1000, 'WITHSCORES') end
  return call('ZRANGEBYSCORE', key, min, '+inf', 'WITHSCORES', 'LIMIT', 0, 1000)
end
`;
