# l402_constraint: a number that the token has, and one that the request
# measures.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

our $config = <<"END";
    l402 weather:1;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    location /up {
        l402_constraint up_max \$content_length grant=1000;
        $upstream
    }
    location /size { l402_constraint size \$http_x_size; $upstream }
    location /seats { l402_constraint seats 3; $upstream }
    location /several {
        l402_constraint size \$http_x_size grant=9;
        l402_constraint seats 3 grant=5;
        l402_constraint other \$http_x_other;
        $upstream
    }
END

sub with (@append) {
    return 'Authorization: ' . credential(tier => 1, append => \@append);
}

# Sends a body of that many bytes, with its length or in chunks.
sub upload ($c, $path, $n, @fields) {
    return verdict($c->request('POST', $path, \@fields, 'x' x $n));
}

sub chunked ($c, $path, $n, @fields) {
    my $size = sprintf '%x', $n;
    $c->send(join("\r\n", "POST $path HTTP/1.1", 'Host: localhost',
                  'Transfer-Encoding: chunked', @fields, '', '')
        . ($n ? "$size\r\n" . 'x' x $n . "\r\n" : '') . "0\r\n\r\n");
    return verdict($c->read);
}

sub log_lines { return scalar(() = error_log() =~ /is no whole number/g) }

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: $content_length: with a body, without, in chunks
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my ($all, $none) = map { main::with("up_max=$_") } 1000, 0;
for (['up to it', 1000, $all, 'ok'],
     ['beyond it', 1001, $all, 'caveat_refused'],
     ['much beyond it', 300_000, $all, 'caveat_refused'],
     ['nothing', 0, $all, 'ok'], ['nothing of nothing', 0, $none, 'ok'],
     ['one byte of nothing', 1, $none, 'caveat_refused'],
     ['no such caveat', 300_000, main::with(), 'ok'],
     ['narrowed, up to it', 9, main::with('up_max=1000', 'up_max=9'), 'ok'],
     ['narrowed, beyond it', 10, main::with('up_max=1000', 'up_max=9'),
         'caveat_refused'],
     ['widened', 5, main::with('up_max=10', 'up_max=11'), 'caveat_refused'])
{
    my ($what, $n, $field, $word) = @$_;
    is(main::upload($c, '/up', $n, $field), $word, "$name - $what");
}
is(verdict($c->get('/up', $_)), 'ok', "$name - no body") for $all, $none;
# Nobody can say how much it will be.
is(main::chunked($c, '/up', 1, $all), 'caveat_refused', "$name - chunks");
is(main::chunked($c, '/up', 0, $all), 'caveat_refused',
    "$name - chunks of nothing");
is(main::chunked($c, '/up', 2000, main::with()), 'ok',
    "$name - chunks without a limit");
is(main::log_lines(), 0, "$name - nothing to log");


=== TEST 2: over HTTP/2
--- http_config eval
fault('ok') . <<"END";
    server {
        listen 127.0.0.1:\$TEST_NGINX_STREAM_PORT http2;
        location / {
            l402 weather;
            l402_price 10sat;
            l402_invoice_from fault_ok;
            l402_constraint up_max \$content_length;
            $main::upstream
        }
    }
END
--- config
--- script
my $body = write_secret('body', 'x' x 1000);
my $status = sub (@options) {
    open my $out, '-|', 'timeout', 15, 'nghttp', '--verbose', '--no-dep',
        @options, "http://127.0.0.1:$ENV{TEST_NGINX_STREAM_PORT}/" or die;
    my ($status) = do { local $/; <$out> } =~ /:status.*?(\d{3})/;
    return $status;
};
my ($enough, $less) = map {
    ('-H' . lcfirst(main::with("up_max=$_")))
} 1000, 999;
is($status->($enough), 200, "$name - no body");
is($status->($enough, '--data', $body), 200, "$name - up to it");
is($status->($less, '--data', $body), 402, "$name - beyond it");
is($status->($enough, '--data', $body, '--no-content-length'), 402,
    "$name - of unknown length");
is($status->('-H' . lcfirst(main::with()), '--data', $body,
    '--no-content-length'), 200, "$name - without a limit");
--- backend: 3


=== TEST 3: a refused upload is read away, and the connection goes on
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $field = main::with('up_max=5');
for (1 .. 3) {
    is(main::upload($c, '/up', 300_000, $field), 'caveat_refused', $name);
    is(main::upload($c, '/up', 5, $field), 'ok', "$name - goes on");
}
--- backend: 3
--- no_error_log
buffered to a temporary file


=== TEST 4: what is sold grants so much
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $r = $c->request('POST', '/up', [], 'x' x 1001);
is(minted($r), 'services=weather:1 | weather_valid_until=T | up_max=1000',
    "$name - minted, whatever was asked for");
my $field = made_good($r);
is(main::upload($c, '/up', 1000, $field), 'ok', "$name - up to it");
is(main::upload($c, '/up', 1001, $field), 'caveat_refused', "$name - beyond");
is(minted($c->get('/size')), 'services=weather:1 | weather_valid_until=T',
    "$name - without grant= nothing is");
# It opens the other places as before: there the number has no meaning.
is(verdict($c->get('/seats', $field)), 'ok', "$name - elsewhere");


=== TEST 5: a number of the configuration
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
verdicts($name, connection(), '/seats',
    ['none', main::with(), 'ok'],
    ['as many', main::with('seats=3'), 'ok'],
    ['more', main::with('seats=999999999999999999'), 'ok'],
    ['less', main::with('seats=2'), 'caveat_refused'],
    ['narrowed to as many', main::with('seats=7', 'seats=3'), 'ok'],
    ['narrowed to less', main::with('seats=7', 'seats=0'), 'caveat_refused'],
    ['another spelling', main::with('Seats=0', 'seat=0'), 'ok']);


=== TEST 6: several: each that the token has
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my @sent = ('X-Size: 4', 'X-Other: no number');
verdicts($name, $c, '/several',
    ['none', [@sent, main::with()], 'ok'],
    ['both', [@sent, main::with('size=4', 'seats=3')], 'ok'],
    ['both, in another order', [@sent, main::with('seats=3', 'size=4')], 'ok'],
    ['the first too low', [@sent, main::with('size=3', 'seats=3')],
        'caveat_refused'],
    ['the second too low', [@sent, main::with('size=4', 'seats=2')],
        'caveat_refused']);
is(main::log_lines(), 0, "$name - the third was not asked for");
is(minted($c->get('/several')), 'services=weather:1 | weather_valid_until=T | '
    . 'size=9 | seats=5', "$name - minted in their order");


=== TEST 7: a value that is no number: 500
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $field = main::with('size=5');
my $calls = fault_calls('ok');
for my $value (qw(x -1 +5 5.0 1e2 0x5 5,5 9999999999999999999 5k), '5 5') {
    my $r = $c->get('/size', $field, "X-Size: $value");
    is(verdict($r), 'error', "$name - $value");
    is(offer($r)->{field}, undef, "$name - $value - no offer");
}
is(fault_calls('ok') - $calls, 0, "$name - no invoice was made");
for (['0', 'ok'], ['5', 'ok'], ['0005', 'ok'], ['6', 'caveat_refused'],
     ['999999999999999999', 'caveat_refused']) {
    my ($value, $word) = @$_;
    is(verdict($c->get('/size', $field, "X-Size: $value")), $word,
        "$name - $value");
}
--- backend: 3
--- error_log
l402: the value "x" of "l402_constraint size" is no whole number, client:


=== TEST 8: repeats are not written: at most a line a second
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $field = main::with('size=5');
my $began = time;
$c->get('/size', $field, "X-Size: 12345678901" . 'y' x 200) for 1 .. 40;
my $lines = main::log_lines();
ok($lines >= 1 && $lines <= time - $began + 1, "$name - $lines lines");
like(error_log(), qr/the value "12345678901y{53}" of/, "$name - cut off");


=== TEST 9: no value at all: 0 without a body, no number with one
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $none = main::with('size=0');
for ([], ['X-Size: ']) {
    is(verdict($c->get('/size', $none, @$_)), 'ok', "$name - without a body");
    is(main::upload($c, '/size', 0, $none, @$_), 'ok', "$name - an empty one");
    is(main::upload($c, '/size', 3, $none, @$_), 'caveat_refused',
        "$name - with one");
    is(main::chunked($c, '/size', 3, $none, @$_), 'caveat_refused',
        "$name - in chunks");
}
is(main::log_lines(), 0, "$name - no mistake of the configuration");


=== TEST 10: asked for an otherwise good credential alone
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my @size = (append => ['size=5']);
my @bad = 'X-Size: no number';
verdicts($name, $c, '/size',
    ['none', [@bad], 'absent'],
    ['Basic', [@bad, 'Authorization: Basic eDp5'], 'absent'],
    ['malformed', [@bad, 'Authorization: L402 x'], 'malformed'],
    map({ my ($word, @with) = @$_;
          [$word, [@bad, 'Authorization: '
              . credential(tier => 1, @size, @with)], $word] }
        ['bad_signature', key => '5f' x 32],
        ['bad_preimage', payment_hash => '0f' x 32],
        ['expired', valid_for => -1], ['wrong_service', service => 'tides'],
        ['insufficient', tier => 0],
        ['caveat_refused', append => ['size=5', 'request_method=PUT']]));
is(main::upload($c, '/size', 300_000, @bad), 'absent', "$name - an upload");
is(main::chunked($c, '/size', 300_000, @bad), 'absent', "$name - in chunks");
is(main::log_lines(), 0, "$name - nothing was evaluated");


=== TEST 11: another credential of the request may have no need of it
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $bad = 'X-Size: no number';
my %limited = (tier => 1, append => ['size=5']);
verdicts($name, connection(), '/size',
    ['behind it', [$bad, 'Authorization: '
        . several_credential(',', \%limited, { tier => 1 })], 'ok'],
    ['in another field', [$bad, 'Authorization: ' . credential(%limited),
        'Macaroon: ' . hex_credential(tier => 1)], 'ok'],
    ['refused, too', [$bad, 'Authorization: '
        . several_credential(',', \%limited, { tier => 1, valid_for => -1 })],
        'error']);


=== TEST 12: inherited as a whole, replaced as a whole, taken back
--- http_config eval: fault('ok')
--- config eval
<<"END";
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    l402_constraint a 2;
    l402_constraint b 2;
    location / { $main::upstream location /in { $main::upstream } }
    location /own { l402_constraint b 1; $main::upstream }
    location /off { l402_constraint off; $main::upstream }
END
--- script
my $c = connection();
my %words = ('a=1' => [qw(caveat_refused caveat_refused ok ok)],
             'b=1' => [qw(caveat_refused caveat_refused ok ok)],
             'b=0' => [qw(caveat_refused caveat_refused caveat_refused ok)]);
for my $caveat (sort keys %words) {
    my $field = 'Authorization: ' . credential(append => [$caveat]);
    my @got = map { verdict($c->get($_, $field)) } qw(/ /in /own /off);
    is_deeply(\@got, $words{$caveat}, "$name - $caveat");
}


=== TEST 13: a redirect does not carry a token past a limit
--- http_config eval: fault('ok')
--- config eval
<<"END";
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    location = /try { try_files /none /seats; }
    location = /error { error_page 404 = /seats; }
    location = /named { try_files /none \@seats; }
    location /seats { l402_constraint seats 3; $main::upstream }
    location \@seats { l402_constraint seats 3; $main::upstream }
END
--- script
my $c = connection();
my ($enough, $less) = map {
    'Authorization: ' . credential(append => ["seats=$_"]) } 3, 2;
for my $path (qw(/try /error)) {
    is(verdict($c->get($path, $enough)), 'ok', "$name - $path - enough");
    is(verdict($c->get($path, $less)), 'caveat_refused', "$name - $path");
}
is(verdict($c->get('/named', $less)), 'ok', "$name - named");
