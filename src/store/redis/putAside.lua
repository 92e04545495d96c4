-- Puts aside what another has left at a key.
-- KEYS[1] key   KEYS[2] where it is kept
-- ARGV[1] the type that belongs there
-- Returns the type that was found; nil where nothing is wrong.
local found = redis.call('TYPE', KEYS[1]).ok
if found == 'none' or found == ARGV[1] then
  return nil
end
redis.call('RENAME', KEYS[1], KEYS[2])
return found
