-- Leaves a message for the leader, and an entry in the audit log.
-- KEYS[1] messages: stream {m: message}   KEYS[2] audit: stream {e: entry}
-- ARGV[1] messages kept   ARGV[2] message   ARGV[3] entries kept   ARGV[4] entry; left out for none
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[1], '*', 'm', ARGV[2])
if ARGV[4] then
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[3], '*', 'e', ARGV[4])
end
