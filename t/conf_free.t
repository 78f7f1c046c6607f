# l402_free: what nginx -t takes, what it says about the rest, and the memory
# that it needs.

use v5.36;
use lib 't/lib';
use Test::More;
use L402::Conf;

my $zone = "l402_zone l402:1m;\n";
my $http = "$zone$good_http";
my $paid = 'l402 weather; l402_price 10sat;';

sub with_zone (%part) { return (http => $http, %part) }

# ---- values ----

for my $value (qw(5 5/ /1d 0/1d -1/1d x/1d 1.5/1d 5/0 5/0s 5/x 5/500ms 5/-1s
                  5/367d 1000001/1d 99999999999999999999/1d 5/1d/1d 1r/s on),
               '', '5 /1d', '5/ 1d', ' 5/1d', '/')
{
    refused(qq{"$value"}, qq{invalid value "$value" in "l402_free", it must }
        . 'be a number of requests from 1 to 1000000 and a time from 1s to '
        . '366d such as "100/1d", or "off"',
        with_zone(location => "$paid\nl402_free \"$value\"; # here"));
}
for my $value ('key', 'key=', 'Key=$arg_k', '$arg_k', 'zone=l402') {
    refused(qq{"$value"}, qq{invalid parameter "$value" in "l402_free", it }
        . 'must be "key=" and what a client is known by, such as '
        . '"key=$http_x_api_key"',
        with_zone(location => "$paid\nl402_free 5/1d \"$value\"; # here"));
}
refused('off and more', 'invalid value "off" in "l402_free", it must be a '
    . 'number of requests from 1 to 1000000 and a time from 1s to 366d such '
    . 'as "100/1d", or "off"',
    with_zone(location => "$paid\nl402_free off key=\$arg_k; # here"));
refused('an unknown variable', 'unknown "nonesuch" variable',
    with_zone(location => "$paid l402_free 5/1d key=\$nonesuch;"));

refused('nothing', 'invalid number of arguments in "l402_free" directive',
    with_zone(location => "$paid\nl402_free; # here"));
refused('three values', 'invalid number of arguments in "l402_free" directive',
    with_zone(location => "$paid\nl402_free 5/1d key=\$arg_k 6; # here"));
refused('twice', '"l402_free" directive is duplicate',
    with_zone(location => "$paid\nl402_free 5/1d;\nl402_free off; # here"));
refused('in an if', '"l402_free" directive is not allowed here',
    with_zone(location => "$paid\nif (\$arg_a) {\nl402_free 5/1d; # here\n}"));

accepted("l402_free $_", with_zone(location => "$paid l402_free $_;"))
    for 'off', '1/1s', '1000000/366d', '5/1h30m', '5/10', '5/1d key=$arg_k',
        '5/1d "key=$arg_k $http_x_api_key"', '5/1d key=everybody';

# ---- where it stands ----

accepted('inherited from http', location => $paid,
    http => "$http\nl402_free 5/1d;");
accepted('inherited from the server', with_zone(server => 'l402_free 5/1d;',
    location => "$paid limit_except GET { l402_free off; }"));
accepted('off needs no memory and protects nothing', server => 'l402_free off;',
    location => "l402_free off;");

my $idle = '"l402_free" has no effect: nothing is protected by "l402" where '
    . 'it stands';
my $gratis = '"l402_free" has no effect: "l402_price" is 0 where it stands, '
    . 'and every request free';

warned('nothing is protected', [$idle],
    location => "l402_free 5/1d; # here");
warned('nothing is protected any more', [$idle], server => $paid,
    location => "l402 off;\nl402_free 5/1d; # here");
warned('what is protected has its own', [$idle],
    with_zone(server => 'l402_free 5/1d; # here',
        location => "$paid l402_free 6/1d;"));
warned('a price of 0', [$gratis],
    location => "l402 weather; l402_price 0;\nl402_free 5/1d; # here");
warned('a price of 0 below', [$gratis], server => 'l402_free 5/1d; # here',
    location => "l402 weather; l402_price 0;");
accepted('a price of 0 beside another',
    with_zone(server => "l402_free 5/1d; location /a { $paid }",
        location => "l402 weather:1; l402_price 0;"));
accepted('a price that may be 0', with_zone(location =>
    "l402 weather; l402_bind path; l402_free 5/1d; l402_price \$arg_p;"));

# ---- its memory ----

my $least = 76;

accepted('no zone', location => "$paid\nl402_free 5/1d;");
accepted('no zone, inherited', location => $paid,
    http => "$good_http\nl402_free 5/1d;");

my $small = '"l402_zone" "l402" is too small: its invoice services and their '
    . '"pool"s, and "l402_free", need at least ';

sub sized ($k, $service = $node) {
    return "l402_zone l402:${k}k; # here\nl402_key_file " . dir() . "/keys;\n"
        . $service;
}

refused('a zone that is too small', "$small${least}k",
    http => sized($least - 4), location => "$paid l402_free 5/1d;");
accepted('a zone that is large enough', http => sized($least),
    location => "$paid l402_free 5/1d;");

# It takes its share of a large zone, and that is counted in.
my $pool = $node =~ s/network/pool 10000; network/r;
my $large = 10192;

refused('beside a stock, too small', "$small${large}k",
    http => sized(64, $pool), location => "$paid l402_free 5/1d;");
refused('beside a stock, almost large enough', "$small${large}k",
    http => sized($large - 4, $pool), location => "$paid l402_free 5/1d;");
accepted('beside a stock, large enough', http => sized($large, $pool),
    location => "$paid l402_free 5/1d;");

done_testing();
