/**
 * Usage records, for the scripts that write them. Keys, below the root: `usage`, a hash of the records by id, as JSON;
 * `usage:at`, a sorted set of their ids by time.
 */
export const RECORDS = String.raw`
local usageKey, timesKey = root .. ':usage', root .. ':usage:at'

-- Writes each record that is not there yet: its id, time and JSON, at every so many arguments from the first on; '' is none.
-- Then drops the oldest beyond the maximum: at most a thousand per trip, should the maximum have been lowered.
local function writeRecords(first, step, maxRecords)
  local surplus = 0
  for arg = first, #ARGV, step do
    if ARGV[arg] ~= '' and call('HSETNX', usageKey, ARGV[arg], ARGV[arg + 2]) == 1 then
      call('ZADD', timesKey, ARGV[arg + 1], ARGV[arg])
      surplus = 1
    end
  end
  if surplus > 0 then surplus = math.min(1000, call('ZCARD', timesKey) - maxRecords) end
  if surplus <= 0 then return end
  local ids = {}
  for index, value in ipairs(call('ZPOPMIN', timesKey, surplus)) do
    if index % 2 == 1 then ids[#ids + 1] = value end
  end
  call('HDEL', usageKey, unpack(ids))
end
`;
