/**
 * Amounts at times, for windows that slide: a sorted set of spans, scored by the last time of each, and the sum of those later
 * than an edge. A span is the packed numbers (last time, first time, amount). Up to 2,048 times are kept apart; beyond, those of
 * the same 1/1,024 of the window are one span, which leaves the window with the last of them: up to that much late, never early.
 *
 * Moving the edge costs what leaves by it, so each amount costs that once.
 */
export const TIMELINE = String.raw`
local timelines

-- What can be done with them, made when the first is met: most scripts meet none, and making functions takes time.
local function timeline()
  if timelines then return timelines end
  local EXACT_SPANS, SLICES, KEPT_MS = 2048, 1024, 3600000
  -- Less than this is what is left of fractions that should have cancelled out.
  local ROUNDING = 1e-9

  -- edge: what is later counts in sum; first: the first that counts, huge if none does; spans: how many there are.
  local function create(key, windowMs)
    return { key = key, windowMs = windowMs, sum = 0, edge = -math.huge, first = math.huge, spans = 0 }
  end

  local function firstAfter(line, edge)
    local found = call('ZRANGEBYSCORE', line.key, '(' .. exact(edge), '+inf', 'LIMIT', 0, 1)
    return found[1] and struct.unpack('>d', found[1]) or math.huge
  end

  local function moveEdge(line, edge)
    if edge < line.edge then
      -- A clock is slow, or has stepped back.
      local back = line.spans > 0 and call('ZRANGEBYSCORE', line.key, '(' .. exact(edge), line.edge) or {}
      for index, span in ipairs(back) do
        local last, _, amount = struct.unpack('>ddd', span)
        if index == 1 then line.first = last end
        line.sum = line.sum + amount
        line.isChanged = true
      end
    elseif line.first <= edge then
      for _, span in ipairs(call('ZRANGEBYSCORE', line.key, '(' .. exact(line.edge), edge)) do
        local _, _, amount = struct.unpack('>ddd', span)
        line.sum = line.sum - amount
      end
      -- What has left stays for a while, if there is room, for a clock that steps back.
      local gone = edge - (line.spans > EXACT_SPANS / 2 and line.windowMs or math.max(line.windowMs, KEPT_MS))
      line.spans = line.spans - call('ZREMRANGEBYSCORE', line.key, '-inf', gone)
      line.first = firstAfter(line, edge)
      if line.first == math.huge then line.sum = 0 end
      line.isChanged = true
    end
    line.edge = edge
  end

  -- The first span that ends at the time or later; nothing if there is none.
  local function spanAt(line, time)
    if line.spans == 0 then return end
    local found = call('ZRANGEBYSCORE', line.key, time, '+inf', 'LIMIT', 0, 1)
    if found[1] then return found[1], struct.unpack('>ddd', found[1]) end
  end

  local function count(line, last, amount)
    line.isChanged = true
    if last <= line.edge then return end
    line.sum = line.sum + amount
    if last < line.first then line.first = last end
  end

  -- The new one comes first, as an empty set would lose its time to live.
  local function replaceSpan(line, span, last, from, amount)
    local other = struct.pack('>ddd', last, from, amount)
    if other == span then return end
    call('ZADD', line.key, last, other)
    call('ZREM', line.key, span)
  end

  -- Changes the amount of a span that is there.
  local function alter(line, span, last, from, before, change)
    count(line, last, change)
    if math.abs(before + change) > ROUNDING then return replaceSpan(line, span, last, from, before + change) end
    call('ZREM', line.key, span)
    line.spans = line.spans - 1
    if last == line.first then
      line.first = firstAfter(line, line.edge)
      if line.first == math.huge then line.sum = 0 end
    end
  end

  local function add(line, time, amount)
    if amount == 0 then return end
    local span, last, from, before = spanAt(line, time)
    if span and from <= time then return alter(line, span, last, from, before, amount) end
    if line.spans >= EXACT_SPANS then
      local slice = math.floor(time / line.windowMs * SLICES)
      -- What has left the window may not come back into it by being joined to what is still there.
      local hasLeft = time <= line.edge
      if span and math.floor(last / line.windowMs * SLICES) == slice and (last <= line.edge) == hasLeft then
        return alter(line, span, last, time, before, amount)
      end
      local found = call('ZREVRANGEBYSCORE', line.key, '(' .. exact(time), '-inf', 'LIMIT', 0, 1)
      if found[1] then
        last, from, before = struct.unpack('>ddd', found[1])
        if math.floor(last / line.windowMs * SLICES) == slice and (last <= line.edge) == hasLeft then
          replaceSpan(line, found[1], time, from, before + amount)
          if line.first == last then line.first = time end
          return count(line, time, amount)
        end
      end
    end
    call('ZADD', line.key, time, struct.pack('>ddd', time, time, amount))
    if line.spans == 0 then line.isNewKey = true end
    line.spans = line.spans + 1
    count(line, time, amount)
  end

  -- Takes back a part of what was added at the time, or with a negative amount adds to it. Does nothing if that is forgotten.
  local function takeBack(line, time, amount)
    if amount == 0 then return end
    local span, last, from, before = spanAt(line, time)
    if span and from <= time then alter(line, span, last, from, before, -amount) end
  end

  local function pack(line) return struct.pack('>ddddd', line.windowMs, line.sum, line.edge, line.first, line.spans) end

  local function load(key, packed)
    local line = { key = key }
    line.windowMs, line.sum, line.edge, line.first, line.spans = struct.unpack('>ddddd', packed)
    return line
  end

  timelines = { ROUNDING = ROUNDING, create = create, moveEdge = moveEdge, add = add, takeBack = takeBack, pack = pack, load = load }
  return timelines
end
`;
