# A valid token with any one bit changed, any end cut off, or anything added
# is none. Thousands of requests: over one connection, and where a bad
# signature is answered 401, so that no invoice is made.

use v5.36;
use lib 't/lib';
use MIME::Base64 qw(encode_base64);
use Test::Nginx::Socket 'no_plan';
use L402;

our $config = <<'END';
    keepalive_requests 1000000;
    location / {
        l402 weather:1;
        l402_price 10sat;
        l402_invalid_status 401;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
END

# Sends a credential (fields) and returns status and reason.
sub ask ($c, @fields) {
    my $r = $c->get('/', @fields) // return 'no answer';
    my ($reason) = $r->{body} =~ /"reason":"(\w+)"/;
    return "$r->{status} " . ($reason // '');
}

# Each variant of `of` must be refused as one of `as`; the ones that are not
# are named. `field` makes a field of bytes.
sub all_refused ($name, $as, $field, $variants) {
    my $c = connection();
    my (%seen, @wrong);
    while (my ($what, $bytes) = $variants->()) {
        my $answer = ask($c, $field->($bytes));
        $seen{$answer}++;
        push @wrong, "$what: $answer"
            unless grep { $answer eq "401 $_" } @$as;
    }
    my $count = 0;
    $count += $_ for values %seen;
    ok($count > 0, "$name - $count tried");
    is(join(', ', splice @wrong, 0, 10), '', "$name - all refused");
    # Each kind of refusal occurs: else the test would not reach what it says.
    is(join(' ', grep { !$seen{"401 $_"} } @$as), '', "$name - each reason");
}

sub flips ($bytes) {
    my $bit = 0;
    return sub {
        return if $bit == 8 * length $bytes;
        my $changed = $bytes;
        vec($changed, $bit, 1) ^= 1;
        return ('bit ' . $bit++, $changed);
    };
}

sub truncations ($bytes) {
    my $size = length $bytes;
    return sub {
        return if $size == 0;
        return (--$size . ' bytes', substr $bytes, 0, $size);
    };
}

sub list (@variants) {
    return sub { @variants ? ($#variants . ' left', shift @variants) : () };
}

sub in_authorization ($preimage) {
    return sub ($bytes) {
        'Authorization: L402 ' . encode_base64($bytes, '') . ":$preimage"
    };
}

sub in_hex ($bytes) { 'Macaroon: ' . unpack 'H*', $bytes }

# What lnget sends: our caveats, and its own.
sub token (%with) {
    my $preimage = '3a' x 32;
    return mint(tier => 1, preimage => $preimage,
                append => ["preimage=$preimage", 'x=y'], %with);
}

# The token itself is good, or nothing below means anything; and it is in the
# worker's memory from here on.
sub is_good ($name, $field) {
    is(ask(connection(), $field), '200 ', "$name - the token itself is good");
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: V2, while the worker does not know the good one, and once it does
--- config eval: $main::config
--- script
my $m = token();
my $field = in_authorization($m->{preimage});
all_refused("$name, before", [qw(malformed bad_signature)], $field,
    flips($m->{macaroon}));
is_good($name, $field->($m->{macaroon}));
all_refused("$name, after", [qw(malformed bad_signature)], $field,
    flips($m->{macaroon}));
is_good($name, $field->($m->{macaroon}));
--- invoices: 0
--- backend: 2


=== TEST 2: V2 without a location
--- config eval: $main::config
--- script
my $m = token(location => undef);
my $field = in_authorization($m->{preimage});
is_good($name, $field->($m->{macaroon}));
all_refused($name, [qw(malformed bad_signature)], $field,
    flips($m->{macaroon}));
--- invoices: 0
--- backend: 1


=== TEST 3: V1
--- config eval: $main::config
--- script
my $m = token(format => 1);
my $field = in_authorization($m->{preimage});
is_good($name, $field->($m->{macaroon}));
all_refused($name, [qw(malformed bad_signature)], $field,
    flips($m->{macaroon}));
--- invoices: 0
--- backend: 1


=== TEST 4: in hex. An identifier of another form makes it somebody else's
--- config eval: $main::config =~ s/10sat/0/r
--- script
# Free, so that what is no credential of ours makes no invoice: the reason is
# then in $l402_result.
my $m = token();
is_good($name, in_hex($m->{macaroon}));
my $c = connection();
my ($next, %seen) = flips($m->{macaroon});
while (my (undef, $bytes) = $next->()) {
    my $r = $c->get('/', in_hex($bytes));
    $seen{$r->{headers}{'x-result'}[0] // $r->{status}}++;
}
is($seen{ok}, undef, "$name - none is good");
ok($seen{free} > 1000, "$name - all the same, over a thousand were tried");
--- http_config
    add_header X-Result $l402_result;
--- invoices: 0


=== TEST 5: truncated
--- config eval: $main::config
--- script
for my $m (token(), token(location => undef)) {
    my $field = in_authorization($m->{preimage});
    is_good($name, $field->($m->{macaroon}));
    all_refused($name, ['malformed'], $field, truncations($m->{macaroon}));
}
my $m = token(format => 1);
my $field = in_authorization($m->{preimage});
is_good($name, $field->($m->{macaroon}));
all_refused("$name, V1", ['malformed'], $field,
    truncations($m->{macaroon}));
--- invoices: 0
--- backend: 3


=== TEST 6: the base64 text truncated, and in each of its bits
--- config eval: $main::config
--- script
my $m = token();
my $field = sub ($text) { "Authorization: L402 $text:$m->{preimage}" };
(my $text = $m->{base64}) =~ s/=+$//;
is_good($name, $field->($text));
all_refused("$name, truncated", ['malformed'], $field, truncations($text));

# nginx itself answers 400 to a control character.
my $next = flips($m->{base64});
all_refused("$name, flips", [qw(malformed bad_signature)], $field, sub {
    while (my ($what, $changed) = $next->()) {
        return ($what, $changed) if $changed !~ /[\x00-\x1f\x7f]/;
    }
    return;
});
--- invoices: 0
--- backend: 1


=== TEST 7: trailing bytes
--- config eval: $main::config
--- script
for my $m (token(), token(format => 1)) {
    my $bytes = $m->{macaroon};
    my $field = in_authorization($m->{preimage});
    is_good($name, $field->($bytes));
    all_refused($name, ['malformed'], $field, list(
        (map { $bytes . chr } 0 .. 255), "$bytes$bytes", "$bytes\0\0",
        "$bytes\x02\x04x=yz\0", "${bytes}0000", "${bytes}000acid x=y\n",
        $bytes . 'x' x 4000));
}
--- invoices: 0
--- backend: 2


=== TEST 8: other preimages
--- config eval: $main::config
--- script
my $m = mint(tier => 1);
my $of = sub ($preimage) {
    "Authorization: L402 $m->{base64}:" . unpack 'H*', $preimage
};
my $good = pack 'H*', $m->{preimage};
is_good($name, $of->($good));
all_refused($name, ['bad_preimage'], $of, flips($good));
all_refused($name, ['bad_preimage'], $of, list(
    "\0" x 32, "\xff" x 32, scalar reverse($good), ~.$good,
    pack('H*', $m->{payment_hash}), pack('H*', $m->{token_id}),
    $m->{signature}));
# Signed by us, for a hash that differs in one bit.
all_refused("$name, nearly", ['bad_preimage'], sub ($hash) {
    'Authorization: ' . credential(tier => 1, preimage => $m->{preimage},
        payment_hash => unpack 'H*', $hash)
}, flips(pack 'H*', $m->{payment_hash}));
--- invoices: 0
--- backend: 1


=== TEST 9: parts of two good tokens
--- config eval: $main::config
--- script
my ($a, $b) = (mint(tier => 1), mint(tier => 1, valid_for => 60));
my $of = sub ($m) { "Authorization: L402 $m->{base64}:$m->{preimage}" };
is_good($name, $of->($_)) for $a, $b;
my $mixed = sub (%with) {
    mint(tier => 1, preimage => $a->{preimage}, token_id => $a->{token_id},
         caveats => $a->{caveats}, signature => $a->{signature}, %with)
};
is_good("$name - unmixed", $of->($mixed->()));
all_refused($name, ['bad_signature'], $of, list(
    $mixed->(signature => $b->{signature}),
    $mixed->(token_id => $b->{token_id}),
    $mixed->(preimage => $b->{preimage}),
    $mixed->(caveats => $b->{caveats}),
    $mixed->(caveats => [ reverse $a->{caveats}->@* ]),
    $mixed->(caveats => [ $a->{caveats}[0] ]),
    $mixed->(caveats => [ $a->{caveats}[1] ]),
    $mixed->(caveats => []),
    $mixed->(append => ['x=y']),
    $mixed->(caveats => [ join '', $a->{caveats}->@* ])));
# A holder cannot take back what was appended, not even with the preimage.
my $narrow = mint(tier => 1, preimage => $a->{preimage},
    token_id => $a->{token_id}, caveats => $a->{caveats},
    append => ['valid_until=1']);
all_refused("$name - taken back", ['bad_signature'], $of,
    list($mixed->(signature => $narrow->{signature})));
--- invoices: 0
--- backend: 3


=== TEST 10: where a bad signature costs an invoice, it is refused as well
--- http_config eval: fault('ok')
--- config eval
($main::config =~ s/ 401;/ 402; l402_invoice_from fault_ok;/r)
--- script
my $m = token();
my $field = in_authorization($m->{preimage});
is_good($name, $field->($m->{macaroon}));
my ($c, $next, %seen) = (connection(), flips($m->{macaroon}));
for my $i (0 .. 8 * length($m->{macaroon}) - 1) {
    my (undef, $bytes) = $next->();
    $seen{ask($c, $field->($bytes))}++ unless $i % 13;
}
is(join(', ', sort keys %seen), '401 malformed, 402 bad_signature',
    "$name - refused");
is(fault_calls('ok'), $seen{'402 bad_signature'}, "$name - invoices");
--- backend: 1
