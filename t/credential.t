# What a client may send as a credential, and what it gets for each.

use v5.36;
use lib 't/lib';
use MIME::Base64 qw(encode_base64);
use Test::Nginx::Socket 'no_plan';
use L402;

# `ok` makes invoices as fast as it is asked for them.
our $config = <<'END';
    large_client_header_buffers 4 64k;
    location / {
        l402 weather:1;
        l402_price 10sat;
        l402_invoice_from fault_ok;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
END

# Each: a name, fields, a status, and where that is not 200 the reason. A 402
# costs one invoice, all else none.
sub check ($name, @cases) {
    my $c = connection();
    for (@cases) {
        my ($what, $fields, $status, $reason) = @$_;
        my $calls = fault_calls('ok');
        my $before = backend_requests();
        my $r = $c->get('/', ref $fields ? @$fields : $fields);
        my $made = fault_calls('ok') - $calls;
        my $passed = backend_requests() - $before;
        my $label = "$name - $what";

        $r //= { status => 'nothing', body => '', headers => {} };
        is($r->{status}, $status, "$label - status");
        is($passed, $status == 200 ? 1 : 0, "$label - upstream");
        is($made, $status == 402 ? 1 : 0, "$label - invoices");
        next if $status == 200;

        my $challenge = $r->{headers}{'www-authenticate'}[0];
        like($r->{body}, qr/"status":$status,"reason":"$reason"/,
            "$label - reason");
        $status == 402
            ? ok(parse_challenge($challenge), "$label - challenge")
            : is($challenge, "L402 error=\"$reason\"", "$label - error");
    }
}

sub authorization ($value) { "Authorization: $value" }
sub with (%with) { authorization(credential(tier => 1, %with)) }
sub url_safe ($text) { $text =~ tr{+/}{-_}r }
sub token ($bytes) { encode_base64($bytes, '') }

# A token whose base64 has "+" or "/" in it, and padding.
sub telling () {
    for (;;) {
        my $m = mint(tier => 1, append => ['x=' . 'y' x int rand 3]);
        return $m if $m->{base64} =~ m{[+/].*=$};
    }
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the forms that clients send
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $m = telling();
my ($t, $p) = $m->@{qw(base64 preimage)};
my $other = mint(key => '5f' x 32)->{base64};
my $unpadded = $t =~ s/=+$//r;
my $v1 = mint(tier => 1, format => 1);
check($name,
    ['L402', authorization("L402 $t:$p"), 200],
    ['LSAT', authorization("LSAT $t:$p"), 200],
    ['l402', authorization("l402 $t:$p"), 200],
    ['lsat', authorization("lsat $t:$p"), 200],
    ['LsAt', authorization("LsAt $t:$p"), 200],
    ['more spaces', authorization("L402   $t:$p"), 200],
    ['a tab', authorization("L402\t$t:$p"), 200],
    ['space around', authorization("  L402 $t:$p  "), 200],
    ['the scheme twice', authorization("L402 L402 $t:$p"), 200],
    ['both schemes', authorization("LSAT L402 $t:$p"), 200],
    ['URL-safe', authorization('L402 ' . url_safe($t) . ":$p"), 200],
    ['without padding', authorization("L402 $unpadded:$p"), 200],
    ['URL-safe without padding',
        authorization('L402 ' . url_safe($unpadded) . ":$p"), 200],
    ['capital hex', authorization("L402 $t:\U$p"), 200],
    ['V1', authorization($v1->{authorization}), 200],
    ['V1, URL-safe', authorization(url_safe($v1->{authorization})), 200],
    ['no location', with(location => undef), 200],
    ['an empty location', with(location => ''), 200],
    ['a good one behind a bad one', authorization("L402 $other,$t:$p"), 200],
    ['a good one before a bad one', authorization("L402 $t,$other:$p"), 200],
    ['a good one behind garbage', authorization("L402 AAAA,$t:$p"), 200],
    ['the last of eight',
        authorization('L402 ' . "$other," x 7 . "$t:$p"), 200],
    ['commas and spaces', authorization("L402 $other, $t:$p"), 200],
    ['Macaroon', 'Macaroon: ' . hex_credential(tier => 1), 200],
    ['Macaroon, capital', 'macaroon: ' . uc(hex_credential(tier => 1)), 200],
    ['Grpc-Metadata-Macaroon',
        'Grpc-Metadata-Macaroon: ' . hex_credential(tier => 1), 200],
    ['Macaroon beside Basic', ['Authorization: Basic bWU6d29yZA==',
        'Macaroon: ' . hex_credential(tier => 1)], 200],
    ['Macaroon beside a refused credential', [with(key => '5f' x 32),
        'Macaroon: ' . hex_credential(tier => 1)], 200],
    ['a good one beside a Macaroon of somebody else',
        [with(), 'Macaroon: 0201'], 200],
);


=== TEST 2: what may stand in a token
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $soon = time + 60;
my $later = time + 7200;
my $preimage = 'ab' x 32;
my @grant = ('services=weather:1', "weather_valid_until=$later");
check($name,
    ['no end', with(valid_for => undef), 200],
    ['a higher tier', with(tier => 255), 200],
    ['several services', with(caveats => ['services=a:0,weather:1,b:9']), 200],
    ['the preimage, as lnget adds it',
        with(preimage => $preimage, append => ["preimage=$preimage"]), 200],
    ['the preimage in capitals',
        with(preimage => $preimage, append => ["preimage=\U$preimage"]), 200],
    ['an unknown caveat', with(append => ['colour=green']), 200],
    ['caveats without =', with(append => ['whatever', 'services']), 200],
    ['an empty caveat', with(append => ['']), 200],
    ['a caveat of another service',
        with(append => ['tides_valid_until=1', 'weathers_valid_until=1']),
        200],
    ['an earlier end',
        with(caveats => [@grant, "weather_valid_until=$soon"]), 200],
    ['the same end twice', with(caveats => [@grant, $grant[1]]), 200],
    ['an end of the quote', with(append => ["valid_until=$soon"]), 200],
    ['fewer services', with(caveats => ['services=a:0,weather:1',
        'services=weather:1']), 200],
    ['a lower tier, still enough', with(caveats => ['services=weather:3',
        'services=weather:1']), 200],
    ['capabilities', with(append => ['weather_capabilities=a,b',
        'weather_capabilities=a']), 200],
    ['as many caveats as may be', with(append => [ ('x=y') x 126 ]), 200],
);


=== TEST 3: well-formed, but not good: a challenge, and the reason
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my ($now, $later) = (time, time + 7200);
my $end = "weather_valid_until=$later";
my @grant = ('services=weather:1', $end);
my $refused = sub (@append) {
    my $what = "@append" =~ s/\d{10}/time/gr;
    [ $what, with(caveats => [@grant, @append]), 402, 'caveat_refused' ];
};
my $m = mint(tier => 1);
check($name,
    ['another key', with(key => '5f' x 32), 402, 'bad_signature'],
    ['another preimage', with(payment_hash => '0f' x 32), 402, 'bad_preimage'],
    ['the hash for the preimage',
        authorization("L402 $m->{base64}:$m->{payment_hash}"),
        402, 'bad_preimage'],
    ['a location that we do not write', with(location => 'evil'),
        402, 'bad_signature'],
    ['another identifier version', with(version => 1), 402, 'bad_signature'],
    ['a short identifier', with(identifier => 'x' x 65), 402, 'bad_signature'],
    ['a long identifier', with(identifier => "\0" x 67), 402, 'bad_signature'],
    ['for another service', with(service => 'tides'), 402, 'wrong_service'],
    ['for a service of a longer name', with(service => 'weather2'),
        402, 'wrong_service'],
    ['for a service of a shorter name', with(service => 'weathe'),
        402, 'wrong_service'],
    ['for the service in capitals', with(service => 'WEATHER'),
        402, 'wrong_service'],
    ['no caveat', with(caveats => []), 402, 'wrong_service'],
    ['no services', with(caveats => [$end]), 402, 'wrong_service'],
    ['an empty list', with(caveats => ['services=']), 402, 'wrong_service'],
    ['service left out later', with(caveats => ['services=weather:1,a:0',
        'services=a:0']), 402, 'wrong_service'],
    ['too low a tier', with(tier => 0), 402, 'insufficient'],
    ['lowered to too low a tier', with(append => ['services=weather:0']),
        402, 'insufficient'],
    ['named twice: the lower tier counts',
        with(caveats => ['services=weather:1,weather:0']),
        402, 'insufficient'],
    ['ends now', with(valid_for => 0), 402, 'expired'],
    ['ended', with(valid_for => -1), 402, 'expired'],
    ['ended in 1970', with(caveats => ['services=weather:1',
        'weather_valid_until=0']), 402, 'expired'],
    ['ended by a caveat of its holder', with(append => [
        'weather_valid_until=' . ($now - 1)]), 402, 'expired'],
    ['ended by valid_until', with(append => ["valid_until=$now"]),
        402, 'expired'],
    # Widened.
    $refused->('services=weather:2'),
    $refused->('services=weather:1,tides:0'),
    $refused->('services=tides:1'),
    $refused->('services=weather:0', 'services=weather:1'),
    $refused->('weather_valid_until=' . ($later + 1)),
    $refused->("weather_valid_until=$now", $end),
    $refused->("valid_until=$later", 'valid_until=' . ($later + 1)),
    $refused->('weather_capabilities=a', 'weather_capabilities=a,b'),
    $refused->('weather_capabilities=', 'weather_capabilities=a'),
);
check("$name - no value of that condition", map { $refused->($_) }
    'services=weather', 'services=weather:', 'services=weather:x',
    'services=weather:256', 'services=weather:1,', 'services=,weather:1',
    'services=weather:1 ', 'services=wea/ther:1', 'weather_valid_until=',
    'weather_valid_until=x', 'weather_valid_until=-1',
    'weather_valid_until= 1', 'weather_valid_until=1.5',
    'weather_valid_until=99999999999999999999', 'valid_until=soon',
    'preimage=', 'preimage=xyz', 'preimage=' . '0f' x 32,
    'weather_balance=', 'weather_balance=1sat', 'weather_uses=-1',
    # There is no memory here to count in.
    'weather_uses=5');


=== TEST 4: third-party caveats
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
# With the verifier id left out of the signature, and with it in it: whoever
# holds a token can make the former.
my $m = mint(tier => 1, append => ['key at https://third.example']);
my $v2 = $m->{macaroon} =~ s{(third\.example)\0}{$1\x04\x04vid!\0}r;
my $v1 = mint(tier => 1, format => 1, preimage => $m->{preimage},
              append => ['key']);
my $v1b = $v1->{macaroon} =~ s/(cid key\n)/${1}000dvid vid!\n/r;
ok($v2 ne $m->{macaroon}, "$name - V2 has one");
ok($v1b ne $v1->{macaroon}, "$name - V1 has one");
check($name,
    ['V2', authorization('L402 ' . token($v2) . ":$m->{preimage}"),
        402, 'caveat_refused'],
    ['V1', authorization('L402 ' . token($v1b) . ":$m->{preimage}"),
        402, 'caveat_refused'],
);


=== TEST 5: malformed: nothing can be read out of it
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $m = telling();
my ($t, $p) = $m->@{qw(base64 preimage)};
my $bytes = $m->{macaroon};
my $v1 = mint(tier => 1, format => 1)->{macaroon};
my $bad = sub ($what, $value) {
    [ $what, authorization($value), 401, 'malformed' ];
};
my $of = sub ($what, $macaroon) {
    $bad->($what, 'L402 ' . token($macaroon) . ":$p");
};
check($name,
    $bad->('the scheme alone', 'L402'),
    $bad->('LSAT alone', 'LSAT'),
    $bad->('a colon alone', 'L402 :'),
    $bad->('no macaroon', "L402 :$p"),
    $bad->('no preimage', "L402 $t"),
    $bad->('an empty preimage', "L402 $t:"),
    $bad->('a short preimage', "L402 $t:" . substr $p, 1),
    $bad->('a long preimage', "L402 $t:${p}0"),
    $bad->('a preimage that is not hex', "L402 $t:" . 'g' . substr $p, 1),
    $bad->('a preimage in base64', "L402 $t:" . token(pack 'H*', $p)),
    $bad->('a space behind the colon', "L402 $t: $p"),
    $bad->('two preimages', "L402 $t:$p:$p"),
    $bad->('the scheme three times', "L402 L402 L402 $t:$p"),
    $bad->('an empty macaroon in a list', "L402 $t,:$p"),
    $bad->('an empty one first', "L402 ,$t:$p"),
    $bad->('nine macaroons', 'L402 ' . "$t," x 8 . "$t:$p"),
    $bad->('no base64', "L402 $t!:$p"),
    $bad->('a space in it', 'L402 ' . substr($t, 0, 8) . ' '
        . substr($t, 8) . ":$p"),
    $bad->('padding within', 'L402 ' . substr($t, 0, 8) . '=='
        . substr($t, 8) . ":$p"),
    $bad->('too much padding', "L402 $t=:$p"),
    $bad->('both alphabets and a stray byte', "L402 $t\xc3\xa4:$p"),
    $bad->('quoted', "L402 \"$t\":$p"),
    $bad->('parameters', "L402 macaroon=\"$t\", preimage=\"$p\""),
    $bad->('hex', 'L402 ' . unpack('H*', $bytes) . ":$p"),
    $of->('a byte more', "$bytes\0"),
    $of->('twice', $bytes x 2),
    $of->('a byte less', substr $bytes, 0, -1),
    $of->('V1, a byte more', "$v1\0"),
    $of->('V1, a line more', "${v1}000bcid x\n"),
    $of->('one byte', "\x02"),
    $of->('another version', "\x03" . substr $bytes, 1),
    $of->('a signature of 31 bytes', mint(signature => 'x' x 31)->{macaroon}),
    $of->('a signature of 33 bytes', mint(signature => 'x' x 33)->{macaroon}),
    $of->('too many caveats',
        mint(append => [ ('x=y') x 127 ])->{macaroon}),
    $of->('too large', mint(append => [ 'x=' . 'y' x 8200 ])->{macaroon}),
    $bad->('much too large', 'L402 ' . 'A' x 40000 . ":$p"),
    ['Macaroon that is not hex', 'Macaroon: xyz', 401, 'malformed'],
    ['Macaroon in base64', "Macaroon: $t", 401, 'malformed'],
    ['Macaroon, an odd digit', 'Macaroon: ' . hex_credential() . '0',
        401, 'malformed'],
    ['Macaroon without a preimage', 'Macaroon: ' . unpack('H*', $bytes),
        401, 'malformed'],
);


=== TEST 6: credentials of others are none
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $m = mint(tier => 1);
my $foreign = mint(identifier => 'my-session', append => ['user=1']);
check($name, map { [ $_->[0], $_->[1], 402, 'absent' ] }
    ['nothing', []],
    ['an empty field', 'Authorization:'],
    ['Basic', 'Authorization: Basic bWU6d29yZA=='],
    ['Bearer', "Authorization: Bearer $m->{base64}:$m->{preimage}"],
    ['Digest', 'Authorization: Digest username="x"'],
    ['Payment', 'Authorization: Payment abc'],
    ['no scheme', "Authorization: $m->{base64}:$m->{preimage}"],
    ['a longer scheme', "Authorization: L4022 $m->{base64}:$m->{preimage}"],
    ['a shorter scheme', "Authorization: L40 $m->{base64}:$m->{preimage}"],
    ['no space', "Authorization: L402$m->{base64}:$m->{preimage}"],
    ['another field', "Authorisation: $m->{authorization}"],
    ['Proxy-Authorization', "Proxy-Authorization: $m->{authorization}"],
    ['a cookie', "Cookie: l402=$m->{base64}:$m->{preimage}"],
    ['an application\'s own macaroon',
        'Macaroon: ' . unpack 'H*', $foreign->{macaroon}],
    ['an empty Macaroon', 'Macaroon:'],
);


=== TEST 7: l402_invalid_status 401: for a bad signature or preimage alone
--- http_config eval: fault('ok')
--- config eval
$main::config =~ s/l402_price/l402_invalid_status 401; l402_price/r
--- script
check($name,
    ['another key', with(key => '5f' x 32), 401, 'bad_signature'],
    ['another preimage', with(payment_hash => '0f' x 32), 401, 'bad_preimage'],
    ['in the Macaroon field',
        'Macaroon: ' . hex_credential(tier => 1, key => '5f' x 32),
        401, 'bad_signature'],
    ['nothing', [], 402, 'absent'],
    ['ended', with(valid_for => -1), 402, 'expired'],
    ['for another service', with(service => 'tides'), 402, 'wrong_service'],
    ['too low a tier', with(tier => 0), 402, 'insufficient'],
    ['a caveat', with(append => ['preimage=x']), 402, 'caveat_refused'],
    ['malformed', authorization('L402 x'), 401, 'malformed'],
    ['good', with(), 200],
);


=== TEST 8: of several macaroons, the one that came furthest tells the reason
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $p = 'cd' x 32;
my $of = sub (@macaroons) {
    authorization('L402 ' . join(',', map {
        ref $_ ? mint(tier => 1, preimage => $p, %$_)->{base64} : $_
    } @macaroons) . ":$p");
};
my ($old, $forged, $other) = ({ valid_for => -1 }, { key => '5f' x 32 },
    { payment_hash => '0f' x 32 });
check($name,
    ['expired behind forged', $of->($forged, $old), 402, 'expired'],
    ['expired before forged', $of->($old, $forged), 402, 'expired'],
    ['another preimage behind forged', $of->($forged, $other),
        402, 'bad_preimage'],
    ['forged behind garbage', $of->('AAAA', $forged), 402, 'bad_signature'],
    ['garbage alone', $of->('AAAA', 'AAAA'), 401, 'malformed'],
);
