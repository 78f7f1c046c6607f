# The documented limits of a credential, each from both sides. Lists of a
# caveat are in caveats.t, keys in keys.t.

use v5.36;
use lib 't/lib';
use MIME::Base64 qw(encode_base64);
use Test::Nginx::Socket 'no_plan';
use L402;

our $sold = <<'END';
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    add_header X-Colour "[$l402_caveat_colour]" always;
    location / { proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }
    location /high {
        l402 weather:1;
        l402_upgrade_price 5sat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
END
our $config = "    large_client_header_buffers 4 64k;\n$sold";

# Of exactly so many caveats, or so many bytes.
sub of_caveats ($n, %with) {
    my $more = $n - 2;
    return mint(%with, append => [ map { "x=$_" } 1 .. $more ]);
}

sub of_bytes ($n, %with) {
    my $more = $n - 400;
    for (1 .. 3) {
        my $m = mint(%with, append => [ 'x=' . 'y' x $more,
                                        ($with{append} // [])->@* ]);
        my $missing = $n - length $m->{macaroon};
        return $m unless $missing;
        $more += $missing;
    }
    die "no macaroon of $n bytes\n";
}

# The forms that a macaroon may come in. Those in hex need a preimage inside.
sub forms ($m, $hex) {
    my $url_safe = $m->{authorization}
        =~ s/ \K(.*):/$1 =~ tr{+\/}{-_}r . ':'/er;
    return (['Authorization', "Authorization: $m->{authorization}"],
            ['URL-safe', "Authorization: $url_safe"],
            ['without padding', "Authorization: " . $url_safe =~ s/=+:/:/r],
            map { [$_, "$_: " . unpack 'H*', $hex->{macaroon}] }
                qw(Macaroon Grpc-Metadata-Macaroon));
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: 128 caveats, and one more
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $preimage = 'ab' x 32;
for my $format (2, 1) {
    for ([2, 'ok'], [64, 'ok'], [127, 'ok'], [128, 'ok'], [129, 'malformed'],
         [500, 'malformed'])
    {
        my ($n, $word) = @$_;
        my %with = (format => $format, preimage => $preimage);
        my $m = main::of_caveats($n, %with);
        my $hex = mint(%with, caveats => ['services=weather:0',
            map({ 'x=1' } 3 .. $n), "preimage=$preimage"]);
        verdicts("$name - V$format - $n", $c, '/',
            map { [@$_, $word] } main::forms($m, $hex));
    }
}


=== TEST 2: they are read to the last
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my @skipped = ('x=1') x 125;
for (['services=weather:0', 'ok'], ['services=', 'wrong_service'],
     ['valid_until=1', 'expired'], ['client_address=10.0.0.1',
         'caveat_refused'], ['weather_valid_until=9999999999',
         'caveat_refused'])
{
    my ($last, $word) = @$_;
    my $m = mint(append => [@skipped, $last]);
    is(verdict($c->get('/', "Authorization: $m->{authorization}")), $word,
        "$name - $last");
}


=== TEST 3: 8192 bytes, and one more
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $preimage = 'ab' x 32;
for my $format (2, 1) {
    for ([8191, 'ok'], [8192, 'ok'], [8193, 'malformed'], [8194, 'malformed'],
         [12000, 'malformed'], [20000, 'malformed'])
    {
        my ($n, $word) = @$_;
        my %with = (format => $format, preimage => $preimage);
        my $m = main::of_bytes($n, %with);
        my $hex = main::of_bytes($n, %with, append => ["preimage=$preimage"]);
        is(length $m->{macaroon}, $n, "$name - V$format - $n bytes");
        verdicts("$name - V$format - $n", $c, '/',
            map { [@$_, $word] } main::forms($m, $hex));
    }
}


=== TEST 4: eight macaroons, the good one anywhere, and one more
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $bad = mint(key => '5f' x 32)->{base64};
for my $between (',', ', ', ' ,', ",\t", ' , ') {
    for my $n (1, 2, 7, 8, 9) {
        my $word = $n > 8 ? 'malformed' : 'ok';
        for my $at (0, int($n / 2), $n - 1) {
            my @macaroons = ($bad) x ($n - 1);
            splice @macaroons, $at, 0, {};
            is(verdict($c->get('/', 'Authorization: '
                . several_credential($between, @macaroons))), $word,
                "$name - '$between' - $at of $n");
        }
    }
}
my $eight = several_credential(',', ($bad) x 7, {});
my ($all) = $eight =~ /^L402 (.*)$/;
is(verdict($c->get('/', "Authorization: L402 $_")), 'malformed',
    "$name - " . substr $_, 0, 1) for ",$all", $all =~ s/:/,:/r;


=== TEST 5: 16384 characters behind the scheme, and one more
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
# The good one, and behind it what fills the rest.
my $of = sub ($n, %with) {
    my $m = mint(%with, append => ['colour=green']);
    my $fill = 'A' x ($n - 66 - length $m->{base64});
    return "$m->{base64},$fill:$m->{preimage}";
};
for ([16383, 'ok'], [16384, 'ok'], [16385, 'malformed'], [30000, 'malformed'])
{
    my ($n, $word) = @$_;
    my $text = $of->($n);
    is(length $text, $n, "$name - $n characters");
    for my $scheme ('L402 ', 'LSAT ', 'L402 L402 ', 'L402    ') {
        my $r = $c->get('/', "Authorization: $scheme$text");
        is(verdict($r), $word, "$name - $n - $scheme");
        next if $word ne 'ok';
        # What reads the token again finds it, too.
        is($r->{headers}{'x-colour'}[0], '[green]', "$name - $n - variable");
        is(offer($c->get('/high', "Authorization: $scheme$text"))
            ->{price_msat}, 5000, "$name - $n - can be raised");
    }
}


=== TEST 6: the other field, where one is beyond a limit
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $large = unpack 'H*', main::of_bytes(9000)->{macaroon};
my $good = 'Authorization: ' . credential();
my $bad = 'Authorization: L402 ' . 'A' x 20000 . ':' . 'ab' x 32;
verdicts($name, $c, '/',
    ['a good one beside a large Macaroon', [$good, "Macaroon: $large"], 'ok'],
    ['a large one beside a good Macaroon',
        [$bad, 'Macaroon: ' . hex_credential()], 'ok'],
    ['both large', [$bad, "Macaroon: $large"], 'malformed'],
    ['a Macaroon of 60000 digits', ['Macaroon: ' . 'ab' x 30000],
        'malformed']);


=== TEST 7: what is malformed costs no invoice, and the connection goes on
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $calls = fault_calls('ok');
for (1 .. 5) {
    is(verdict($c->get('/', 'Authorization: '
        . main::of_caveats(129)->{authorization})), 'malformed', $name);
    is(verdict($c->get('/', 'Authorization: ' . credential())), 'ok',
        "$name - goes on");
}
is(fault_calls('ok') - $calls, 0, "$name - no invoice");
--- backend: 5


=== TEST 8: nginx's own limit comes first: 8k for a line, unless it is told
--- http_config eval: fault('ok')
--- config eval: $main::sold
--- script
# A line ends in two bytes, and begins with the field's name and the scheme.
my $calls = fault_calls('ok');
my $of = sub ($line) {
    my $m = mint();
    my $rest = $line - length("Authorization: $m->{authorization}") - 2;
    return "Authorization: L402 $m->{base64}," . 'A' x ($rest - 1)
        . ":$m->{preimage}";
};
for my $n (4000, 8000, 8192) {
    is(verdict(connection()->get('/', $of->($n))), 'ok', "$name - $n");
}
for my $n (8193, 8200, 16000, 40000) {
    my $r = connection()->get('/', $of->($n));
    is($r->{status}, 400, "$name - $n");
    is($r->{headers}{'www-authenticate'}, undef, "$name - $n - not ours");
}
is(fault_calls('ok') - $calls, 0, "$name - no invoice");
# About 6 kB of macaroon fit.
my $m = main::of_bytes(6000);
is(verdict(connection()->get('/', "Authorization: $m->{authorization}")), 'ok',
    "$name - 6000 bytes");
--- backend: 4


=== TEST 9: and with twice that the largest macaroon gets in
--- http_config eval: fault('ok')
--- config eval
"    large_client_header_buffers 4 16k;\n$main::sold"
--- script
my $m = main::of_bytes(8192);
is(verdict(connection()->get('/', "Authorization: $m->{authorization}")), 'ok',
    $name);
--- backend: 1
