# A higher tier opens the lower ones. A good token of a lower tier is raised
# for l402_upgrade_price: it keeps its id, its end, and what its holder has
# taken away.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';
our ($new_key, $old_key) = ('5e' x 32, '5f' x 32);
our $keys = write_secret('rotated', "$new_key new\n$old_key old\n");

# What the lower tier is minted with.
our $part = <<"END";
    location /part {
        l402 weather;
        l402_capabilities read;
        l402_constraint size 0 grant=3;
        l402_bind address method;
        $upstream
    }
END

our $config = <<"END";
    l402_price 100sat;
    l402_invoice_from fault_ok;
    l402_upgrade_price 90sat;
    add_header X-Price \$l402_price_msat always;
    location /low { l402 weather; $upstream }
    location /high { l402 weather:2; $upstream }
    location /long { l402 weather:2; l402_valid_for 30d; $upstream }
    location /short { l402 weather:2; l402_valid_for 60s; $upstream }
    location /ever { l402 weather:2; l402_valid_for off; $upstream }
    location /keys { l402 weather:2; l402_key_file $keys; $upstream }
    location /need {
        l402 weather:2;
        l402_capability write;
        $upstream
    }
    location /sells {
        l402 weather:2;
        l402_capabilities read,write;
        l402_capability write;
        l402_constraint size \$http_x_size grant=9;
        l402_bind address method;
        $upstream
    }
END

# "word price kept|fresh" of the answer to a token.
sub offered ($r, $old) {
    my $offer = offer($r);
    my $word = verdict($r);
    return $word unless $offer->{field};
    my $new = read_token($offer->{field}{macaroon});
    return "$word $offer->{price_msat} "
        . ($new->{token_id} eq $old->{token_id} ? 'kept' : 'fresh');
}

# When the offered token ends; undef: never.
sub end ($r) {
    my $m = read_token(offer($r)->{field}{macaroon});
    return ("$m->{caveats}->@*" =~ /valid_until=(\d+)/)[0];
}

sub field ($m) { "Authorization: $m->{authorization}" }

our ($raised, $whole) = ('90000 kept', '100000 fresh');

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a higher tier opens the lower ones, a lower one is raised
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
is(verdict($c->get($_, main::field(mint(tier => 2)))), 'ok', "$name - $_")
    for qw(/low /high);
for my $tier (0, 1) {
    my $old = mint(tier => $tier);
    is(verdict($c->get('/low', main::field($old))), 'ok',
        "$name - $tier - low");
    my $r = $c->get('/high', main::field($old));
    is(main::offered($r, $old), "insufficient $main::raised",
        "$name - $tier - raised");
    is($r->{headers}{'x-price'}[0], 90000, "$name - $tier - in the variable");
    like(offer($r)->{invoice}, qr/^lnbcrt900n1/, "$name - $tier - invoice");
    is(minted($r), 'services=weather:2 | weather_valid_until=T',
        "$name - $tier - minted");
    is(main::end($r), "$old->{caveats}->@*" =~ s/\D+\d\D+//r,
        "$name - $tier - ends as before");
    my $m = read_token(offer($r)->{field}{macaroon});
    ok(is_signed($m, test_key()), "$name - $tier - signed");
    isnt($m->{payment_hash}, $old->{payment_hash},
        "$name - $tier - to be paid");
    is(verdict($c->get($_, made_good($r))), 'ok', "$name - $tier - opens $_")
        for qw(/low /high /long);
}
# Whoever has none pays the whole.
is(main::offered($c->get('/high'), mint()), "absent $main::whole",
    "$name - nothing");


=== TEST 2: bought, raised and used, with money
--- config eval
$main::config =~ s/l402_invoice_from \w+/l402_invoice_from node/r
--- script
my $c = connection();
my $value = sub ($r) { $r->{headers}{'www-authenticate'}[0] };
my $low = buy($value->($c->get('/low')));
my $old = read_token($low->{macaroon});
my $r = $c->get('/high', "Authorization: $low->{authorization}");
is(main::offered($r, $old), "insufficient $main::raised", "$name - offered");
my $high = buy($value->($r));
for my $path (qw(/low /high)) {
    is(verdict($c->get($path, "Authorization: $high->{authorization}")), 'ok',
        "$name - $path");
}
is(verdict($c->get('/low', "Authorization: $low->{authorization}")), 'ok',
    "$name - the old one stays what it is");
is(verdict($c->get('/high', "Authorization: L402 $high->{macaroon}:"
    . $low->{preimage})), 'bad_preimage', "$name - unpaid it opens nothing");
--- invoices: 3


=== TEST 3: it ends no later than what earned it
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $now = time;
my $soon = $now + 1000;
my %old = (
    'minted' => { valid_for => 1000 },
    'narrowed' => { valid_for => 5000,
                    append => ["weather_valid_until=$soon"] },
    'a quote\'s' => { valid_for => 5000, append => ["valid_until=$soon"] },
    'both' => { append => ["valid_until=$soon",
                           'weather_valid_until=' . ($soon + 9)] },
    'for ever, narrowed' => { valid_for => undef,
                              append => ["valid_until=$soon"] },
);
for my $what (sort keys %old) {
    my $field = main::field(mint($old{$what}->%*));
    for my $path (qw(/high /long /ever)) {
        my $r = $c->get($path, $field);
        ok(abs(main::end($r) - $soon) < 2, "$name - $what - $path");
        is(offer($r)->{token_expires_at}, main::end($r),
            "$name - $what - $path - in the body");
        unlike(minted($r), qr/\| valid_until/, "$name - $what - $path - once");
    }
    my $end = main::end($c->get('/short', $field));
    # time() may lag some milliseconds behind what nginx asks.
    ok($end >= $now + 60 && $end <= time + 61, "$name - $what - /short");
}
# From one without an end: as any that is sold here.
my $ever = main::field(mint(valid_for => undef));
my $end = main::end($c->get('/high', $ever));
ok($end >= $now + 3600 && $end <= time + 3601, "$name - for ever - an hour");
is(main::end($c->get('/ever', $ever)), undef, "$name - for ever - for ever");


=== TEST 4: nor can its invoice be paid later
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
for ([100, 100], [599, 599], [601, 600], [5000, 600]) {
    my ($life, $expiry) = @$_;
    $c->get('/ever', main::field(mint(valid_for => $life)));
    my $got = fault_last('ok')->{expiry};
    ok($got <= $expiry && $got >= $expiry - 3, "$name - $life - $got");
}


=== TEST 5: signed with the key that its id names
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
for my $key ($main::new_key, $main::old_key) {
    for my $names ($key, undef) {
        my $what = substr($key, 0, 2) . ($names ? '' : ', not named');
        my $old = mint(key => $key, names => $names);
        my $r = $c->get('/keys', main::field($old));
        is(main::offered($r, $old), "insufficient $main::raised",
            "$name - $what");
        ok(is_signed(read_token(offer($r)->{field}{macaroon}), $key),
            "$name - $what - signed");
        is(verdict($c->get('/keys', made_good($r, $key))), 'ok',
            "$name - $what - opens");
    }
}
# The key of other places is none here.
my $old = mint();
is(main::offered($c->get('/keys', main::field($old)), $old),
    "bad_signature $main::whole", "$name - another key");


=== TEST 6: what is no good is worth nothing: the price, and a token of its own
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
for (['another key', 'bad_signature', key => '5f' x 32],
     ['changed', 'bad_signature', signature => 'x' x 32],
     ['another preimage', 'bad_preimage', payment_hash => '0f' x 32],
     ['expired', 'expired', valid_for => -1],
     ['ended by its holder', 'expired', append => ['valid_until=1']],
     ['another service', 'wrong_service', service => 'tides'],
     ['another client', 'caveat_refused',
         append => ['client_address=10.0.0.1']],
     ['widened', 'caveat_refused', append => ['services=weather:2']],
     ['garbled', 'caveat_refused', append => ['valid_until=x']])
{
    my ($what, $word, %with) = @$_;
    my $old = mint(%with);
    my $r = $c->get('/high', main::field($old));
    is(main::offered($r, $old), "$word $main::whole", "$name - $what");
    is($r->{headers}{'x-price'}[0], 100000, "$name - $what - variable");
}


=== TEST 7: what its holder has taken away stays away
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
for my $append (['weather_capabilities=read,write'],
    ['weather_capabilities=write,x', 'weather_capabilities=write'],
    ['client_address=127.0.0.0/8'], ['request_path=/high*,/low'],
    ['request_method=GET', 'request_host=localhost'], ['colour=green'],
    ['colour=green', 'no equals sign', '', 'colour=red'],
    ['tides_valid_until=1', 'tides_uses=x', 'size=5'],
    [map { "n$_=" . 'x' x 40 } 1 .. 60])
{
    my $old = mint(append => $append);
    my $r = $c->get('/high', main::field($old));
    my $what = substr "@$append", 0, 40;
    is(main::offered($r, $old), "insufficient $main::raised", "$name - $what");
    is(minted($r), join(' | ', 'services=weather:2', 'weather_valid_until=T',
        @$append), "$name - $what - carried over");
    is(verdict($c->get('/high', made_good($r))), 'ok', "$name - $what - opens");
}
# Its ends are one now, and its preimage is another.
my $preimage = 'ab' x 32;
my $soon = time + 99;
my $old = mint(preimage => $preimage, append => ['x=1', "preimage=$preimage",
    "valid_until=$soon", 'x=2', "weather_valid_until=$soon"]);
my $r = $c->get('/high', main::field($old));
is(minted($r), 'services=weather:2 | weather_valid_until=T | x=1 | x=2',
    "$name - those that are minted anew");
is(main::end($r), $soon, "$name - the earliest end");


=== TEST 8: nothing is sold that would not open
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
for (['tier 0, by its holder', '/high', 'services=weather:0'],
     ['tier 1, by its holder', '/high', tier => 5, 'services=weather:1'],
     ['without what is needed', '/need', 'weather_capabilities=read'],
     ['without any', '/need', 'weather_capabilities='])
{
    my ($what, $path, @with) = @$_;
    my $old = mint(append => [pop @with], @with);
    my $r = $c->get($path, main::field($old));
    is(main::offered($r, $old), "insufficient $main::whole", "$name - $what");
    is(verdict($c->get($path, made_good($r))), 'ok', "$name - $what - opens");
}
my $old = mint(append => ['weather_capabilities=write']);
my $r = $c->get('/need', main::field($old));
is(main::offered($r, $old), "insufficient $main::raised", "$name - with it");
is(verdict($c->get('/need', made_good($r))), 'ok', "$name - with it - opens");


=== TEST 9: what the location mints takes the place of what was minted
--- http_config eval: fault('ok')
--- config eval: $main::config . $main::part
--- script
my $c = connection();
my @grant = ('services=weather:0', 'weather_valid_until=9999999999',
    'weather_capabilities=read', 'size=3', 'client_address=127.0.0.1',
    'request_method=GET');
my $anew = 'services=weather:2 | weather_valid_until=T | '
    . 'weather_capabilities=read,write | size=9 | client_address=127.0.0.1 | '
    . 'request_method=GET';
my $old = mint(caveats => [@grant]);
my $r = $c->get('/sells', main::field($old), 'X-Size: 9');
is(main::offered($r, $old), "insufficient $main::raised", "$name - offered");
is(minted($r), $anew, "$name - minted");
is(verdict($c->get('/sells', made_good($r), 'X-Size: 9')), 'ok',
    "$name - opens");

# What was appended to it is not replaced.
my @append = ('size=2', 'request_method=GET', 'colour=green');
$old = mint(caveats => [@grant], append => \@append);
$r = $c->get('/sells', main::field($old), 'X-Size: 2');
is(main::offered($r, $old), "insufficient $main::raised", "$name - narrowed");
is(minted($r), join(' | ', $anew, @append), "$name - narrowed - minted");
is(verdict($c->get('/sells', made_good($r), 'X-Size: 3')), 'caveat_refused',
    "$name - narrowed - it holds");
$old = mint(caveats => [@grant], append => ['weather_capabilities=read']);
is(main::offered($c->get('/sells', main::field($old), 'X-Size: 2'), $old),
    "insufficient $main::whole", "$name - narrowed to what does not open");


=== TEST 10: where no lower tier is minted with it, the first is the holder's
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my @append = ('weather_capabilities=read,write', 'size=3',
    'client_address=127.0.0.1', 'request_method=GET');
my $old = mint(append => \@append);
my $r = $c->get('/sells', main::field($old), 'X-Size: 3');
is(main::offered($r, $old), "insufficient $main::raised", "$name - offered");
is(minted($r), join(' | ', 'services=weather:2', 'weather_valid_until=T',
    'weather_capabilities=read,write', 'size=9', 'client_address=127.0.0.1',
    'request_method=GET', @append), "$name - minted");


=== TEST 11: in every form, and of several the one that can be raised
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $id = 'ab' x 32;
my %old = (token_id => $id);
my ($forged, $expired) = ({ key => '5f' x 32 }, { valid_for => -1, tier => 2 });
my $lacks = { tier => 2, append => ['weather_capabilities=read'] };
my $basic = 'Authorization: Basic bWU6d29yZA==';
my $several = sub (@m) { 'Authorization: ' . several_credential(',', @m) };
for (['V1', '/high', 'Authorization: ' . credential(%old, format => 1)],
     ['LSAT', '/high', 'Authorization: ' . credential(%old, scheme => 'LSAT')],
     ['hex', '/high', 'Macaroon: ' . hex_credential(%old)],
     ['hex, V1', '/high', 'Macaroon: ' . hex_credential(%old, format => 1)],
     ['hex beside Basic', '/high', $basic, 'Macaroon: ' . hex_credential(%old)],
     ['gRPC', '/high', 'Grpc-Metadata-Macaroon: ' . hex_credential(%old)],
     ['behind a forged one', '/high', $several->($forged, \%old)],
     ['before an expired one', '/high', $several->(\%old, $expired)],
     ['behind an expired one', '/high', $several->($expired, 'AAAA', \%old)],
     ['behind one that lacks something', '/need', $several->($lacks, \%old)])
{
    my ($what, $path, @fields) = @$_;
    my $r = $c->get($path, @fields);
    is(main::offered($r, \%old), "insufficient $main::raised", "$name - $what");
    is(minted($r), 'services=weather:2 | weather_valid_until=T',
        "$name - $what - minted");
}
is(verdict($c->get('/high', $several->(\%old, { tier => 2 }))), 'ok',
    "$name - beside one that needs no raising");


=== TEST 12: as many caveats as there may be
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my @most = map { 'x=' . $_ % 10 } 1 .. 126;
my $old = mint(append => \@most);
my $r = $c->get('/high', main::field($old));
is(main::offered($r, $old), "insufficient $main::raised", "$name - 128");
is(verdict($c->get('/high', made_good($r))), 'ok', "$name - 128 - opens");
# With what this location mints there would be more than that.
is(main::offered($c->get('/sells', main::field($old), 'X-Size: 1'), $old),
    "insufficient $main::whole", "$name - too many");
