# The way to a node, as nginx -t sees it: proxies, onion services, and
# certificates that cannot be those of the host.

use strict;
use warnings;

use Test::More;
use L402::Conf;

my $name = 'l402_invoice_service';
my $dir = dir();
my $tor = 'proxy socks5h://127.0.0.1:9050;';
my $onion = 'a' x 56 . '.onion';

sub block {
    return join "\n", "$name node {", 'protocol lnd;', @_, '}';
}

sub bad {
    my ($test, $message, @lines) = @_;
    refused($test, $message, conf => block(@lines));
}

sub good {
    my ($test, @lines) = @_;
    accepted($test, conf => block(@lines));
}

my $url = 'url http://127.0.0.1:1;';

# ---- proxy ----

my $right = '"socks5h://host:port" is right';
my $local = 'would have names looked up here, and tell name servers which '
    . "nodes are called: $right";
my $other = "is no SOCKS5 proxy that is told names: $right";

for (
    ['socks5://127.0.0.1:9050', $local],
    ['socks4://127.0.0.1:9050', $local],
    ['socks4a://127.0.0.1:9050', $other],
    ['http://127.0.0.1:3128', $other],
    ['https://proxy.example', $other],
    ['127.0.0.1:9050', $other],
    ['on', $other],
    ['', $other],
    ['socks5h://', "has no host: $right"],
    ['socks5h://127.0.0.1', "has no port: $right"],
    ['socks5h://[::1]', "has no port: $right"],
    ['socks5h://127.0.0.1:0', 'has a port that is no number from 1 to 65535'],
    ['socks5h://127.0.0.1:9050/a',
     "goes on after its host and port: $right"],
    ["socks5h://$onion:9050",
     'is itself an onion service, which needs a proxy to be reached'],
) {
    my ($value, $what) = @$_;
    bad("proxy \"$value\"", qq{invalid value "$value" in "proxy" of $name: }
        . $what, $url, "proxy \"$value\"; # here");
}

# What stands before the "@" is a secret.
bad("a proxy of another kind with a password", 'invalid value '
    . qq{"socks5://***\@127.0.0.1:1" in "proxy" of $name: $local},
    $url, 'proxy socks5://me:secret@127.0.0.1:1; # here');
bad('a user without a name', 'invalid value '
    . qq{"socks5h://***\@127.0.0.1:1" in "proxy" of $name: }
    . 'has no user before its "@"',
    $url, 'proxy socks5h://:secret@127.0.0.1:1; # here');
bad('two proxies', qq{"proxy" is duplicate in $name "node"},
    $url, $tor, "$tor # here");
bad('two values', qq{invalid number of arguments in "proxy" of $name, it }
    . 'takes one', $url, 'proxy socks5h://127.0.0.1:1 off; # here');

good("a proxy: $_", "proxy $_;", $url)
    for 'socks5h://127.0.0.1:9050', 'socks5h://[::1]:9050',
        'SOCKS5H://127.0.0.1:9050/', 'socks5h://localhost:9050',
        'socks5h://me:se%20cret@127.0.0.1:9050';

# ---- what a proxy is for ----

my $socket = 'http://unix:/run/lnd.sock:';

for my $lines (["url $socket; # here", $tor], [$tor, "url $socket; # here"]) {
    bad('a socket behind a proxy', qq{invalid value "$socket" in "url" of }
        . "$name: is a unix socket, to which no \"proxy\" leads", @$lines);
}

for my $to ("http://$onion", "https://$onion:8080/lnd") {
    bad("$to without a proxy", qq{invalid value "$to" in "url" of $name: is an }
        . 'onion service, which is reached through a "proxy" such as '
        . '"proxy socks5h://127.0.0.1:9050"', "url $to; # here");
    good("$to with a proxy", "url $to;", $tor);
}

refused('an address at an onion service without a proxy', qq{invalid value }
    . qq{"***\@$onion" in "url" of $name: is an onion service, which is }
    . 'reached through a "proxy" such as "proxy socks5h://127.0.0.1:9050"',
    conf => "$name a {\nprotocol lnurl;\nurl me\@$onion; # here\n}");

# In a network of its own, where that is allowed: nobody is asked.
my @alone = system('unshare -n true 2>/dev/null') == 0 ? qw(unshare -n) : ();

accepted('names behind a proxy are not looked up', wrapper => \@alone,
    conf => block('url http://node.invalid;', $tor));
warned('a proxy that cannot be found does not stop nginx',
    ["$name: the host of \"socks5h://***\@tor.invalid:9050\" cannot be found "
     . 'now (...); it is looked up anew for each invoice until a reload'],
    wrapper => \@alone,
    conf => block($url, 'proxy socks5h://me:secret@tor.invalid:9050; # here'));

# ---- certificates ----

sub certificate {
    my ($file, @options) = @_;
    system('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=node', '-keyout',
        "$dir/$file.key", '-out', "$dir/$file", '-batch', @options) == 0
        or die "openssl made no certificate\n";
    return "$dir/$file";
}

open my $saved, '>&', \*STDERR or die;
open STDERR, '>', '/dev/null' or die;
my $named = certificate('named', '-days', 2, '-addext',
    'subjectAltName=DNS:node.example,DNS:*.nodes.example,IP:127.0.0.1,IP:::1');
my $nameless = certificate('nameless', '-days', 2);
my $short = "$dir/short";
system('openssl', 'x509', '-in', $named, '-signkey', "$named.key", '-days', 0,
    '-out', $short) == 0 or die "openssl made no certificate\n";
open STDERR, '>&', $saved or die;
my $two = file('two', join '', map {
    open my $in, '<', $_ or die "$_: $!"; local $/; <$in>
} $named, $nameless);

# Without a look-up.
my @named = ($tor, "ca_file $named;");

good("a certificate for $_", "url https://$_;", @named)
    for qw(127.0.0.1:8080 [::1] node.example NODE.example a.nodes.example);

for my $host (qw(127.0.0.2 node2.example a.b.nodes.example),
              ['::2', '[::2]']) {
    my ($shown, $written) = ref $host ? @$host : ($host, $host);
    warned("a certificate that is not for $shown",
        ["$name: the certificate in \"ca_file\" is not for \"$shown\", the "
         . 'host of "url": if it is the node\'s own, the node will not be '
         . 'believed'],
        conf => block("url https://$written; # here", @named));
}

good('an authority, without names', 'url https://127.0.0.2;',
    "ca_file $nameless;");
good('several certificates', 'url https://127.0.0.2;', "ca_file $two;");
good('no TLS', 'url http://127.0.0.2;', "ca_file $named;");

sleep 1 until time > (stat $short)[9] + 1;
warned('a certificate that has expired',
    ["ca_file: \"$short\" holds a certificate that has expired"],
    conf => block('url https://127.0.0.1;', "ca_file $short; # here"));

done_testing();
