# l402_metered: a payment credits what was paid, each request costs a value
# that is known before or comes with the answer. What is held meanwhile cannot
# be had twice.

use v5.36;
use lib 't/lib';
use IO::Socket::INET;
use Test::Nginx::Socket 'no_plan';
use L402;
use L402::Counts;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

our $slow_port = free_port();

our $config = <<"END";
    l402 weather;
    l402_price 100sat;
    l402_invoice_from fault_ok;
    add_header X-Left \$l402_balance_msat always;
    location / { l402_metered 30sat; $upstream }
    location /asked { l402_metered \$arg_cost; $upstream }
    location /answer {
        l402_metered \$upstream_http_x_cost hold=40sat;
        $upstream
    }
    location /slow {
        l402_metered \$upstream_http_x_cost hold=40sat;
        proxy_pass http://127.0.0.1:$slow_port;
    }
    location /both { l402_metered 10sat; l402_uses 2; $upstream }
    location /plain { $upstream }
END

our $http = "l402_zone metered:1m;\n" . fault('ok');

# A paid token with so many sats.
sub token ($sats = 100, @append) {
    return mint(append => ["weather_balance=${sats}000", @append]);
}

sub series ($fields, @paths) {
    return series_of('x-left', connection(), $fields, @paths);
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a known cost, until too little is left
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $m = main::token(100);
is(main::series(credential_field($m), ('/') x 4),
   'ok/70000 ok/40000 ok/10000 used_up/10000', $name);
is(main::series(credential_field($m), '/asked?cost=10sat', '/asked?cost=1msat'),
   'ok/0 used_up/0', "$name - the remainder stays of use");
my $r = connection()->get('/', credential_field($m));
is(minted($r), 'services=weather:0 | weather_valid_until=T | '
    . 'weather_balance=100000', "$name - what a challenge credits");
is(main::series(credential_field(main::token(50)), '/'), 'ok/20000',
   "$name - a top-up has a balance of its own");


=== TEST 2: a cost that no request names
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(main::token(100));
is(main::series($f, '/asked', '/asked?cost=x', '/asked?cost=-1sat',
                '/asked?cost=0', '/asked?cost=3sat'),
   '500/none 500/none 500/none ok/100000 ok/97000', $name);
--- grep_error_log eval: qr/the value "[^"]*" of "l402_metered" is no amount/
--- grep_error_log_out
the value "" of "l402_metered" is no amount


=== TEST 3: a cost that comes with the answer
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(main::token(100));
is(main::series($f, '/answer?header=X-Cost:5sat',
                '/answer?header=X-Cost:0', '/answer?header=X-Cost:1500msat'),
   'ok/95000 ok/95000 ok/93500', "$name - is what is charged");
is(main::series($f, '/answer?status=502&header=X-Cost:5sat',
                '/answer?status=404&header=X-Cost:5sat'),
   '502/93500 404/88500', "$name - unless it is given back");


=== TEST 4: a cost that does not come charges the hold
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(main::token(100));
is(main::series($f, '/answer', '/answer?header=X-Cost:much'),
   'ok/60000 ok/20000', $name);
is(main::series($f, '/answer'), 'used_up/20000',
   "$name - less than the hold is left");
--- error_log
l402: the cost "" of the answer is no amount


=== TEST 5: a cost above what was held takes what is left
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(main::token(100));
is(main::series($f, '/answer?header=X-Cost:55sat'), 'ok/45000',
   "$name - which is enough");
is(main::series($f, '/answer?header=X-Cost:60sat'), 'ok/0',
   "$name - which is not");
--- error_log
l402: an answer cost 60000msat, more than its hold of 40000msat


=== TEST 6: requests beside each other cannot overdraw
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(main::token(100));
my $slow = IO::Socket::INET->new(Listen => 8, LocalPort => $main::slow_port,
    LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "slow: $!";
my @c = map { connection() } 1 .. 2;
$_->send("GET /slow HTTP/1.1\r\nHost: a\r\n$f\r\n\r\n") for @c;
my @asked = map { scalar $slow->accept } @c;
sysread $_, my $got, 1 for @asked;
is(main::series($f, '/', '/asked?cost=21sat', '/asked?cost=1sat'),
   'used_up/20000 used_up/20000 ok/19000', "$name - both are held");
for (@asked) {
    syswrite $_, "HTTP/1.1 200 OK\r\nX-Cost: 10sat\r\nContent-Length: 0\r\n\r\n";
}
is(join(' ', map { $_->read->{status} } @c), '200 200', "$name - answered");
is(main::series($f, '/asked?cost=0'), 'ok/79000',
   "$name - what they did not cost is free again");


=== TEST 7: what does not grant a balance is refused
--- http_config eval: $main::http
--- config eval: $main::config
--- script
verdicts($name, connection(), '/',
    ['a token without', credential_field(mint()), 'insufficient'],
    ['widened', credential_field(main::token(100, 'weather_balance=100001')),
        'caveat_refused'],
    ['narrowed below the cost', credential_field(
        main::token(100, 'weather_balance=29999')), 'used_up'],
    ['uses without a balance', credential_field(
        mint(append => ['weather_uses=3'])), 'insufficient']);
verdicts($name, connection(), '/plain',
    ['not metered: any token', credential_field(main::token(1)), 'ok']);
like(minted(connection()->get('/plain')), qr/ services=weather:00$/,
     "$name - sold beside it without a balance");


=== TEST 8: uses and a balance, both
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $m = mint(append => ['weather_uses=2', 'weather_balance=100000']);
is(main::series(credential_field($m), ('/both') x 3),
   'ok/90000 ok/80000 used_up/80000', $name);
like(minted(connection()->get('/both')),
     qr/ weather_uses=2 \| weather_balance=100000$/, "$name - are sold");
