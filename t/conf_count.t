# What nginx -t says of l402_uses, l402_metered, l402_refund and
# l402_revocation, and of the file of the zone.

use v5.36;
use lib 't/lib';
use Test::More;
use L402::Conf;

my $sold = "l402 weather;\nl402_price 10sat;";
my $zone = "l402_zone l402:1m;";
my $amount = 'an amount such as "10sat", "1500msat" or "0" (whole numbers, at '
    . 'most 21 million BTC)';
my $with = "$good_http\n$zone";

sub memory ($directive) {
    qq{"$directive" counts in memory alone: a restart of nginx renews every }
    . 'token; "l402_zone" with "file=" or "l402_redis" keeps what was counted';
}

# ---- l402_uses ----

for my $value (qw(0 -1 x 1.5 1k on 1000000000000000000000), '') {
    refused("l402_uses \"$value\"", qq{invalid value "$value" in "l402_uses", }
        . 'it must be a whole number of requests such as "10", or "off"',
        http => $with, location => "$sold\nl402_uses \"$value\"; # here");
}
warned('l402_uses', [memory('l402_uses')], http => $with,
    location => "$sold\nl402_uses 10; # here");
accepted('l402_uses off', location => "$sold\nl402_uses off;");
warned('l402_uses without a zone', [memory('l402_uses')],
    location => "$sold\nl402_uses 10; # here");

# ---- l402_metered ----

for my $value (qw(10 1.5sat on -1sat), '') {
    refused("l402_metered \"$value\"", qq{invalid value "$value" in }
        . qq{"l402_metered", it must be $amount, or variables that give one},
        http => $with, location => "$sold\nl402_metered \"$value\"; # here");
}
for my $value (qw(hold hold= hold=10 max=10sat)) {
    refused("l402_metered $value", qq{invalid parameter "$value" in }
        . qq{"l402_metered", it must be "hold=" and $amount}, http => $with,
        location => "$sold\nl402_metered \$arg_c $value; # here");
}
for my $nothing (qw(0 0sat 0msat)) {
    refused("l402_metered, hold=$nothing", qq{invalid parameter "hold=$nothing" }
        . 'in "l402_metered", what is held must be more than 0: a payment that '
        . 'is used up would open it', http => $with,
        location => "$sold\nl402_metered \$arg_c hold=$nothing; # here");
}
warned('l402_metered', [memory('l402_metered')], http => $with,
    location => "$sold\nl402_metered 5sat; # here");
warned('l402_metered, its cost with the answer', [memory('l402_metered')],
    http => $with,
    location => "$sold\nl402_metered \$upstream_http_x_cost hold=10sat; # here");
refused("a cost with the answer and no hold", 'the value '
    . '"$upstream_http_x_cost" of "l402_metered" is known once the answer is '
    . 'there: add what is held until then, such as "hold=50sat"',
    http => $with,
    location => "$sold\nl402_metered \$upstream_http_x_cost; # here");
refused('a hold above the price', '"l402_metered" takes 10001msat for a '
    . 'request of "l402 weather", more than a payment of 10000msat credits: '
    . 'raise "l402_price" or lower the hold', http => $with,
    location => "$sold\nl402_metered \$arg_c hold=10001msat; # here");
refused('a cost above the price', '"l402_metered" takes 11000msat for a '
    . 'request of "l402 weather", more than a payment of 10000msat credits: '
    . 'raise "l402_price" or lower the cost', http => $with,
    location => "$sold\nl402_metered 11sat; # here");
refused('metered for nothing', '"l402_metered" cannot work where '
    . '"l402_price" is 0: a payment credits what was paid', http => $with,
    location => "l402 weather;\nl402_price 0;\nl402_metered 1sat; # here");

# ---- l402_refund ----

for my $value (qw(200 99 600 x off), '') {
    my @more = $value eq 'off' ? ('502') : ();
    refused("l402_refund $value", qq{invalid status "$value" in "l402_refund", }
        . 'it must be a number from 300 to 599, or "off" alone',
        location => "$sold\nl402_refund @more \"$value\"; # here");
}
accepted("l402_refund $_", location => "$sold\nl402_refund $_;")
    for 'off', '500', '404 500 599';

# ---- l402_revocation ----

for my $value (qw(x yes), '') {
    refused("l402_revocation \"$value\"", qq{invalid value "$value" in }
        . '"l402_revocation", it must be "on", "on max_stale=time" or "off"',
        http => $with, location => "$sold\nl402_revocation \"$value\"; # here");
}
for my $value ('on max=1', 'off max_stale=1m', 'on stale') {
    my ($word, $parameter) = split / /, $value;
    refused("l402_revocation $value", qq{invalid parameter "$parameter" in }
        . '"l402_revocation", it must be "on max_stale=time"',
        http => $with, location => "$sold\nl402_revocation $value; # here");
}
for my $value (qw(0 x -1 0s), '') {
    refused("max_stale=$value", qq{invalid value "max_stale=$value" in }
        . '"l402_revocation", it must be a time of at least one second such '
        . 'as "max_stale=10m"', http => $with,
        location => "$sold\nl402_revocation on max_stale=$value; # here");
}
accepted('l402_revocation without a zone',
    location => "$sold\nl402_revocation on;");
accepted('l402_revocation on', http => $with,
    location => "$sold\nl402_revocation on;");
accepted('l402_revocation off', location => "$sold\nl402_revocation off;");
warned('max_stale without Redis', ['"max_stale" has no effect without '
    . '"l402_redis": the list of this host is never old'], http => $with,
    location => "$sold\nl402_revocation on max_stale=1m; # here");

# ---- two ways of one service ----

warned('uses make a variable price safe', [memory('l402_uses')], http => $with,
    location => "l402 weather;\nl402_price \$arg_p;\nl402_uses 1; # here");

# ---- the zone's file ----

my $is = 'it must be "file=path"';
for my $value (qw(x file= path=x)) {
    refused("l402_zone $value", qq{invalid parameter "$value" in "l402_zone", }
        . qq{$is or "damaged=refuse|salvage"},
        http => "$good_http\nl402_zone l402:1m $value; # here");
}
refused('l402_zone damaged=x', qq{invalid parameter "damaged=x" in }
    . qq{"l402_zone", $is, "damaged=refuse" or "damaged=salvage"},
    http => "$good_http\nl402_zone l402:1m damaged=x; # here");
refused('a file and no room', '"l402_zone" "l402" is too small for a file of '
    . 'counts: it has to be at least 140k',
    http => "$good_http\nl402_zone l402:64k file=" . dir() . '/x; # here');
accepted('a file', location => "$sold\nl402_uses 3;",
    http => "$good_http\nl402_zone l402:1m file=" . dir() . '/ledger;');
ok(!-e dir() . '/ledger', 'nginx -t makes none');

# ---- room ----

refused('a zone that is too small', '"l402_uses" needs more shared memory: '
    . '"l402_zone" "l402" has to be at least 140k',
    http => "$good_http\nl402_zone l402:64k;",
    location => "$sold\nl402_uses 3; # here");
warned('one that is just large enough', [memory('l402_uses')],
    http => "$good_http\nl402_zone l402:140k;",
    location => "$sold\nl402_uses 3; # here");

done_testing();
