# What a token is minted with and must allow: what is no such thing stops
# nginx -t, and so does what can open nothing.

use strict;
use warnings;

use Test::More;
use L402::Conf;

my $sold = 'l402 a; l402_price 1sat;';

# A value on its own, for a directive that takes one.
sub bad {
    my ($directive, $right, @values) = @_;
    refused("$directive \"$_\"",
        qq{invalid value "$_" in "$directive", $right},
        location => "$directive \"$_\"; # here") for @values;
}

sub good {
    my ($directive, @values) = @_;
    accepted("$directive $_", location => "$sold $directive $_;") for @values;
}

sub only_once {
    my ($directive, @values) = @_;
    refused("$directive twice, $_->[0] first",
        qq{"$directive" directive is duplicate},
        location => "$directive $_->[0];\n$directive $_->[1]; # here")
        for [@values], [reverse @values];
}

sub names { join ',', map { "c$_" } 1 .. $_[0] }

# ---- every place that they may stand in, and one that they may not ----

my @lines = ('l402_capabilities a,b', 'l402_capability a',
    'l402_constraint size 1 grant=2', 'l402_bind path', 'l402_upgrade_price 0',
    'l402_unknown_caveats refuse');
my $all = join "\n", map { "$_;" } @lines;

accepted('in http', http => "$good_http\n$all", location => $sold);
accepted('in a server', server => $all, location => $sold);
accepted('in a location', location => "$sold\n$all");
accepted('in limit_except', location => "limit_except GET {\n$sold\n$all\n}");
accepted('at all of them', http => "$good_http\n$all", server => $all,
    location => "$sold\n$all\nlimit_except GET {\n$all\n}");
accepted('where nothing is sold', location => $all);

for (@lines) {
    my ($directive) = /^(\w+)/;
    refused("$directive in an if",
        qq{"$directive" directive is not allowed here},
        location => "if (\$args) {\n$_; # here\n}");
    refused("$directive alone",
        qq{invalid number of arguments in "$directive" directive},
        location => "$directive; # here");
    next if $directive =~ /bind|constraint/;
    refused("$directive and one more",
        qq{invalid number of arguments in "$directive" directive},
        location => "$_ x; # here");
}

# ---- l402_capabilities ----

bad('l402_capabilities', 'it must be a comma list of at most 64 names of '
    . 'letters, digits, "_" or "-" such as "read,write", or "off"',
    '', ',', 'a,', ',a', 'a,,b', 'a b', 'a, b', ' a', 'a=b', 'a:1', 'a.b', '*',
    'ü', '$arg_a', 'a,$arg_a', 'x' x 65, 'a,' . 'x' x 65, names(65));
good('l402_capabilities', 'a', 'read,write', 'Read-1,_', 'off', 'x' x 64,
    names(64));
only_once('l402_capabilities', 'a', 'off');

# ---- l402_capability ----

bad('l402_capability', 'it must be one name of 1 to 64 letters, digits, "_" or '
    . '"-" such as "read", or "off"',
    '', 'a,b', 'a b', ' a', 'a=b', 'a:1', '*', 'ü', '$arg_a', 'x' x 65);
good('l402_capability', 'a', 'Read-1_', 'off', 'x' x 64);
only_once('l402_capability', 'a', 'off');

sub not_sold {
    my ($name, $one, $list, %part) = @_;
    refused($name, qq{"l402_capability $one" is none of "l402_capabilities }
        . qq{$list": what is sold here would not open it}, %part);
}

not_sold('a capability that is not sold', 'c', 'a,b', location =>
    "$sold\nl402_capability c; # here\nl402_capabilities a,b;");
not_sold('one that is a part of a name', 'rea', 'read,reader', location =>
    "$sold\nl402_capabilities read,reader;\nl402_capability rea; # here");
not_sold('one in another case', 'Read', 'read', location =>
    "$sold\nl402_capabilities read;\nl402_capability Read; # here");
not_sold('the list inherited', 'c', 'a', server => 'l402_capabilities a;',
    location => "$sold\nl402_capability c; # here");
not_sold('the capability inherited', 'c', 'a',
    server => 'l402_capability c; # here',
    location => "$sold\nl402_capabilities a;");
not_sold('both inherited', 'c', 'a',
    server => "l402_capability c; # here\nl402_capabilities a;",
    location => $sold);

accepted('the first and the last of the list', location =>
    "$sold l402_capabilities a,b; l402_capability b; }\n"
    . "location /b { $sold l402_capabilities a,b; l402_capability a;");
accepted('a capability where all are sold', location =>
    "$sold l402_capability c;");
accepted('a list taken back', server => 'l402_capabilities a;', location =>
    "$sold l402_capabilities off; l402_capability c;");
accepted('a capability taken back', server => 'l402_capability c;', location =>
    "$sold l402_capabilities a; l402_capability off;");
accepted('a capability that is not sold where nothing is', location =>
    'l402_capabilities a; l402_capability c;');

# ---- l402_constraint ----

my $c = 'l402_constraint';

refused("$c \"$_\"", qq{invalid condition "$_" in "$c", it must be 1 to 64 }
    . 'letters, digits, "_" or "-"', location => "$c \"$_\" 1; # here")
    for '', 'a b', 'a=b', 'a,b', 'a.b', 'ü', '$arg_a', 'x' x 65;
refused("$c size \"$_\"", qq{invalid value "$_" in "$c", it must be a whole }
    . 'number, or variables that give one such as "$content_length"',
    location => "$c size \"$_\"; # here")
    for '', ' ', 'x', '-1', '+1', '1.0', '1e3', '0x10', ' 1', '1 ', '1k',
        '1_000', '1,000', '9' x 19, '18446744073709551616', '１';
refused("$c size 1 $_", qq{invalid parameter "$_" in "$c", it must be "grant=" }
    . 'and a whole number', location => "$c size 1 \"$_\"; # here")
    for '', '2', 'grant', 'Grant=2', 'max=2', 'grant 2';
refused("$c size 1 $_", qq{invalid value "$_" in "$c", it must be "grant=" and }
    . 'a whole number such as "grant=1000000"',
    location => "$c size 1 \"$_\"; # here")
    for 'grant=', 'grant=-1', 'grant=x', 'grant=1k', 'grant=1.5', 'grant= 2',
        'grant=$arg_g', 'grant=' . '9' x 19;
refused("$c size 1 grant=1 grant=1",
    qq{invalid number of arguments in "$c" directive},
    location => "$c size 1 grant=1 grant=1; # here");
refused("$c $_", qq{invalid value "$_" in "$c", it must be a condition and a }
    . 'number such as "l402_constraint upload_max_bytes $content_length '
    . 'grant=1000000", or "off" alone', location => "$c $_; # here")
    for 'size', '5', 'Off', '$content_length';
refused("$c off, $_->[0]", qq{invalid value "$_->[1]" in "$c", it must be a }
    . 'condition and a number such as "l402_constraint upload_max_bytes '
    . '$content_length grant=1000000", or "off" alone', location => $_->[2])
    for ['behind one', 'off', "$c size 1;\n$c off; # here"],
        ['before one', 'size', "$c off;\n$c size 1; # here"],
        ['twice', 'off', "$c off;\n$c off; # here"];
refused('a variable that there is not', 'unknown "l402_nix" variable',
    location => "$c size \$l402_nix;");
refused('the same condition twice', qq{"$c size" is duplicate},
    location => "$c size 1;\n$c other 1;\n$c size 2; # here");
refused('a demand above what is granted', qq{"$c size" demands 6 and grants }
    . '5: what is sold here would not open it',
    location => "$c size 6 grant=5; # here");
refused('more than there may be', qq{more than 16 "$c" here}, location =>
    join("\n", map { "$c c$_ 1;" } 1 .. 16) . "\n$c c17 1; # here");

accepted("$c $_", location => "$sold $c $_;")
    for 'size 0', 'size 007', 'size 5 grant=5', 'size 0 grant=0', 'size '
        . '9' x 18, 'size 1 grant=' . '9' x 18, '_-9 1', 'x' x 64 . ' 1',
        'size $content_length', 'size "$arg_a$arg_b" grant=7', 'off',
        'tides_uses 1', 'a_max_bytes 1', 'Services 1';
accepted('as many as there may be', location =>
    "$sold " . join(' ', map { "$c c$_ 1;" } 1 .. 16));
accepted('the same condition further in', server => "$c size 1;",
    location => "$sold $c size 2;");

# Conditions whose meaning is fixed.
for my $name (qw(services valid_until preimage client_address request_host
    request_path request_method a_valid_until a_capabilities a_uses a_balance))
{
    refused("$c $name", qq{"$c $name" has a meaning of its own at "l402 a", }
        . 'choose a name such as "upload_max_bytes"',
        location => "$sold\n$c other 1;\n$c $name 1; # here");
}

refused('one that is taken by the service it is inherited to',
    qq{"$c b_uses" has a meaning of its own at "l402 b", choose a name such as }
    . '"upload_max_bytes"',
    server => "$c b_uses 1; # here",
    location => "l402 b; l402_price 1sat;");
accepted('and not where that is taken back', server => "$c a_uses 1;",
    location => "$sold $c off;");

# ---- what a token would be too large for ----

# Without a binding it has 145 bytes, and its capabilities.
sub many { join ',', ('x' x 64) x 29, 'y' x $_[0] }

my $too_large = 'a token of "l402 a" would have 2049 bytes, more than 2048: '
    . "name fewer in \"l402_capabilities\" and \"$c\"";

accepted('the largest token', location => "$sold\nl402_capabilities "
    . many(18) . ';');
refused('a larger one', $too_large,
    location => "l402 a; # here\nl402_price 1sat;\nl402_capabilities "
    . many(19) . ';');
refused('a larger one, inherited', $too_large,
    server => 'l402_capabilities ' . many(19) . ';',
    location => "l402 a; # here\nl402_price 1sat;");
accepted('a larger one that is not sold', server => 'l402_capabilities '
    . many(19) . ';', location => "$sold\nl402_capabilities off;");

# ---- l402_bind ----

my $words = 'it must be one or more of "address", "host", "path" and '
    . '"method", or "off" alone';

bad('l402_bind', $words, '', 'on', 'Path', 'address,path', 'ip', 'uri',
    '$host', 'address path');
refused("l402_bind $_->[0]", qq{invalid value "$_->[1]" in "l402_bind", $words},
    location => "l402_bind $_->[0]; # here")
    for ['off path', 'off'], ['path off', 'off'], ['path x', 'x'],
        ['off off', 'off'];
refused("l402_bind $_", qq{duplicate value "path" in "l402_bind"},
    location => "l402_bind $_; # here")
    for 'path path', 'path address path';
good('l402_bind', qw(address host path method off), 'host path',
    'method path host address');
only_once('l402_bind', 'path', 'off');

# ---- l402_unknown_caveats ----

bad('l402_unknown_caveats', 'it must be "skip" or "refuse"', '', 'on', 'off',
    'Skip', 'refused', 'accept');
good('l402_unknown_caveats', qw(skip refuse));
only_once('l402_unknown_caveats', 'skip', 'refuse');

# ---- l402_upgrade_price ----

my $up = 'l402_upgrade_price';

bad($up, 'it must be an amount such as "10sat", "1500msat" or "0" (whole '
    . 'numbers, at most 21 million BTC)', '', 'off', '1k', '-5', '10',
    '10.5sat', '10 sat', '2100000000000000001msat');
good($up, qw(0 1msat 1sat));
only_once($up, '0', '1sat');
accepted("$up with variables", location => "$sold $up \$arg_p;");
accepted("$up at the most", location => 'l402 a; '
    . "l402_price 2100000000000000sat; $up 2100000000000000000msat;");
refused("$up without an invoice service", '"l402 a" has no invoice service, '
    . 'define one with "l402_invoice_service name { protocol lnd; url ...; }"',
    http => 'l402_key_file keys;',
    location => "l402_price \$arg_p;\nl402 a; # here\n$up 1sat;");
accepted("$up 0 needs none", http => 'l402_key_file keys;',
    location => "l402_price 0; l402 a; $up 0;");

# ---- cheaper than it looks: two prices, and what keeps them apart ----

sub two { "service \"a\" tier 0 is sold at two prices, $_[0]msat and "
    . "$_[1]msat: the cheaper token opens both locations" }

# A location that sells for 1 sat and one for 2, each with more directives.
sub prices {
    my ($cheap, $dear) = @_;
    return (location => "l402 a; l402_price 1sat; $cheap\n}\n"
        . "location /b {\nl402 a; $dear\nl402_price 2sat; # here\n");
}

for (['nothing', '', ''],
     ['the dear one bound to its path', '', 'l402_bind path;'],
     ['the cheap one bound to something else',
         'l402_bind address host method;', ''],
     ['capabilities that nobody asks for', 'l402_capabilities x;', ''],
     ['a capability that the cheap one has too', 'l402_capabilities w,x;',
         'l402_capability x;'],
     ['a capability that the cheap one has not taken away', '',
         'l402_capability x;'],
     ['a list taken back', 'l402_capabilities off;', 'l402_capability x;'])
{
    my ($name, $cheap, $dear) = @$_;
    warned("two prices: $name", [two(1000, 2000)], prices($cheap, $dear));
}

accepted("two prices: $_->[0]", prices($_->[1], $_->[2]))
    for ['the cheap one bound to its path', 'l402_bind path;', ''],
        ['bound to its path and more', 'l402_bind host path;', ''],
        ['a capability that the cheap one does not sell',
            'l402_capabilities w;', 'l402_capability x;'];

warned('two prices: the cheap one stands last', [two(2000, 1000)],
    location => "l402 a; l402_price 2sat; l402_bind path;\n}\n"
    . "location /b {\nl402 a;\nl402_price 1sat; # here\n");
accepted('two prices: the cheap one stands last, and is bound',
    location => "l402 a; l402_price 2sat;\n}\n"
    . "location /b { l402 a; l402_bind path; l402_price 1sat;");
accepted('two prices: all bound by the server', server => 'l402_bind path;',
    prices('', ''));
warned('two prices: a binding taken back', [two(1000, 2000)],
    server => 'l402_bind path;', prices('l402_bind off;', ''));
warned('three prices, of which two are kept apart', [two(2000, 3000)],
    location => "l402 a; l402_price 1sat; l402_bind path;\n}\n"
    . "location /b {\nl402 a; l402_price 2sat;\n}\n"
    . "location /c {\nl402 a;\nl402_price 3sat; # here\n");

# Where both have the same paths, that is not what keeps them apart.
for (['their path', 'path', 1], ['their method', 'method', 0],
     ['both', 'path method', 0], ['host and address', 'host address', 1])
{
    my ($what, $bind, $warns) = @$_;
    warned("two prices in limit_except, bound to $what",
        [$warns ? two(1000, 2000) : ()],
        location => "l402 a; l402_bind $bind; l402_price 1sat;\n"
        . "limit_except GET {\nl402_price 2sat; # here\n}");
}
for (['their path', 'path', 1], ['their host', 'host', 0],
     ['both', 'host path', 0], ['method and address', 'method address', 1])
{
    my ($what, $bind, $warns) = @$_;
    warned("two prices at a path of two servers, bound to $what",
        [$warns ? two(1000, 2000) : ()],
        location => "l402 a; l402_bind $bind; l402_price 1sat;\n}\n}\n"
        . 'server { listen unix:' . dir() . "/s2;\nlocation / {\n"
        . "l402 a; l402_bind $bind;\nl402_price 2sat; # here\n");
    unlink dir() . '/s2';
}

# ---- a variable price, and what it depends on ----

my $variable = 'the price of "l402 a" is variable: a token bought at its '
    . 'cheapest opens its dearest request; "l402_bind path" ties a token to '
    . 'the path it was bought for, "l402_uses" or "l402_metered" bound what it '
    . 'is worth';

warned("a variable price$_->[0]", [$variable],
    location => "l402 a; $_->[1]\nl402_price \$arg_p; # here")
    for ['', ''], [', bound to something else', 'l402_bind address host;'],
        [', bound to nothing', 'l402_bind off;'];
accepted('a variable price, bound to the path',
    location => 'l402 a; l402_bind path method; l402_price $arg_p;');

# ---- an upgrade that is dearer than the whole ----

sub dearer { "an upgrade to \"l402 $_[0]\" costs $_[1]msat, more than its "
    . "price of $_[2]msat" }

warned("$up above the price", [dearer('a:1', 1001, 1000)],
    location => "l402 a:1; l402_price 1sat;\n$up 1001msat; # here");
warned("$up above a price of 0", [dearer('a:0', 1, 0)],
    location => "l402 a; l402_price 0;\n$up 1msat; # here");
warned("$up above it in one of two", [dearer('a:2', 7000, 5000)],
    server => "$up 7sat; # here",
    location => "l402 a:1; l402_price 9sat; $up 1sat;\n}\n"
    . "location /b { l402 a:2; l402_price 5sat;");
warned("$up above it where it is inherited", [dearer('a:2', 7000, 5000)],
    server => "$up 7sat; # here",
    location => "l402 a:1; l402_price 9sat;\n}\n"
    . "location /b { l402 a:2; l402_price 5sat;");
warned("$up above it, once for a location and what is in it",
    [dearer('a:1', 2000, 1000)], location => "l402 a:1; l402_price 1sat;\n"
    . "$up 2sat; # here\nlocation /c { }");
accepted("$up that may be above the price",
    location => "l402 a:1; l402_bind path; l402_price \$arg_p; $up 9sat;");
accepted("$up as the price",
    location => "l402 a:1; l402_price 1sat; $up 1sat;");

done_testing();
