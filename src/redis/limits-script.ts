/**
 * The counters of rate limits, for the scripts of the shared limits. The first argument is the time, or '' for the server's own.
 * Keys, all below the root; they go a minute after they can no longer count:
 *
 * - `w:<window>`, a string: a window's packed timeline, whose spans are in `v:<window>`. What was taken and has not begun is at the
 *   end of its lease.
 * - `k:<gate>`, a sorted set: attempts that are out, by the end of their lease; `q:<provider>`: those that count against it.
 * - `p:<provider>`, a hash: `pause` until when, and `<kind>:<window>` of a learnt limit, packed: maximum, level, and when that was.
 *   Lives for a day after it was learnt, at least.
 * - `a:<id>`, a string: an attempt that is out, packed: end of its lease, where it is in its windows, and whether it has begun.
 */
export const LIMITS = String.raw`
local MINUTE, DAY = 60000, 86400000
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + time[2] / 1000
end

local windows, windowOrder = {}, {}

local function window(name, windowMs)
  local line = windows[name]
  if not line then
    local key, packed = root .. ':v:' .. name, call('GET', root .. ':w:' .. name)
    line = packed and timeline().load(key, packed) or timeline().create(key, windowMs)
    line.packedKey = root .. ':w:' .. name
    windows[name], windowOrder[#windowOrder + 1] = line, line
  end
  line.windowMs = windowMs
  timeline().moveEdge(line, now - windowMs)
  return line
end

local function writeWindows()
  for _, line in ipairs(windowOrder) do
    if line.isChanged then
      call('SET', line.packedKey, timeline().pack(line), 'KEEPTTL')
      if line.keepMs then
        keep(line.packedKey, line.keepMs, MINUTE)
      end
      if line.keepMs or line.isNewKey then keep(line.key, call('PTTL', line.packedKey), 0) end
    end
  end
end

local function wholeMs(ms) return math.max(1, math.ceil(ms - 1e-6)) end

-- 0 if there is room. What has not begun is treated as if it began now.
local function roomInWindow(line, amount, max)
  local excess = line.sum + amount - max
  if excess <= timeline().ROUNDING then return 0 end
  if amount > max then return math.huge end
  for offset = 0, line.spans, 100 do
    local spans = call('ZRANGEBYSCORE', line.key, '(' .. exact(line.edge), '+inf', 'LIMIT', offset, 100)
    for _, span in ipairs(spans) do
      local last, _, taken = struct.unpack('>ddd', span)
      excess = excess - taken
      if excess <= timeline().ROUNDING then return wholeMs(math.min(last, now) + line.windowMs - now) end
    end
  end
  return line.windowMs
end

local function outAt(key) return call('ZCOUNT', key, '(' .. exact(now), '+inf') end

local function roomInGate(key, used, max)
  if used + 1 <= max then return 0 end
  if max < 1 then return math.huge end
  local place = used - math.floor(max)
  local found = call('ZRANGEBYSCORE', key, '(' .. exact(now), '+inf', 'WITHSCORES', 'LIMIT', place, 1)
  return wholeMs(tonumber(found[2]) - now)
end

local function goOut(key, id, leaseMs)
  call('ZADD', key, now + leaseMs, id)
  call('ZREMRANGEBYSCORE', key, '-inf', now)
  keep(key, leaseMs, MINUTE)
end

local providers, providerOrder = {}, {}

local function provider(name)
  local p = providers[name]
  if p then return p end
  p = { key = root .. ':p:' .. name, outKey = root .. ':q:' .. name, pause = 0, buckets = {} }
  local fields = call('HGETALL', p.key)
  for index = 1, #fields, 2 do
    local field, value = fields[index], fields[index + 1]
    if field == 'pause' then
      p.pause = tonumber(value)
    else
      local kind, windowMs = field:match('^(.-):(.*)$')
      local bucket = { field = field, kind = kind, windowMs = tonumber(windowMs) }
      bucket.max, bucket.level, bucket.at = struct.unpack('>ddd', value)
      p.buckets[#p.buckets + 1] = bucket
    end
  end
  providers[name], providerOrder[#providerOrder + 1] = p, p
  return p
end

local function writeProviders()
  for _, p in ipairs(providerOrder) do
    if p.isChanged then
      for _, bucket in ipairs(p.buckets) do
        call('HSET', p.key, bucket.field, struct.pack('>ddd', bucket.max, bucket.level, bucket.at))
      end
      if p.keepMs then
        call('HSET', p.key, 'pause', p.pause)
        keep(p.key, p.keepMs, DAY)
      end
    end
  end
end

local function refill(bucket)
  if now <= bucket.at then return end
  bucket.level = math.min(bucket.max, bucket.level + (now - bucket.at) * bucket.max / bucket.windowMs)
  bucket.at = now
end

local function roomInBucket(bucket, amount)
  if amount == 0 then return 0 end
  if amount > bucket.max then return math.huge end
  refill(bucket)
  local ms = (amount - bucket.level) * bucket.windowMs / bucket.max
  return ms <= 1e-6 and 0 or wholeMs(ms)
end

-- Ends of leases are exact, so that one that has just ended is over.
local function attempt(id)
  local packed = call('GET', root .. ':a:' .. id)
  if not packed then return end
  local leaseEndsAt, bookedAt, begun = struct.unpack('>ddd', packed)
  if now < leaseEndsAt then return { leaseEndsAt = leaseEndsAt, bookedAt = bookedAt, isBegun = begun == 1 } end
end

local function packAttempt(a) return struct.pack('>ddd', a.leaseEndsAt, a.bookedAt, a.isBegun and 1 or 0) end

-- The needs of one demand from an argument on, and the argument after them: how many, then of each w or k, its key, maximum,
-- window, amount, and what it turned out to be, or ''.
local function readNeeds(arg)
  local needs = {}
  for index = 1, tonumber(ARGV[arg]) do
    local from = arg + index * 6 - 5
    needs[index] = {
      isWindow = ARGV[from] == 'w', name = ARGV[from + 1], max = tonumber(ARGV[from + 2]), windowMs = tonumber(ARGV[from + 3]),
      amount = tonumber(ARGV[from + 4]), actual = tonumber(ARGV[from + 5]),
    }
  end
  return needs, arg + 1 + #needs * 6
end

-- What a demand takes of its provider: whether it has one, its name, then how many amounts, and of each its kind, the amount, and
-- what it turned out to be, or ''.
local function readProvider(arg)
  local p = ARGV[arg] == '1' and provider(ARGV[arg + 1]) or nil
  local amounts, actuals, total = {}, {}, tonumber(ARGV[arg + 2])
  for index = 1, total do
    local from = arg + index * 3
    amounts[ARGV[from]], actuals[ARGV[from]] = tonumber(ARGV[from + 1]), tonumber(ARGV[from + 2])
  end
  return p, amounts, actuals, arg + 3 + total * 3
end
`;
