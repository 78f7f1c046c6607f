# Prices, times, memos and zones: what is no such thing stops nginx -t.

use strict;
use warnings;

use Test::More;
use L402::Conf;

my $amount = 'it must be an amount such as "10sat", "1500msat" or "0" (whole '
    . 'numbers, at most 21 million BTC)';

# ---- l402_price ----

for my $value (qw(1k -5 10 10.5sat +1sat 1e3sat 10btc 10SAT sat msat
    00 -0 0x10sat free 10satsat 10sat! 1_000sat 2100000000000000001msat
    2100000000000001sat 18446744073709551616msat 18446744073709552sat
    99999999999999999999999999999999sat), '1,000sat', '', ' ', '10 sat', ' 10sat',
    '10sat ', "10sat\t", '１0sat')
{
    refused("l402_price \"$value\"",
        qq{invalid value "$value" in "l402_price", $amount},
        location => "l402 a;\nl402_price \"$value\"; # here");
}

refused('a bad price where nothing is sold',
    qq{invalid value "1k" in "l402_price", $amount},
    http => 'l402_price 1k; # here');
refused('no price', 'invalid number of arguments in "l402_price" directive',
    location => "l402 a;\nl402_price; # here");
refused('two prices', '"l402_price" directive is duplicate',
    location => "l402 a;\nl402_price 1sat;\nl402_price 1sat; # here");
refused('a variable that there is not', 'unknown "l402_nix" variable',
    location => "l402 a;\nl402_price \$l402_nix;");

accepted("l402_price $_", location => "l402 a; l402_price $_;")
    for qw(0 0sat 0msat 1msat 1sat 1500msat 2100000000000000000msat
           2100000000000000sat 007sat);

# ---- l402_valid_for ----

my $time = 'it must be a time from 1s to 100y such as "1h", or "off" for '
    . 'tokens that never expire';

for my $value (qw(0 0s never 1x 1.5h -1 -1h h 1hh on Off 101y
    99999999999999999999), '', '$arg_t')
{
    refused("l402_valid_for \"$value\"",
        qq{invalid value "$value" in "l402_valid_for", $time},
        location => "l402_valid_for \"$value\"; # here");
}

refused('l402_valid_for 500ms',
    qq{invalid value "500ms" in "l402_valid_for", $time},
    location => 'l402_valid_for 500ms; # here');
refused('l402_valid_for twice', '"l402_valid_for" directive is duplicate',
    location => "l402_valid_for 1h;\nl402_valid_for off; # here");
refused('l402_valid_for twice, off first',
    '"l402_valid_for" directive is duplicate',
    location => "l402_valid_for off;\nl402_valid_for off; # here");

accepted("l402_valid_for $_", location => "l402_valid_for $_;")
    for qw(1 1s 60 5m 1h 1d 1w 1M 1y 100y off), '"1h 30m"';

# ---- l402_invalid_status ----

for my $value (qw(403 400 200 40 4011 0 on off), '') {
    refused("l402_invalid_status \"$value\"",
        qq{invalid value "$value" in "l402_invalid_status", it must be "401" }
        . 'or "402"',
        location => "l402_invalid_status \"$value\"; # here");
}

refused('l402_invalid_status twice',
    '"l402_invalid_status" directive is duplicate',
    location => "l402_invalid_status 402;\nl402_invalid_status 402; # here");
accepted("l402_invalid_status $_", location => "l402_invalid_status $_;")
    for qw(401 402);

# ---- l402_memo ----

accepted("l402_memo $_", location => "l402_memo $_;")
    for '""', '"Wetter für €1"', '"$host, today"';
refused('l402_memo twice', '"l402_memo" directive is duplicate',
    location => "l402_memo a;\nl402_memo b; # here");

# ---- l402_zone ----

my $page = 4096;
my $size = 'it must be a name and a size of at least ' . 8 * $page / 1024
    . 'k such as "l402:1m"';

for my $value (qw(l402 l402: :1m l402:x l402:-1 l402:0 l402:4k l402:31k
    l402:1m: l402:1t :), '')
{
    refused("l402_zone \"$value\"",
        qq{invalid value "$value" in "l402_zone", $size},
        conf => "l402_zone \"$value\"; # here");
}

refused('the zone twice',
    '"l402_zone" "a" is duplicate, there can be one zone',
    conf => "l402_zone a:1m;\nl402_zone a:1m; # here");
refused('two zones', '"l402_zone" "b" is duplicate, there can be one zone',
    conf => "l402_zone a:1m;\nl402_zone b:1m; # here");
refused('a name that nginx uses for another zone',
    'the shared memory zone "a" is already declared for a different use',
    conf => "limit_req_zone \$host zone=a:1m rate=1r/s;\n"
    . 'l402_zone a:1m; # here');
refused('in a server', '"l402_zone" directive is not allowed here',
    server => 'l402_zone a:1m; # here');

accepted("l402_zone $_", conf => "l402_zone $_;") for qw(a:32k a:1m a:1M);

# ---- what is no mistake, but is cheaper than it looks ----

sub variable { "the price of \"l402 $_[0]\" is variable: a token bought at "
    . 'its cheapest opens its dearest request; "l402_bind path" ties a token '
    . 'to the path it was bought for, "l402_uses" or "l402_metered" bound '
    . 'what it is worth' }
sub two { "service \"$_[0]\" tier $_[1] is sold at two prices, $_[2]msat and "
    . "$_[3]msat: the cheaper token opens both locations" }

warned('a variable price', [variable('a')],
    location => "l402 a;\nl402_price \$arg_p; # here");
warned('a variable price, once for all locations that have it',
    [variable('a')],
    server => "l402 a;\nl402_price \$arg_p; # here",
    location => "}\nlocation /b { }\nlocation /c {");
warned('two variable prices', [[variable('a'), '# 1'], [variable('b'), '# 2']],
    location => "l402 a;\nl402_price \$arg_p; # 1\n}\n"
    . "location /b {\nl402 b;\nl402_price \$arg_p; # 2\n");
warned('one service and tier at two prices', [two('a', 0, 1000, 2500)],
    location => "l402 a;\nl402_price 1sat;\n}\n"
    . "location /b {\nl402 a;\nl402_price 2500msat; # here\n");
warned('a free location beside a sold one', [two('a', 3, 0, 1000)],
    location => "l402 a:3;\nl402_price 0;\n}\n"
    . "location /b {\nl402 a:3;\nl402_price 1sat; # here\n");
warned('in two servers', [two('a', 0, 1000, 2000)],
    location => "l402 a;\nl402_price 1sat;\n}\n}\nserver {\n"
    . 'listen unix:' . dir() . "/s2;\nlocation / {\nl402 a;\n"
    . "l402_price 2sat; # here\n");
unlink dir() . '/s2';
accepted('two tiers at two prices',
    location => "l402 a; l402_price 1sat; }\n"
    . 'location /b { l402 a:1; l402_price 2sat;');
accepted('two services at two prices',
    location => "l402 a; l402_price 1sat; }\n"
    . 'location /b { l402 b; l402_price 2sat;');
accepted('one price, written in two ways',
    location => "l402 a; l402_price 1sat; }\n"
    . 'location /b { l402 a; l402_price 1000msat;');
accepted('a location of another price that sells nothing',
    location => "l402 a; l402_price 1sat; }\n"
    . 'location /b { l402 off; l402_price 2sat;');

done_testing();
