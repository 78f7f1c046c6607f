# $l402_... in the access log, in response fields and towards the upstream.

use v5.36;
use lib 't/lib';
use Time::HiRes qw(sleep);
use Test::Nginx::Socket 'no_plan';
use L402;

my @names = qw(result token_id payment_hash service tier price_msat expires);

our $log = 'log_format l402 "$uri ' . join(' ', map { "\$l402_$_" } @names)
    . "\";\naccess_log logs/l402.log l402;\n";

our $config = <<'END';
    location /sold {
        l402 weather:2;
        l402_price 10sat;
        l402_invoice_from fault_ok;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
END

# The values in the log's next line, as a hash; "-" is what nginx writes for
# nothing.
my $read = 0;

sub logged () {
    my $file = "$Test::Nginx::Util::ServRoot/logs/l402.log";
    for (1 .. 200) {
        my @lines = do { open my $in, '<', $file; $in ? <$in> : () };
        if (@lines > $read) {
            chomp(my ($uri, @values) = split / /, $lines[$read++]);
            my %value = (uri => $uri);
            @value{@names} = @values;
            return \%value;
        }
        sleep 0.01;
    }
    die "no line in the log\n";
}

sub begin () { $read = 0; return connection() }

# All values but `uri`, in the order of @names; undef is nothing.
sub has ($name, @want) {
    my $got = logged();
    is(CORE::join(' ', map { $got->{$_} } @names),
       CORE::join(' ', map { $_ // '-' } @want), $name);
}

sub field ($m) { "Authorization: $m->{authorization}" }

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a good credential
--- http_config eval: fault('ok') . $main::log
--- config eval: $main::config
--- script
my $c = begin();
my $m = mint(tier => 3);
my ($end) = "$m->{caveats}->@*" =~ /valid_until=(\d+)/;
is($c->get('/sold', field($m))->{status}, 200, "$name - 200");
has($name, 'ok', $m->{token_id}, $m->{payment_hash}, 'weather', 3, 10000,
    $end);

my $soon = $end - 60;
$m = mint(tier => 3, append => ["valid_until=$soon", 'services=weather:2']);
$c->get('/sold', field($m));
has("$name, narrowed", 'ok', $m->{token_id}, $m->{payment_hash}, 'weather', 2,
    10000, $soon);

$m = mint(tier => 2, valid_for => undef);
$c->get('/sold', field($m));
has("$name, for ever", 'ok', $m->{token_id}, $m->{payment_hash}, 'weather', 2,
    10000, undef);

my $hex = hex_credential(tier => 2);
is($c->get('/sold', "Macaroon: $hex")->{status}, 200, "$name - 200");
is(logged()->{result}, 'ok', "$name, in the Macaroon field");


=== TEST 2: refusals. Only a token that was minted here is named
--- http_config eval: fault('ok') . $main::log
--- config eval: $main::config
--- script
my $c = begin();
my $is = sub ($reason, $m, $tier, $expires) {
    my $r = $c->get('/sold', ref $m ? field($m) : $m // ());
    like($r->{body}, qr/"reason":"$reason"/, "$name - $reason - body");
    has("$name - $reason", $reason,
        ref $m ? $m->@{qw(token_id payment_hash)} : (undef, undef),
        'weather', $tier, 10000, $expires);
};
$is->('absent', undef, undef, undef);
$is->('absent', 'Authorization: Basic bWU6d29yZA==', undef, undef);
$is->('malformed', 'Authorization: L402 x', undef, undef);
$is->('bad_signature', field(mint(tier => 2, key => '5f' x 32)),
    undef, undef);

my $m = mint(tier => 2, payment_hash => '0f' x 32);
$c->get('/sold', field($m));
is(logged()->{result}, 'bad_preimage', "$name - bad_preimage");

my $past = time - 5;
$m = mint(caveats => ['services=weather:2', "weather_valid_until=$past"]);
$is->('expired', $m, 2, $past);
$m = mint(tier => 1, valid_for => undef);
$is->('insufficient', $m, 1, undef);

for (['wrong_service', mint(service => 'tides')],
     ['caveat_refused', mint(append => ['preimage=x'])])
{
    my ($reason, $m) = @$_;
    $c->get('/sold', field($m));
    my $got = logged();
    is($got->{result}, $reason, "$name - $reason");
    is($got->{token_id}, $m->{token_id}, "$name - $reason - token id");
    is($got->{payment_hash}, $m->{payment_hash}, "$name - $reason - hash");
}


=== TEST 3: refusals of a good token: its uses are gone, or it is revoked
--- http_config eval: fault('ok') . "l402_zone words:1m;\n" . $main::log
--- config eval
($main::config =~ s/l402_price/l402_uses 1; l402_price/r)
    . "location /admin/ { access_log off; l402_admin; allow 127.0.0.1; deny all; }"
--- script
my $c = begin();
my $m = mint(tier => 2, valid_for => undef, append => ['weather_uses=1']);
my @token = ($m->@{qw(token_id payment_hash)}, 'weather', 2, 10000, undef);
for my $word (qw(ok used_up)) {
    is(verdict($c->get('/sold', field($m))), $word, "$name - $word - answer");
    has("$name - $word", $word, @token);
}
is($c->request(PUT => "/admin/revocations/payment/$m->{payment_hash}",
    ['Content-Length: 0'])->{status}, 201, "$name - revoked");
is(verdict($c->get('/sold', field($m))), 'revoked', "$name - revoked - answer");
has("$name - revoked", 'revoked', @token);
--- no_check_error_log


=== TEST 4: a good token, and nobody knows what is revoked
--- http_config eval
fault('ok') . "l402_zone words:1m;\nl402_redis { url unix:/nowhere; }\n"
    . $main::log
--- config eval: $main::config
--- script
my $c = begin();
my $m = mint(tier => 2, valid_for => undef);
my $r = $c->get('/sold', field($m));
is(verdict($r), 'unavailable', "$name - answer");
is(CORE::join(' ', ($r->{headers}{'retry-after'} // [])->@*), '1',
    "$name - Retry-After");
has($name, 'unavailable', $m->@{qw(token_id payment_hash)}, 'weather', 2,
    10000, undef);
--- no_check_error_log
--- backend: 0


=== TEST 5: free, at no price, at no amount, without an invoice
--- http_config eval: fault('ok') . $main::log
--- config
    location / {
        l402 a;
        l402_price $arg_p;
        l402_invoice_from fault_s500;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /invalid {
        l402 a;
        l402_price 1sat;
        l402_invalid_status 401;
    }
--- script
my $c = begin();
$c->get('/?p=0');
has("$name - free", 'free', undef, undef, 'a', undef, 0, undef);
$c->get('/?p=x');
has("$name - no amount", 'bad_price', undef, undef, 'a', undef, undef, undef);
$c->get('/?p=3msat');
has("$name - no invoice", 'no_invoice', undef, undef, 'a', undef, 3, undef);
$c->get('/invalid', field(mint(service => 'a', key => '5f' x 32)));
has("$name - 401", 'bad_signature', undef, undef, 'a', undef, 1000, undef);
my $old = mint(service => 'a', caveats => ['services=a:0', 'a_valid_until=9']);
$c->get('/?p=0', field($old));
is(logged()->{result}, 'free', "$name - free with an expired token");


=== TEST 6: where nothing is sold, there is nothing to tell
--- http_config eval: $main::log
--- config
    location / { proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }
    location /off {
        l402 off;
        l402_price 10sat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /static { return 200 "<$l402_result$l402_price_msat>"; }
--- script
my $c = begin();
for my $path ('/', '/off') {
    is($c->get($path, field(mint()))->{status}, 200, "$name - 200");
    has("$name - $path", (undef) x 7);
}
is($c->get('/static')->{body}, '<>', "$name - in a text");


=== TEST 7: satisfy any and deny: not asked is not decided
--- http_config eval: $main::log
--- config
    location /any {
        satisfy any;
        allow all;
        l402 weather;
        l402_price 10sat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /deny { deny all; l402 weather; l402_price 10sat; }
--- script
my $c = begin();
is($c->get('/any')->{status}, 200, "$name - any");
has("$name - any", undef, undef, undef, 'weather', undef, 10000, undef);
is($c->get('/deny')->{status}, 403, "$name - deny");
has("$name - deny", undef, undef, undef, 'weather', undef, 10000, undef);
--- invoices: 0


=== TEST 8: in fields of the response, and of the upstream's request
--- http_config eval: fault('ok')
--- config eval
my $fields = 'add_header X-Result $l402_result always;
    proxy_set_header X-Token $l402_token_id;
    proxy_set_header X-Price $l402_price_msat;';
$main::config =~ s/l402_price/$fields l402_price/r
--- script
my $c = connection();
my $m = mint(tier => 2);
is($c->get('/sold')->{headers}{'x-result'}[0], 'absent', "$name - refused");
is($c->get('/sold', field($m))->{headers}{'x-result'}[0], 'ok', "$name - ok");
my ($request) = backend_requests();
like($request, qr/^X-Token: $m->{token_id}\r$/m, "$name - token id");
like($request, qr/^X-Price: 10000\r$/m, "$name - price");
--- backend: 1


=== TEST 9: before the access phase there is no result, but a price
--- http_config eval: fault('ok') . $main::log
--- config
    set $early "<$l402_result>";
    location / {
        set $before "<$l402_result><$l402_price_msat><$l402_service>";
        if ($l402_result = ok) { set $before open; }
        l402 weather;
        l402_price $arg_p;
        l402_invoice_from fault_ok;
        set $early "$early $before";
        add_header X-Before "$early $l402_result $l402_price_msat" always;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
my $c = begin();
my $before = sub ($path, @fields) {
    return $c->get($path, @fields)->{headers}{'x-before'}[0];
};
is($before->('/?p=2sat'), '<> <><2000><weather> absent 2000', "$name - unpaid");
is($before->('/?p=2sat', field(mint())), '<> <><2000><weather> ok 2000',
    "$name - paid");
is($before->('/?p=x'), '<> <><><weather> bad_price ', "$name - no amount");
# Nothing is known of the next request on the connection.
is($before->('/?p=0'), '<> <><0><weather> free 0', "$name - free");


=== TEST 10: after an internal redirect they are those of where it landed
--- http_config eval: fault('ok') . $main::log
--- config
    location = / { l402 weather; l402_price 1sat; index x.html; }
    location = /x.html { l402 weather; l402_price 2sat; }
--- user_files
>>> x.html
content
--- script
my $c = begin();
my $m = mint();
is($c->get('/', field($m))->{status}, 200, "$name - 200");
my $got = logged();
is($got->{uri}, '/x.html', "$name - landed");
is($got->{$_}, { result => 'ok', token_id => $m->{token_id},
    price_msat => 2000, service => 'weather' }->{$_}, "$name - $_")
    for qw(result token_id price_msat service);


=== TEST 11: a client's field is no variable of ours
--- http_config eval: fault('ok') . $main::log
--- config eval: $main::config
--- script
my $c = begin();
$c->get('/sold?l402_result=ok', 'L402-Result: ok', 'Cookie: l402_result=ok');
is(logged()->{result}, 'absent', $name);
