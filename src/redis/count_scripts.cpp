#include "count_scripts.h"

#include "l402/encoding.h"

#include <openssl/sha.h>

namespace l402 {

namespace {

// Lua's numbers are exact up to 2^53, amounts go up to 2^64: they stay strings
// and are worked with in two parts, of which the lower one has nine digits.
//
// The first write of a script is one HSET that says all, and everything that
// can fail comes before it: what Redis refuses has changed nothing. The time
// is Redis's own, since hosts may not agree about it.
constexpr std::string_view shared = R"lua(
local key, field = KEYS[1], 'r:' .. ARGV[1]

local function parts(a)
    return tonumber(a:sub(1, -10)) or 0, tonumber(a:sub(-9))
end

local function join(high, low)
    if high == 0 then
        return string.format('%.0f', low)
    end
    return string.format('%.0f%09.0f', high, low)
end

local function less(a, b)
    local ah, al = parts(a)
    local bh, bl = parts(b)
    return ah < bh or (ah == bh and al < bl)
end

local function add(a, b)
    local ah, al = parts(a)
    local bh, bl = parts(b)
    local high, low = ah + bh, al + bl
    if low >= 1e9 then
        high, low = high + 1, low - 1e9
    end
    return join(high, low)
end

-- Never below 0.
local function minus(a, b)
    if less(a, b) then
        return '0'
    end
    local ah, al = parts(a)
    local bh, bl = parts(b)
    local high, low = ah - bh, al - bl
    if low < 0 then
        high, low = high - 1, low + 1e9
    end
    return join(high, low)
end

local function left(limit, spent)
    return limit == '' and '' or minus(limit, spent)
end

local function fits(amount, limit, spent)
    return limit == '' or not less(minus(limit, spent), amount)
end

local function now()
    return redis.call('TIME')[1]
end

-- State, time, uses, msat.
local function read(record)
    return record:match('^(%a) (%d+) (%d+) (%d+)$')
end

-- What stands there is written once more where a call comes again, so that
-- WAIT has something to wait for. Nil, or what Redis refuses it with.
local function put(...)
    local done = redis.pcall('HSET', key, ...)
    return type(done) == 'table' and done or nil
end
)lua";

constexpr std::string_view reserve = R"lua(
local uses, msat, uses_limit, msat_limit = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local expires, ttl = ARGV[8], tonumber(ARGV[9])
local has = redis.call('HMGET', key, 'uses', 'msat', field, 'expires',
    'minted_uses', 'swept')
local spent_uses, spent_msat = has[1] or '0', has[2] or '0'

local function answer(code)
    return {code, left(uses_limit, spent_uses), left(msat_limit, spent_msat)}
end

if has[3] then
    if read(has[3]) == 'b' then
        return answer(-1)
    end
    return put(field, has[3]) or answer(1)
end
if not fits(uses, uses_limit, spent_uses)
    or not fits(msat, msat_limit, spent_msat)
then
    return answer(0)
end

local time = now()
spent_uses, spent_msat = add(spent_uses, uses), add(spent_msat, msat)
local set = {'uses', spent_uses, 'msat', spent_msat,
    field, 'h ' .. time .. ' ' .. uses .. ' ' .. msat}
local function also(name, value)
    set[#set + 1] = name
    set[#set + 1] = value
end
if not has[5] then
    also('minted_uses', ARGV[6])
    also('minted_msat', ARGV[7])
end
local for_ever = has[4] == '0'
if not for_ever and (not has[4] or expires == '0' or less(has[4], expires)) then
    also('expires', expires)
end
local refused = put(unpack(set))
if refused then
    return refused
end

if not for_ever then
    if ttl == 0 then
        redis.call('PERSIST', key)
    elseif redis.call('TTL', key) + 10 < ttl then
        redis.call('EXPIRE', key, ttl)
    end
end

-- Nobody has forgotten them: a page at each call, so that none takes long.
if redis.call('HLEN', key) > SWEPT_ABOVE then
    local page = redis.call('HSCAN', key, has[6] or '0', 'MATCH', 'r:*',
        'COUNT', 20)
    for i = 1, #page[2], 2 do
        local _, at = read(page[2][i + 1])
        if at and tonumber(at) + SWEPT_AFTER < tonumber(time) then
            redis.call('HDEL', key, page[2][i])
        end
    end
    redis.call('HSET', key, 'swept', page[1])
end
return answer(1)
)lua";

// A reservation that Redis does not know may still be on its way, in a
// connection that was given up: what comes after its giving back is refused.
constexpr std::string_view give_back = R"lua(
local has = redis.call('HMGET', key, field, 'uses', 'msat', 'expires')
local state, _, uses, msat
if has[1] then
    state, _, uses, msat = read(has[1])
end
if state == 's' then
    return put(field, has[1]) or 0
end
if state ~= 'h' then
    local refused = put(field, 'b ' .. now() .. ' 0 0')
    if not refused and not has[4] then
        redis.call('EXPIRE', key, SWEPT_AFTER)
    end
    return refused or 0
end

-- Removing first: then a full Redis lets the rest of the script write, too.
redis.call('HDEL', key, field)
redis.call('HSET', key, 'uses', minus(has[2], uses),
    'msat', minus(has[3], msat))
return 1
)lua";

constexpr std::string_view settle = R"lua(
local has = redis.call('HMGET', key, field, 'uses', 'msat')
local spent_uses, spent_msat = has[2] or '0', has[3] or '0'

local function answer(code)
    return {code, left(ARGV[4], spent_uses), left(ARGV[5], spent_msat)}
end

local state, _, uses, msat
if has[1] then
    state, _, uses, msat = read(has[1])
end
if state == 's' then
    return put(field, has[1]) or answer(1)
end
if state ~= 'h' then
    return answer(0)
end

-- Of what goes beyond the hold, what is left.
local function charge(cost, held, limit, spent)
    local more, rest = minus(cost, held), left(limit, spent)
    if less(cost, held) then
        return cost
    end
    if rest ~= '' and less(rest, more) then
        more = rest
    end
    return add(held, more)
end

local cost_uses = charge(ARGV[2], uses, ARGV[4], spent_uses)
local cost_msat = charge(ARGV[3], msat, ARGV[5], spent_msat)
spent_uses = add(minus(spent_uses, uses), cost_uses)
spent_msat = add(minus(spent_msat, msat), cost_msat)
return put('uses', spent_uses, 'msat', spent_msat,
    field, 's ' .. now() .. ' ' .. cost_uses .. ' ' .. cost_msat)
    or answer(1)
)lua";

void put_in(std::string &text, std::string_view name, int value)
{
    for (size_t at; (at = text.find(name)) != text.npos; ) {
        text.replace(at, name.size(), std::to_string(value));
    }
}

}  // namespace

CountScript::CountScript(std::string_view body) : text(shared)
{
    uint8_t digest[SHA_DIGEST_LENGTH];

    text += body;
    put_in(text, "SWEPT_ABOVE", swept_above);
    put_in(text, "SWEPT_AFTER", swept_after);
    SHA1(reinterpret_cast<const uint8_t *>(text.data()), text.size(), digest);
    sha1 = to_hex(digest, sizeof(digest));
}

const CountScript &reserve_script()
{
    static const CountScript script(reserve);
    return script;
}

const CountScript &give_back_script()
{
    static const CountScript script(give_back);
    return script;
}

const CountScript &settle_script()
{
    static const CountScript script(settle);
    return script;
}

}  // namespace l402
