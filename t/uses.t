# l402_uses n: one payment buys n requests, whoever sends which copy of its
# token. Never one more; one is given back where nothing was had for it.

use v5.36;
use lib 't/lib';
use Time::HiRes qw(time sleep);
use IO::Socket::INET;
use Test::Nginx::Socket 'no_plan';
use L402;
use L402::Counts;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

our $closed = free_port();

our $mute_port = free_port();

our $config = <<"END";
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    l402_uses 3;
    add_header X-Left \$l402_uses_left always;
    add_header X-Result \$l402_result always;
    location / { $upstream }
    location /plain/ { l402_uses off; $upstream }
    location /down { proxy_pass http://127.0.0.1:$closed; }
    location /mute { proxy_pass http://127.0.0.1:$mute_port; }
    location /kept { l402_refund off; $upstream }
    location /paid_back { l402_refund 404 500; $upstream }
    location /page {
        error_page 502 =200 /fallback;
        proxy_pass http://127.0.0.1:$closed;
    }
    location /second {
        error_page 502 = \@second;
        proxy_pass http://127.0.0.1:$closed;
    }
    location \@second { $upstream }
    location = /fallback { internal; l402 off; return 200 "a fallback\\n"; }
    location /redirected { rewrite ^ /inside last; }
    location /inside { $upstream }
    location /jump { try_files /none /inside; }
    location /other/ { l402 tides; l402_uses 2; $upstream }
END

our $http = "l402_zone uses:1m;\n" . fault('ok');

# A paid token of n uses; with more caveats behind them.
sub token ($n = 3, @append) {
    return mint(valid_for => 3600, append => ["weather_uses=$n", @append]);
}

sub series ($fields, @paths) {
    return series_of('x-left', connection(), $fields, @paths);
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: n requests, and then a challenge
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $m = main::token(3);
is(main::series(credential_field($m), ('/') x 5),
   'ok/2 ok/1 ok/0 used_up/0 used_up/0', $name);
my $r = connection()->get('/', credential_field($m));
is(minted($r), 'services=weather:0 | weather_valid_until=T | weather_uses=3',
   "$name - what is sold");
is($r->{headers}{'x-result'}[0], 'used_up', "$name - the reason");
--- backend: 3


=== TEST 2: every copy of a token takes from one count
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $m = main::token(3);
my %same = map { $_ => $m->{$_} } qw(preimage token_id caveats);
my $narrow = mint(%same, append => ['weather_uses=2']);
my $marked = mint(%same, append => ['note=1']);
is(main::series(credential_field($marked), '/'), 'ok/2', "$name - attenuated");
is(main::series('Authorization: LSAT '
    . ($m->{base64} =~ tr{+/}{-_}r =~ s/=+$//r) . ":\U$m->{preimage}", '/'),
   'ok/1', "$name - written in another way");
is(main::series(credential_field($narrow), '/'), 'used_up/0',
   "$name - one that was narrowed to what is used by now");
is(main::series('Macaroon: ' . unpack('H*',
    mint(%same, append => ["preimage=$m->{preimage}"])->{macaroon}), '/', '/'),
   'ok/0 used_up/0', "$name - in the Macaroon field");


=== TEST 3: what does not grant uses is refused, however it is narrowed
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $c = connection();
verdicts($name, $c, '/',
    ['a token without', credential_field(mint()), 'insufficient'],
    ['one whose services end what is granted', credential_field(mint(append =>
        ['services=weather:0', 'weather_uses=1000'])), 'insufficient'],
    ['widened', credential_field(main::token(3, 'weather_uses=4')),
        'caveat_refused'],
    ['no number', credential_field(main::token('x')), 'caveat_refused'],
    ['none', credential_field(main::token(0)), 'insufficient'],
    ['narrowed to none', credential_field(main::token(3, 'weather_uses=0')),
        'used_up']);
is(minted(connection()->get('/plain/')),
   'services=weather:0 | weather_valid_until=T | services=weather:00',
   "$name - sold beside it without uses: nothing can look minted");
--- backend: 0


=== TEST 4: counted at every location of its service, and nowhere else
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $m = main::token(2);
is(main::series(credential_field($m), '/plain/', '/', '/plain/'),
   'ok/1 ok/0 used_up/0', $name);
is(main::series(credential_field(mint()), ('/plain/') x 4),
   'ok/none ok/none ok/none ok/none', "$name - a token without is not");


=== TEST 5: given back where the upstream failed
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(main::token(2));
is(main::series($f, '/down', '/?status=502', '/?status=503', '/?status=504'),
   '502/2 502/2 503/2 504/2', "$name - by default");
is(main::series($f, '/?status=500'), '500/1', "$name - and no other");
is(main::series($f, '/?status=404', '/'), '404/0 used_up/0',
   "$name - an answer is an answer");
$f = credential_field(main::token(3));
is(main::series($f, '/paid_back?status=404', '/paid_back?status=500',
                '/paid_back?status=502'), '404/3 500/3 502/2',
   "$name - those that are named");
is(main::series($f, '/kept?status=502', '/kept?status=503', '/kept'),
   '502/1 503/0 used_up/0', "$name - off");
--- no_check_error_log


=== TEST 6: what stands in for a failed upstream
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(main::token(2));
is(main::series($f, '/page'), 'ok/2',
     "$name - a page of the operator's is given back");
is(main::series($f, '/second', '/second', '/second'),
   'ok/1 ok/0 used_up/0', "$name - another upstream's answer is paid for");
--- no_check_error_log


=== TEST 7: a request counts once, wherever it is led
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(main::token(3));
is(main::series($f, '/redirected', '/jump', '/redirected', '/jump'),
   'ok/2 ok/1 ok/0 used_up/0', $name);


=== TEST 8: a service of its own has a count of its own token
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $m = mint(service => 'tides', append => ['tides_uses=2']);
is(main::series(credential_field($m), '/other/', '/', '/other/', '/other/'),
   'ok/1 wrong_service/none ok/0 used_up/0', $name);


=== TEST 9: exact over workers and connections
--- http_config eval: $main::http
--- config eval: $main::config
--- main_config eval: undef
--- script
my $f = credential_field(main::token(40));
my @c = map { connection() } 1 .. 16;
my %got;
for my $round (1 .. 8) {
    $_->send("GET / HTTP/1.1\r\nHost: a\r\n$f\r\n\r\n") for @c;
    $got{$_->read->{status}}++ for @c;
}
is_deeply(\%got, { 200 => 40, 402 => 88 }, $name);
--- backend: 40


=== TEST 10: a client that leaves
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $m = main::token(2);
my $c = connection();
$c->send("POST / HTTP/1.1\r\nHost: a\r\n" . credential_field($m)
    . "\r\nContent-Length: 10\r\n\r\nhalf");
sleep 0.2;
$c->close;
my $look = sub { main::series(credential_field($m), '/down') };
ok(until_true(5, sub { $look->() eq '502/2' }),
   "$name - before the upstream was asked is not charged");

# Takes a request and never answers.
my $mute = IO::Socket::INET->new(Listen => 1, LocalPort => $main::mute_port,
    LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "mute: $!";
$c = connection();
$c->send("GET /mute HTTP/1.1\r\nHost: a\r\n" . credential_field($m)
    . "\r\n\r\n");
my $asked = $mute->accept;
sysread $asked, my $got, 1;
$c->close;
ok(until_true(5, sub { $look->() eq '502/1' }),
   "$name - after it was asked is charged");
--- no_check_error_log


=== TEST 11: who is used up counts as unpaid for limit_req
--- http_config eval
$main::http . "limit_req_zone \$l402_unpaid_client zone=u:1m rate=1r/m;\n"
--- config
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    l402_uses 2;
    limit_req zone=u;
    limit_req_status 429;
    location / { proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }
--- script
my $f = credential_field(main::token(2));
is(main::series($f, ('/') x 4), 'ok/none ok/none used_up/none 429/none', $name);
--- no_check_error_log


=== TEST 12: a zone that is nearly full sells nothing more, and drops nothing
--- http_config eval: "l402_zone small:140k;\n" . fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $ask = sub { verdict(connection()->get('/')) };
my @used;
is($ask->(), 'absent', "$name - empty");
while (@used < 2000 && $ask->() eq 'absent') {
    push @used, map { main::token(2) } 1 .. 4;
    is($c->get('/', credential_field($_))->{status}, 200, "$name - a new one")
        for @used[-4 .. -1];
}
is($ask->(), 'unavailable', "$name - sells no more");
is(verdict(connection()->get("/plain/")), "absent",
   "$name - but what is not counted");
my ($more, $r) = 0;
while ($more < 2000) {
    $r = $c->get('/', credential_field(main::token(2)));
    last if $r->{status} != 200;
    $more++;
}
ok($more > 0 && $more <= @used / 10, "$name - what was sold is served: $more");
is(verdict($r), 'unavailable', "$name - until there is no place");
is($r->{headers}{'retry-after'}[0], 1, "$name - for now");
is(main::series(credential_field($used[0]), '/', '/'), 'ok/0 503/0',
   "$name - and the first is not forgotten");
--- error_log eval
[qr/the zone "small" is nearly full: nothing that is counted is sold/,
 qr/no room in the zone "small" to count a request that was paid for/]

