# The block l402_invoice_service: each of its words, and what is missing.

use strict;
use warnings;

use Test::More;
use L402::Conf;

my $protocol = 'protocol lnd;';
my $url = 'url http://127.0.0.1:1;';
my $name = 'l402_invoice_service';
my $dir = dir();
my $protocols = 'lnd, cln, eclair, phoenixd, lnbits, btcpay, lnurl';

# The block with a line in question, behind what it needs.
sub block {
    my ($line, $needs) = @_;
    return "$name node {\n" . ($needs // "$protocol\n$url") . "\n$line\n}";
}

sub bad {
    my ($test, $line, $message, $needs) = @_;
    refused($test, $message, conf => block("$line # here", $needs));
}

sub good {
    my ($line, $needs) = @_;
    accepted($line, conf => block($line, $needs));
}

# ---- the block ----

my $words = 'it must be one of: protocol, url, credential_file, ca_file, '
    . 'verify, proxy, network, timeout, invoice_expiry, max_in_flight, pool, '
    . 'max_fails, fail_timeout';

good('');
bad("the word $_", "$_ x;", qq{unknown directive "$_" in $name, $words})
    for qw(port urls Protocol l402_price include);
bad("$_ twice", "$_ on;", qq{"$_" is duplicate in $name "node"},
    "$protocol\n$url\n$_ on;") for qw(verify);
bad('protocol twice', $protocol, qq{"protocol" is duplicate in $name "node"});
bad("$_->[0] twice", "@$_;", qq{"$_->[0]" is duplicate in $name "node"},
    "$protocol\n$url\n@$_;")
    for [qw(network regtest)], [qw(timeout 1s)], [qw(invoice_expiry 1m)],
        [qw(max_in_flight 1)], [qw(pool 1)], [qw(max_fails 1)],
        [qw(fail_timeout 1s)],
        ['credential_file', file('credential', 'abcd')],
        ['ca_file', $ENV{L402_NODE_CERT}];
bad("$_ without a value", "$_;",
    qq{invalid number of arguments in "$_" of $name, it takes one}, '')
    for qw(protocol url credential_file ca_file verify proxy network timeout
           invoice_expiry max_in_flight pool max_fails fail_timeout);
bad('a url and one more word', 'url http://127.0.0.1:1 backup;',
    qq{invalid number of arguments in "url" of $name, it takes one}, $protocol);

refused('no protocol', qq{$name "node" has no "protocol", it must be one of: }
    . $protocols, conf => "$name node { # here\n$url\n}");
refused('no url', qq{$name "node" has no "url", such as }
    . '"url https://127.0.0.1:8080"',
    conf => "$name node { # here\n$protocol\n}");
refused('nothing',
    qq{$name "node" has no "protocol", it must be one of: $protocols},
    conf => "$name node { # here\n}");
refused('no name', qq{invalid number of arguments in "$name" directive},
    conf => "$name { # here\n$protocol\n$url\n}");
refused('an empty name', qq{invalid name "" in "$name", it must not be empty},
    conf => "$name \"\" { # here\n$protocol\n$url\n}");
refused('the same name twice', qq{$name "node" is duplicate, each must have a }
    . 'name of its own',
    conf => block('') . "\n$name node { # here\n$protocol\n$url\n}");
refused('in a server', qq{"$name" directive is not allowed here},
    server => "$name node { # here\n$protocol\n$url\n}");
refused('no block', qq|directive "$name" has no opening "{"|,
    conf => "$name node; # here");

# ---- protocol ----

bad("protocol $_", "protocol $_;",
    qq{invalid value "$_" in "protocol" of $name, }
        . qq{it must be one of: $protocols}, '')
    for qw(lnd2 LND clnrest http);

# ---- url ----

my $forms = '"https://host[:port][/base]", "http://host[:port][/base]" or '
    . '"http://unix:/path/of/socket:[/base]" is right';
my $scheme = "has no scheme that is known here: $forms";
my $port = 'has a port that is no number from 1 to 65535';
my $host = 'has a host that is no name and no address: "node.example", '
    . '"127.0.0.1" or "[::1]" is right';
my $tail = q{has a query or a fragment: it ends with the path that the }
    . q{service's own paths are appended to};
my $user = 'has user information in it: a credential belongs in '
    . 'credential_file';

my @urls = (
    ['ftp://127.0.0.1' => $scheme],
    ['127.0.0.1:8080' => $scheme],
    ['//127.0.0.1' => $scheme],
    ['file:///etc/passwd' => $scheme],
    ['' => $scheme],
    ['http://' => "has no host: $forms"],
    ['https://:8080' => "has no host: $forms"],
    ['https:///v1' => "has no host: $forms"],
    ['http://127.0.0.1:0' => $port],
    ['http://127.0.0.1:99999' => $port],
    ['http://127.0.0.1:65536' => $port],
    ['http://127.0.0.1:' => $port],
    ['http://127.0.0.1:80a' => $port],
    ['http://127.0.0.1:-1' => $port],
    ['http://127.0.0.1/?a=1' => $tail],
    ['http://127.0.0.1?' => $tail],
    ['http://127.0.0.1/#a' => $tail],
    ['http://127.1' => 'has a host that is no full IPv4 address: "127.0.0.1" '
        . 'is right'],
    ['http://no_de..x' => $host],
    ['http://no%20de' => $host],
    ['http://::1' => 'has several colons in its host: an IPv6 address stands '
        . 'in brackets, "[::1]"'],
    ['http://[::g]' => 'has no IPv6 address between "[" and "]": "[::1]" is '
        . 'right'],
    ['http://[::1' => 'has no "]" after its IPv6 address'],
    ['http://a b' => 'has a space or a control character in it'],
    ['http://127.0.0.1/a/../b' => 'has "." or ".." in its path'],
    ['http://unix:/run/x' => 'is no unix socket: '
        . '"http://unix:/path/of/socket:[/base]", with a colon after the '
        . 'path, is right'],
    ['https://unix:/run/x:' => 'asks for TLS on a unix socket: '
        . '"http://unix:/path/of/socket:[/base]" is right'],
);

for (@urls) {
    my ($value, $what) = @$_;
    bad("url \"$value\"", "url \"$value\";",
        qq{invalid value "$value" in "url" of $name: $what}, $protocol);
}

# A credential that stands where it does not belong is one all the same.
bad("url \"$_\"", "url \"$_\";", qq{invalid value "http://***\@127.0.0.1" }
    . qq{in "url" of $name: $user}, $protocol)
    for qw(http://me@127.0.0.1 http://me:word@127.0.0.1);
bad('the second of two urls', 'url ftp://127.0.0.1;',
    qq{invalid value "ftp://127.0.0.1" in "url" of $name: $scheme});

good("url $_;", $protocol)
    for qw(http://127.0.0.1 HTTPS://127.0.0.1:65535/lnd/ http://[::1]:8080/
           http://unix:/run/lnd.sock: http://unix:/run/lnd.sock:/base
           http://localhost:1);
good("$url url http://127.0.0.1:2;", $protocol);

# In a network of its own, where that is allowed: nobody is asked.
my @alone = system('unshare -n true 2>/dev/null') == 0 ? qw(unshare -n) : ();

warned('a host that cannot be found does not stop nginx',
    ["$name: the host of \"http://node.invalid\" cannot be found now (...); "
     . 'it is looked up anew for each invoice until a reload'],
    wrapper => \@alone,
    conf => block('url http://node.invalid; # here', $protocol));

# ---- files ----

my $none = qq{"$dir/none" (2: No such file or directory)};
my $lnd = "lnd's macaroon is right, as it is, in hex or in base64";
my $empty = file('empty', '');
my $blank = file('blank', " \n\n");
my $text = file('text', "secretsecret, but no hex\n");
my $large = file('large', "\x02\xff" x 5000);
my $garbage = file('garbage.pem', "no certificate\n");
my $broken = file('broken.pem', "-----BEGIN CERTIFICATE-----\nAAAA\n"
    . "-----END CERTIFICATE-----\n");
my $key_pem = file('key.pem', "-----BEGIN PRIVATE KEY-----\nAAAA\n"
    . "-----END PRIVATE KEY-----\n");

bad("$_ missing", "$_ $dir/none;", "$_: cannot open $none")
    for qw(credential_file ca_file);
bad("$_ a folder", "$_ $dir;", qq{$_: "$dir" is not a regular file})
    for qw(credential_file ca_file);
bad('credential_file empty', "credential_file $empty;",
    qq{credential_file: "$empty" is empty: $lnd});
bad('credential_file blank', "credential_file $blank;",
    qq{credential_file: "$blank" is empty: $lnd});
bad('credential_file too large', "credential_file $large;",
    qq{credential_file: "$large" has more than 8192 bytes: $lnd});
bad('ca_file empty', "ca_file $empty;", qq{ca_file: "$empty" holds no PEM }
    . 'certificate ("-----BEGIN CERTIFICATE-----")');
bad('ca_file that is no PEM', "ca_file $garbage;", qq{ca_file: "$garbage" }
    . 'holds no PEM certificate ("-----BEGIN CERTIFICATE-----")');
bad('ca_file that is a key', "ca_file $key_pem;", qq{ca_file: "$key_pem" }
    . 'holds no PEM certificate ("-----BEGIN CERTIFICATE-----")');
bad('ca_file with a broken certificate', "ca_file $broken;",
    qq{ca_file: "$broken" holds a certificate that cannot be read});

good("credential_file $ENV{L402_NODE_MACAROON};");
good('credential_file ' . file('hex', "0201AB\n") . ';');
good("ca_file $ENV{L402_NODE_CERT};");

# ---- values ----

for my $value (qw(yes 1 ON true), '') {
    bad("verify \"$value\"", "verify \"$value\";", qq{invalid value "$value" }
        . qq{in "verify" of $name, it must be "on" or "off"});
}
for my $value (qw(bitcoin main Mainnet simnet), '') {
    bad("network \"$value\"", "network \"$value\";", qq{invalid value }
        . qq{"$value" in "network" of $name, it must be "mainnet", "testnet", }
        . '"signet" or "regtest"');
}
for my $value (qw(0 0s -1 1x never 11m 99999999999999999999), '') {
    bad("timeout \"$value\"", "timeout \"$value\";", qq{invalid value }
        . qq{"$value" in "timeout" of $name, it must be a time from 1ms to }
        . '10m such as "5s"');
}
for my $value (qw(0 -1 1x off 366d 500ms 99999999999999999999), '') {
    bad("invoice_expiry \"$value\"", "invoice_expiry \"$value\";",
        qq{invalid value "$value" in "invoice_expiry" of $name, it must be a }
        . 'time from 1s to 365d such as "10m"');
}
for my $value (qw(0 -1 x 1.5 100001 99999999999999999999), '') {
    bad("max_in_flight \"$value\"", "max_in_flight \"$value\";",
        qq{invalid value "$value" in "max_in_flight" of $name, it must be a }
        . 'number from 1 to 100000');
}

good("$_;") for 'verify on', 'network mainnet', 'network testnet',
    'network signet', 'network regtest', 'timeout 1ms', 'timeout 500ms',
    'timeout 10m', 'invoice_expiry 1s', 'invoice_expiry 365d',
    'max_in_flight 1', 'max_in_flight 100000';

warned('verify off', ["\"verify off\" in $name \"node\": anybody between nginx "
    . 'and the node can take its credential and your payments; give its '
    . 'certificate with "ca_file" instead'],
    conf => block('verify off; # here'));

done_testing();
