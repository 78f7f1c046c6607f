# l402_settled: what nginx -t takes, and what it says about the rest.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use L402::Conf;

my $paid = 'l402 weather; l402_price 10sat;';
my $address = 'l402_invoice_service address { protocol lnurl;'
    . ' url http://127.0.0.1/a; }';
my $key = 'credential_file ' . file('key', "c0ffee\n") . ';';
my $other = 'l402_invoice_service other { protocol cln;'
    . " url http://127.0.0.1:1; $key }";

# ---- values ----

refused(qq{"$_"},
        qq{invalid value "$_" in "l402_settled", it must be "off" or }
            . '"require"',
        location => "$paid\nl402_settled $_; # here")
    for qw(on yes required Require 1);

refused('nothing', 'invalid number of arguments in "l402_settled" directive',
        location => "$paid\nl402_settled; # here");
refused('two values',
        'invalid number of arguments in "l402_settled" directive',
        location => "$paid\nl402_settled off require; # here");
refused('twice', '"l402_settled" directive is duplicate',
        location => "$paid\nl402_settled off;\nl402_settled require; # here");
refused('in an if', '"l402_settled" directive is not allowed here',
        location => "$paid\nif (\$arg_a) {\nl402_settled require; # here\n}");

accepted($_, location => "$paid l402_settled $_;") for qw(off require);
accepted('inherited from the server', server => 'l402_settled require;',
         location => $paid);
accepted('inherited from http', http => "$good_http\nl402_settled require;",
         location => "$paid limit_except GET { l402_settled off; }");

# ---- who can be asked ----

accepted("protocol $_->[0]",
         http => $good_http =~ s/protocol lnd; url \S+/
             "protocol $_->[0]; url http:\/\/127.0.0.1:1$_->[1]; $key"/er,
         location => "$paid l402_settled require;")
    for [cln => ''], [eclair => ''], [phoenixd => ''], [lnbits => ''],
        [btcpay => '/api/v1/stores/1/lightning/BTC'];

my $cannot = '"l402_settled require" cannot work for "l402 weather": it is '
    . 'sold with l402_invoice_service "address", whose protocol "lnurl" '
    . 'cannot be asked by payment hash whether an invoice is settled';

refused('an address', $cannot, http => "$good_http\n$address",
        location => "$paid l402_invoice_from address;\n"
            . "l402_settled require; # here");
refused('an address, inherited', $cannot,
        http => "$good_http\n$address\nl402_settled require; # here",
        location => "$paid l402_invoice_from address;");
accepted('an address that nobody has to ask', http => "$good_http\n$address",
         location => "$paid l402_invoice_from address;");
accepted('an address for what is off',
         http => "$good_http\n$address\nl402_settled require;",
         location => "$paid l402_invoice_from address; l402_settled off;");

# A token that an address has sold opens this location, too.
my $elsewhere = sub {
    my ($service) = @_;
    return "location /other/ { l402 $service; l402_price 10sat;"
        . ' l402_invoice_from address; }';
};
refused('the same service, sold elsewhere by an address', $cannot,
        http => "$good_http\n$address", server => $elsewhere->('weather:3'),
        location => "$paid l402_invoice_from node;\n"
            . "l402_settled require; # here");
accepted('another service, sold by an address',
         http => "$good_http\n$address", server => $elsewhere->('maps'),
         location => "$paid l402_invoice_from node; l402_settled require;");

# ---- without an invoice service ----

my $keys = $good_http =~ s/l402_invoice_service.*//sr;

refused('no invoice service',
        '"l402 weather" has no invoice service, define one with '
            . '"l402_invoice_service name { protocol lnd; url ...; }"',
        http => $keys, location => "l402_settled require;\n"
            . "l402 weather; # here\nl402_price 10sat;");
refused('several to choose from',
        '"l402 weather" has 2 invoice services to choose from, name one with '
            . '"l402_invoice_from"',
        http => "$good_http\n$other",
        location => "l402_settled require;\nl402 weather; # here\n"
            . 'l402_price 10sat;');

accepted('what is free', http => $keys,
         location => 'l402 weather; l402_price 0; l402_settled require;');
accepted('what is open', http => $keys,
         location => 'l402_settled require;');
accepted('a server that sells nothing itself', http => "$good_http\n$other",
         server => 'l402 weather; l402_settled require;',
         location => 'l402_price 10sat; l402_invoice_from other;');

# ---- beside zones of that name ----

accepted("beside l402_zone $_", http => "$good_http\nl402_zone $_:1m;",
         location => "$paid l402_settled require;") for qw(l402 settled);

done_testing();
