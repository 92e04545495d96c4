-- Appends an epoch that was published once, unless it is not above the last.
-- KEYS[1] epochs: stream, entry <epoch>-1 {snapshot}
-- ARGV[1] epoch   ARGV[2] snapshot   ARGV[3] epochs kept
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last or tonumber(ARGV[1]) > tonumber(string.match(last[1], '^%d+')) then
  redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], ARGV[1] .. '-1', 's', ARGV[2])
end
