# What nginx -t says of pool, max_fails and fail_timeout, and of the zone that
# a stock lies in.

use v5.36;
use lib 't/lib';
use Test::More;
use L402::Conf;

my $name = 'l402_invoice_service';

sub block ($words) {
    return "$name node { protocol lnd; url http://127.0.0.1:1;\n$words\n}";
}

sub http ($text) {
    return 'l402_key_file ' . dir() . "/keys;\n$text";
}

my $sold = "l402_price 10sat;\nl402 weather;";

for my $value (qw(-1 x 1.5 100001 99999999999999999999), '') {
    refused("pool \"$value\"", qq{invalid value "$value" in "pool" of $name, }
        . 'it must be a number of invoices from 0 to 100000',
        conf => block("pool \"$value\"; # here"));
    refused("max_fails \"$value\"", qq{invalid value "$value" in "max_fails" }
        . qq{of $name, it must be a number from 1 to 100000, or 0 for urls }
        . 'that never rest', conf => block("max_fails \"$value\"; # here"));
}
for my $value (qw(0 0s -1 x never 2d 99999999999999999999), '') {
    refused("fail_timeout \"$value\"", qq{invalid value "$value" in }
        . qq{"fail_timeout" of $name, it must be a time from 1ms to 1d such }
        . 'as "10s"', conf => block("fail_timeout \"$value\"; # here"));
}
accepted($_, conf => block("$_;")) for 'pool 0', 'max_fails 0', 'max_fails 1',
    'max_fails 100000', 'fail_timeout 1ms', 'fail_timeout 500ms',
    'fail_timeout 1d';

# ---- the zone ----

my $needs = qq{"pool" in $name "node" needs shared memory, add };

refused('a pool and no zone', $needs . '"l402_zone l402:56k" or more',
    location => $sold, http => http("$name node { # here\nprotocol lnd;\n"
        . "url http://127.0.0.1:1;\npool 10;\n}"));
accepted('a pool that nothing is sold from, and no zone',
    http => http(block('pool 10;')));
accepted('a pool of none, and no zone', location => $sold,
    http => http(block('pool 0;')));
accepted('a pool and a zone', location => $sold,
    http => http("l402_zone l402:1m;\n" . block('pool 100;')));

# Nothing that a request has a say in makes a stock.
accepted("$_->[0] makes no stock", http => http(block('pool 10;')),
    location => "$_->[1]\nl402_bind path;\nl402 weather;")
    for ['a variable price', 'l402_price $arg_price;'],
        ['a variable memo', 'l402_price 10sat; l402_memo $arg_memo;'],
        ['a free location', 'l402_price 0;'];

my $least = 9552;
my $small = qq{"l402_zone" "l402" is too small: its invoice services and }
    . qq{their "pool"s need at least ${least}k};

refused('a zone that is too small', $small, location => $sold,
    http => http("l402_zone l402:1m; # here\n" . block('pool 10000;')));
refused('a zone that is almost large enough', $small, location => $sold,
    http => http('l402_zone l402:' . ($least - 4) . "k; # here\n"
        . block('pool 10000;')));
accepted('a zone that is large enough', location => $sold,
    http => http("l402_zone l402:${least}k;\n" . block('pool 10000;')));

done_testing();
