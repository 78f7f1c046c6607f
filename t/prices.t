# What a request costs, what the invoice says, and how long it lives.

use v5.36;
use lib 't/lib';
use Encode qw(decode_utf8);
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Time::HiRes qw(sleep);
use Test::Nginx::Socket 'no_plan';
use L402;

our $variable = <<'END';
    location / {
        l402 weather;
        l402_price $http_x_price;
        l402_invoice_from fault_ok;
        add_header X-Result $l402_result always;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
END

sub header ($r, $name) { join ' & ', ($r->{headers}{$name} // [])->@* }

sub errors () { grep { /\[error\]/ } split /\n/, error_log() }

sub priced ($c, $price, @more) { $c->get('/', "X-Price: $price", @more) }

# The latest invoice that the responder was asked for: value_msat, memo,
# expiry.
sub asked_for ($fault = 'ok') {
    my $r = HTTP::Tiny->new->get("$ENV{L402_FAULT_URL}/last/$fault-t$$");
    return JSON::PP->new->decode(decode_json($r->{content})->{body});
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a value that is no amount: 500, no invoice, no content
--- http_config eval: fault('ok')
--- config eval: $main::variable
--- script
my ($c, $calls) = (connection(), fault_calls('ok'));
for my $price ('', qw(-5 -5sat abc 10 1.5sat 0.5sat 1e3sat +1sat sat msat
    10btc 10SAT 00 -0 0x10sat 10satsat 2100000000000001sat
    2100000000000000001msat 18446744073709551616msat 18446744073709552sat
    18446744073709561616msat), '1,5sat', '10sat,10sat', '9' x 40 . 'sat',
    '10 sat', "10\xa0sat", "\xef\xbc\x91sat", '1' . '0' x 3000 . 'sat')
{
    my $label = "$name - '" . substr($price, 0, 50) =~ s/[^ -~]/?/gr . "'";
    my $before = errors();
    my $r = priced($c, $price);
    is($r->{status}, 500, "$label - status");
    is(header($r, 'www-authenticate'), '', "$label - no challenge");
    is(header($r, 'x-result'), 'bad_price', "$label - result");
    like($r->{body}, qr/^\{.*"status":500,"reason":"bad_price"\}$/,
        "$label - body");
    ok(errors() - $before <= 1, "$label - one line at most");
}
is($c->get('/')->{status}, 500, "$name - none at all");
is(fault_calls('ok'), $calls, "$name - no invoice");
--- backend: 0


=== TEST 2: the line says which value, and not all of a long one
--- http_config eval: fault('ok')
--- config eval: $main::variable
--- script
my $c = connection();
priced($c, '5k');
is(scalar errors(), 1, "$name - one line");
like((errors())[0], qr/l402:\ the\ value\ "5k"\ of\ "l402_price"\ is\ no\ amount,
    \ it\ must\ be\ such\ as\ "10sat",\ "1500msat"\ or\ "0"/x, "$name - which");
# The same again within a second may be counted and not written.
sleep 1.1;
priced($c, 'x' x 3000);
is(scalar errors(), 2, "$name - one line more");
like((errors())[1], qr/the value "x{64}[^x]*" of/, "$name - cut");


=== TEST 3: a client cannot fill the log with it
--- http_config eval: fault('ok')
--- config eval: $main::variable
--- script
my $c = connection();
is(priced($c, '5k')->{status}, 500, "$name - $_") for 1 .. 40;
my $lines = errors();
ok($lines >= 1 && $lines <= 5, "$name - $lines lines");


=== TEST 4: amounts
--- http_config eval: fault('ok')
--- config eval: $main::variable
--- script
my $c = connection();
for (['1msat', 1, 1], ['1sat', 1000, 1], ['1500msat', 1500, 2],
     ['1000msat', 1000, 1], ['007sat', 7000, 7], ['123456789msat',
     123456789, 123457], ['2100000000000000sat', '2100000000000000000',
     '2100000000000000'])
{
    my ($price, $msat, $sats) = @$_;
    my $r = priced($c, $price);
    is($r->{status}, 402, "$name - $price - status");
    like($r->{body}, qr/"price_msat":$msat,/, "$name - $price - msat");
    like($r->{body}, qr/"price_sats":$sats,/, "$name - $price - sat");
    is(asked_for()->{value_msat}, $msat, "$name - $price - asked for");
}
is(scalar errors(), 0, "$name - nothing in the log");


=== TEST 5: 0 is free, however it is written
--- http_config eval: fault('ok')
--- config eval: $main::variable
--- script
my ($c, $calls) = (connection(), fault_calls('ok'));
for my $price (qw(0 0sat 0msat 000sat)) {
    my $r = priced($c, $price);
    is("$r->{status} " . header($r, 'x-result'), '200 free', "$name - $price");
    is($r->{body}, "content of the backend\n", "$name - $price - content");
}
# A credential makes no difference but to the result, and is taken off.
for (['ok', credential()], ['free', credential(key => '5f' x 32)],
     ['free', credential(valid_for => -1)], ['free', 'L402 x'],
     ['free', 'Basic bWU6d29yZA=='])
{
    my ($result, $value) = @$_;
    my $r = priced($c, '0', "Authorization: $value");
    is("$r->{status} " . header($r, 'x-result'), "200 $result",
        "$name - " . substr $value, 0, 10);
}
my @seen = backend_requests();
is(scalar @seen, 9, "$name - all reached the upstream");
is(scalar(grep { /^Authorization: L402/mi } @seen), 0, "$name - no credential");
is(scalar(grep { /^Authorization: Basic bWU6d29yZA==/mi } @seen), 1,
    "$name - but that of another scheme");
is(fault_calls('ok'), $calls, "$name - no invoice");


=== TEST 6: a price of 0 in the configuration
--- config
    location / {
        l402 weather;
        l402_price 0;
        add_header X-Result $l402_result always;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- request eval
["GET /", "HEAD /", "POST /\nbody"]
--- error_code eval: [200, 200, 200]
--- response_headers eval
[ ("X-Result: free") x 3 ]
--- invoices: 0
--- backend: 3


=== TEST 7: a price by map, of a real invoice
--- http_config
    map $arg_size $price { small 0; large 25sat; default 2500msat; odd ""; }
--- config
    location / {
        l402 weather;
        l402_price $price;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- request eval
["GET /?size=small", "GET /?size=large", "GET /", "GET /?size=odd"]
--- error_code eval: [200, 402, 402, 500]
--- response_body_like eval
["content", "\"invoice\":\"lnbcrt250n1.*\"price_msat\":25000,",
 "\"invoice\":\"lnbcrt25n1.*\"price_msat\":2500,", "bad_price"]
--- invoices: 2
--- backend: 1


=== TEST 8: text around a variable
--- config
    location / { l402 weather; l402_price "${arg_n}sat"; }
--- request eval
["GET /?n=3", "GET /", "GET /?n=3m", "GET /?n=-3"]
--- error_code eval: [402, 500, 402, 500]
--- response_body_like eval
["\"price_msat\":3000,", "bad_price", "\"price_msat\":3,", "bad_price"]
--- invoices: 2


=== TEST 9: the memo
--- http_config eval: fault('ok')
--- config
    l402_price 1sat;
    l402_invoice_from fault_ok;
    location / { l402 weather; }
    location /static { l402 weather; l402_memo "Wetter für \"Köln\" ☂"; }
    location /variable { l402 weather; l402_memo "$uri for $http_x_memo"; }
    location /empty { l402 weather; l402_memo ""; }
    location /unset { l402 weather; l402_memo $http_x_memo; }
--- script
my $c = connection();
my $memo = sub ($path, @fields) {
    is($c->get($path, @fields)->{status}, 402, "$name - $path - 402");
    return asked_for()->{memo};
};
is($memo->('/'), 'weather', "$name - the service");
is($memo->('/static'), decode_utf8('Wetter für "Köln" ☂'), "$name - UTF-8");
is($memo->('/variable', 'X-Memo: me'), '/variable for me', "$name - variable");
is($memo->('/variable', 'X-Memo: a"b\\c'), '/variable for a"b\\c',
    "$name - JSON's own characters");
is($memo->('/empty'), '', "$name - empty");
is($memo->('/unset'), '', "$name - a variable that is not set");
is($memo->('/unset', "X-Memo: a\xff\xfeb\xc3"), "a\x{fffd}\x{fffd}b\x{fffd}",
    "$name - bytes that are no UTF-8");
is($memo->('/unset', 'X-Memo: ' . 'x' x 1000), 'x' x 639,
    "$name - no longer than lnd takes");
is($memo->('/unset', 'X-Memo: x' . "\xe2\x98\x82" x 300),
    'x' . "\x{2602}" x 212, "$name - cut between characters");


=== TEST 10: an invoice never outlives its token
--- http_config eval
fault('ok', 'invoice_expiry 10m;')
. (fault('ok', 'invoice_expiry 1m;') =~ s/fault_ok/minute/r)
. (fault('slow500', 'invoice_expiry 10m;') =~ s/fault_slow500/slow/r)
--- config
    l402_price 1sat;
    l402_invoice_from fault_ok;
    location /5m { l402 weather; l402_valid_for 5m; }
    location /2s { l402 weather; l402_valid_for 2s; }
    location /1h { l402 weather; }
    location /off { l402 weather; l402_valid_for off; }
    location /1m { l402 weather; l402_invoice_from minute; }
    location /slow { l402 weather; l402_invoice_from slow; l402_valid_for 2s; }
--- script
my $c = connection();
for (['/5m', 300, 300], ['/2s', 2, 2], ['/1h', 600, 3600], ['/off', 600],
     ['/1m', 60, 3600], ['/slow', 2, 2])
{
    my ($path, $expiry, $life) = @$_;
    my $before = time;
    my $json = decode_json($c->get($path)->{body});
    my $after = time;
    is(asked_for($path eq '/slow' ? 'slow500' : 'ok')->{expiry}, $expiry,
        "$name - $path - asked for");
    ok($json->{expires_at} >= $before + $expiry
        && $json->{expires_at} <= $after + $expiry, "$name - $path - invoice");
    my $token = $json->{token_expires_at};
    if (!$life) {
        is($token, undef, "$name - $path - token");
        next;
    }
    ok($token >= $before + $life && $token <= $after + $life,
        "$name - $path - token");
    ok($json->{expires_at} <= $token, "$name - $path - in that order");
}


=== TEST 11: the same of a real node; who pays at the last moment gets in
--- config
    l402_price 1sat;
    l402_valid_for 5m;
    location / {
        l402 weather;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /short {
        l402 weather;
        l402_valid_for 3s;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
my $c = connection();
my $json = decode_json($c->get('/')->{body});
ok($json->{expires_at} <= $json->{token_expires_at}, "$name - 5m");
my $start = time;
$json = decode_json($c->get('/short')->{body});
ok($json->{expires_at} <= $json->{token_expires_at}, "$name - 3s");
my $preimage = pay($json->{invoice});
my $field = "Authorization: L402 $json->{macaroon}:$preimage";
is($c->get('/short', $field)->{status}, 200, "$name - paid");
sleep 0.1 while time < $json->{token_expires_at} && time < $start + 10;
sleep 0.05;
my $r = $c->get('/short', $field);
is($r->{status}, 402, "$name - later");
like($r->{body}, qr/"reason":"expired"/, "$name - and why");
--- timeout: 20
--- invoices: 3
