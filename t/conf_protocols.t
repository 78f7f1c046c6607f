# The block l402_invoice_service: what the protocols want of the credential and
# of the url, wherever these words stand.

use strict;
use warnings;

use Test::More;
use L402::Conf;

my $name = 'l402_invoice_service';
my $key = 'credential_file ' . file('key', "c0ffee\n") . ';';
my $api = 'https://127.0.0.1/api/v1/';
my $store = "${api}stores/8bPLCXjS/lightning/BTC";

sub bad {
    my ($test, $message, @lines) = @_;
    refused($test, $message, conf => join("\n", @lines));
}

sub good {
    my ($test, @lines) = @_;
    accepted($test, conf => join("\n", "$name node {", @lines, '}'));
}

# ---- the credential ----

my @needy = ((map { [$_ => 'http://127.0.0.1:1'] } qw(cln eclair phoenixd
    lnbits)), [btcpay => $store]);

bad("$_->[0] without a credential",
    qq{$name "node" has no "credential_file", which protocol "$_->[0]" needs},
    "$name node { # here", "protocol $_->[0];", "url $_->[1];", '}')
    for @needy;

good("$_->[0] with a credential", "protocol $_->[0];", "url $_->[1];", $key)
    for @needy;

# lnd can be run without macaroons.
good('lnd without a credential', 'protocol lnd;', 'url http://127.0.0.1:1;');

for my $lines (["$key # here", 'protocol lnurl;'],
               ['protocol lnurl;', "$key # here"]) {
    bad('lnurl with a credential',
        qq{"credential_file" in $name "node" has no use: protocol "lnurl" }
            . 'sends no credential',
        "$name node {", 'url http://127.0.0.1/a;', @$lines, '}');
}

# ---- the url of a store ----

my $no_store =
    'names no store: "https://host/api/v1/stores/<store id>" is right';

for ('https://127.0.0.1', "${api}stores", "$store/invoices",
     "${api}stores/8bPLCXjS/lightning")
{
    bad("btcpay at $_", qq{invalid value "$_" in "url" of $name: $no_store},
        "$name node {", "url $_; # here", $key, 'protocol btcpay;', '}');
}

good("btcpay at $_", "url $_;", $key, 'protocol btcpay;')
    for $store, "$store/", "${api}stores/8bPLCXjS", "${api}server/lightning/BTC",
        'http://unix:/run/btcpay.sock:/api/v1/stores/1/lightning/BTC';

# ---- what a payer would be given ----

my $forms = '"user@host", "https://host/.well-known/lnurlp/user" or '
    . '"lnurl1..." is right';

# The example of LUD-01.
my $lnurl = 'lnurl1dp68gurn8ghj7um9wfmxjcm99e3k7mf0v9cxj0m385ekvcenxc6r2c35xvuk'
    . 'xefcv5mkvv34x5ekzd3ev56nyd3hxqurzepexejxxepnxscrvwfnv9nxzcn9xq6xyefhvgcx'
    . 'xcmyxymnserxfq5fns';

for (['a/b@localhost' => '***@localhost', "is no Lightning address: $forms"],
     ['@localhost' => '***@localhost', "is no Lightning address: $forms"],
     ['http://127.0.0.1' => 'http://127.0.0.1', "has no path: $forms"],
     ["${lnurl}q" => "${lnurl}q", 'is no LNURL: its checksum is wrong'],
     ['a' => 'a', 'has no scheme that is known here: '
         . '"https://host[:port][/path][?query]" or '
         . '"http://host[:port][/path][?query]" is right'])
{
    my ($url, $shown, $what) = @$_;
    bad("lnurl at $url", qq{invalid value "$shown" in "url" of $name: $what},
        "$name node {", "url $url; # here", 'protocol lnurl;', '}');
}

good("lnurl at $_", "url $_;", 'protocol lnurl;')
    for 'a@localhost', 'https://127.0.0.1/.well-known/lnurlp/a',
        'http://127.0.0.1:5000/lnurlp/1?a=b', 'http://unix:/run/a.sock:/a';

bad("an address for $_", qq{invalid value "***\@localhost" in "url" of $name: }
        . 'has no scheme that is known here: "https://host[:port][/base]", '
        . '"http://host[:port][/base]" or "http://unix:/path/of/socket:[/base]"'
        . ' is right',
    "$name node {", 'url a@localhost; # here', 'protocol lnd;', '}')
    for qw(lnd);

done_testing();
