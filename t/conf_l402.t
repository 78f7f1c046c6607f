# No mistake leaves a location open: there is no value of `l402` but `off`
# that does not protect, and what protects is complete.

use strict;
use warnings;

use Test::More;
use L402::Conf;

my $price = 'l402_price 10sat;';
my $must = 'it must be';

# ---- the value ----

for my $value (qw(on off:1 on:1)) {
    refused("l402 $value", qq{invalid value "$value" in "l402", $must "off" }
        . 'or the name of what is sold here: "l402 weather" or '
        . '"l402 weather:1"',
        location => "l402 $value; # here\n$price");
}

my $long = 'a' x 65;

for my $value ('', ':1', 'On!', 'a/b', 'a.b', 'a,b', 'a=b', 'wetter_ä', 'a b',
    $long, "$long:1", '$host', '*')
{
    refused("l402 \"$value\"", qq{invalid service name in "l402 $value", }
        . "$must 1 to 64 letters, digits, \"_\" or \"-\"",
        location => "l402 \"$value\"; # here\n$price");
}

for my $value (qw(a:256 a:x a: a:-1 a:1:2 a:1.5 a:+1 a:99999999999999999999
    a:0x1)) {
    refused("l402 $value", qq{invalid tier in "l402 $value", $must }
        . 'a number from 0 to 255',
        location => "l402 $value; # here\n$price");
}

for my $value (qw(a a:0 a:255 On OFF), 'A-b_9', 'a' x 64) {
    accepted("l402 $value", location => "l402 $value; $price");
}

accepted('l402 off needs nothing else', http => '', location => 'l402 off;');
accepted('l402 off overrides', server => 'l402 a;',
    location => 'l402 off;');

refused('no value', 'invalid number of arguments in "l402" directive',
    location => "l402; # here\n$price");
refused('two values', 'invalid number of arguments in "l402" directive',
    location => "l402 a b; # here\n$price");
refused('twice', '"l402" directive is duplicate',
    location => "l402 a;\nl402 b; # here\n$price");
refused('twice, the second off', '"l402" directive is duplicate',
    location => "l402 a;\nl402 off; # here\n$price");
refused('twice, the first off', '"l402" directive is duplicate',
    location => "l402 off;\nl402 a; # here\n$price");
refused('in an if', '"l402" directive is not allowed here',
    location => "if (\$args) {\nl402 a; # here\n}\n$price");
refused('beside http', '"l402" directive is not allowed here',
    conf => "}\nl402 a; # here\nevents {");

# ---- what is missing is told at the line of `l402`, not at the end ----

my $no_key = '"l402 a" has no key, name a file with "l402_key_file" '
    . '("l402ctl keygen" makes one)';
my $no_service = '"l402 a" has no invoice service, define one with '
    . '"l402_invoice_service name { protocol lnd; url ...; }"';
my $no_price = '"l402 a" has no price, set one with "l402_price", such as '
    . '"l402_price 10sat" or "l402_price 0"';
my $keys = 'l402_key_file ' . file('keys2', "$key\n") . ';';
my $other = $node =~ s/service node/service other/r;

refused('no key', $no_key, http => $node, location => "l402 a; # here\n$price");
refused('no key, at http', $no_key, http => "$node\nl402 a; # here\n$price");
refused('no key, at the server', $no_key, http => $node,
    server => "l402 a; # here\n$price", location => '');
refused('no key, free of charge', $no_key, http => $node,
    location => "l402 a; # here\nl402_price 0;");
refused('no invoice service', $no_service, http => $keys,
    location => "l402 a; # here\n$price");
refused('no invoice service for a variable price', $no_service,
    http => $keys, location => "l402 a; # here\nl402_price \$arg_p;");
refused('two invoice services',
    '"l402 a" has 2 invoice services to choose from, name one with '
    . '"l402_invoice_from"',
    http => "$keys\n$node\n$other", location => "l402 a; # here\n$price");
refused('an unknown one',
    'unknown service "nide" in "l402_invoice_from", it must be the name of an '
    . 'l402_invoice_service block',
    location => "l402 a;\nl402_invoice_from nide; # here\n$price");
refused('an unknown one, inherited',
    'unknown service "nide" in "l402_invoice_from", it must be the name of an '
    . 'l402_invoice_service block',
    server => 'l402_invoice_from nide; # here',
    location => "l402 a;\n$price");
refused('an empty one',
    'unknown service "" in "l402_invoice_from", it must be the name of an '
    . 'l402_invoice_service block',
    location => "l402 a;\nl402_invoice_from \"\"; # here\n$price");
refused('an unknown one where nothing is sold',
    'unknown service "nide" in "l402_invoice_from", it must be the name of an '
    . 'l402_invoice_service block',
    location => "l402_invoice_from nide; # here");
refused('an unknown one where all is free',
    'unknown service "nide" in "l402_invoice_from", it must be the name of an '
    . 'l402_invoice_service block',
    location => "l402 a;\nl402_invoice_from nide; # here\nl402_price 0;");
refused('the same name twice', '"l402_invoice_from" directive is duplicate',
    location => "l402 a;\nl402_invoice_from node;\n"
    . "l402_invoice_from node; # here\n$price");

accepted('free of charge, no invoice service', http => $keys,
    location => 'l402 a; l402_price 0;');
accepted('two services and a choice', http => "$keys\n$node\n$other",
    location => "l402 a; l402_invoice_from other; $price");
accepted('a service that is defined further down',
    http => $keys, location => "l402 a; l402_invoice_from other; $price\n}\n}\n"
    . "$other\nserver {\nlisten unix:" . dir() . "/s2;\nlocation / {");
unlink dir() . '/s2';

# ---- a price ----

refused('no price', $no_price, location => 'l402 a; # here');
refused('no price, inherited protection', $no_price,
    server => 'l402 a; # here', location => '');
refused('no price, protection from http', $no_price,
    http => "$good_http\nl402 a; # here", location => '');
refused('no price, no location', $no_price, server => 'l402 a; # here');
refused('no price in one of two locations', $no_price,
    server => 'l402 a; # here',
    location => "$price\n}\nlocation /b {");
refused('no price in a nested location', $no_price,
    location => "l402 off;\nlocation /b {\nl402 a; # here\n}");
refused('no price outside of the nested location', $no_price,
    location => "l402 a; # here\nlocation /b { $price }");
refused('no price in limit_except', $no_price,
    location => "limit_except GET {\nl402 a; # here\n}");
refused('no price in a named location', $no_price,
    location => "}\nlocation \@named {\nl402 a; # here\n");
refused('no price in an exact location', $no_price,
    location => "}\nlocation = /x {\nl402 a; # here\n");

accepted('a server whose locations have prices', server => 'l402 a;',
    location => $price);
accepted('http whose locations have prices', http => "$good_http\nl402 a;",
    location => $price);
accepted('a price from the server', server => $price, location => 'l402 a;');
accepted('a price from http', http => "$good_http\n$price",
    location => 'l402 a;');
accepted('limit_except with a price of its own',
    location => "limit_except GET { l402 a; $price }");
accepted('limit_except with the price of its location',
    location => "$price limit_except GET { l402 a; }");
accepted('an if in a protected location',
    location => "l402 a; $price if (\$args) { set \$x 1; }");
accepted('names of each their own', location => "l402 a:1; $price\n}\n"
    . "location /b { l402 b; $price");

# ---- directives with an on and an off ----

for my $flag (qw(l402_lsat l402_pass_credential l402_cors)) {
    accepted("$flag $_", location => "$flag $_;") for qw(on off);
    refused("$flag maybe",
        qq{invalid value "maybe" in "$flag" directive, it must be "on" or "off"},
        location => "$flag maybe; # here");
    refused("$flag twice", qq{"$flag" directive is duplicate},
        location => "$flag on;\n$flag on; # here");
}

refused('a directive that there is not', 'unknown directive "l402_prize"',
    location => 'l402_prize 10sat; # here');

done_testing();
