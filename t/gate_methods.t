# Whatever the method, an unpaid request gets a challenge and nothing else, it
# costs one invoice, and its connection goes on.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

# A challenge, and the next answer on the connection is the next request's.
sub refused_and_usable ($name, $c, $r) {
    is($r && $r->{status}, 402, "$name - 402");
    ok(parse_challenge($r->{headers}{'www-authenticate'}[0]),
       "$name - a challenge to the letter");
    is($r->{headers}{'cache-control'}[0], 'no-store', "$name - no-store");
    unlike($r->{body}, qr/content of the/, "$name - no content");

    $r = $c->get('/open/');
    is($r && $r->{body}, "open\n", "$name - the next request's own answer");
}

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: methods without a body
--- config
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /open/ { return 200 "open\n"; }
--- script
my $c = connection();
for my $method (qw(GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND BREW)) {
    my $invoices = invoices_made();
    my $r = $c->request($method, '/weather/');
    main::refused_and_usable("$name - $method", $c, $r);
    is(invoices_made() - $invoices, 1, "$name - $method - one invoice");
}
--- backend: 0



=== TEST 2: HEAD has the headers of a challenge, and no body
--- script
my $c = connection();
my $r = $c->request('HEAD', '/weather/');
is($r->{status}, 402, "$name - status");
is($c->{in}, '', "$name - no body");
like($r->{headers}{'content-type'}[0], qr{^application/problem\+json},
     "$name - type");
main::refused_and_usable($name, $c, $r);
--- invoices: 1
--- backend: 0



=== TEST 3: each has its content once it is paid for
--- script
for my $method (qw(GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND)) {
    my $r = connection()->request(
        $method, '/weather/', ['Authorization: ' . credential()],
        $method =~ /^P[^R]/ ? 'a body' : undef);
    is($r->{status}, 200, "$name - $method");
    like((backend_requests())[-1],
         qr{^$method /weather/ }, "$name - $method - upstream");
}
--- invoices: 0
--- backend: 8



=== TEST 4: pipelined requests
--- script
my $c = connection();
my $unpaid = "GET /weather/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
my $paid = $unpaid =~ s/\r\n\r\n/
    "\r\nAuthorization: " . credential() . "\r\n\r\n"/er;
my $open = $unpaid =~ s/weather/open/r;
$c->send($unpaid x 3 . $paid . $unpaid . $open . $unpaid);

my (%invoices, @statuses);
for (1 .. 7) {
    my $r = $c->read;
    push @statuses, $r && $r->{status};
    my $field = $r->{headers}{'www-authenticate'} or next;
    $invoices{parse_challenge($field->[0])->{invoice}} = 1;
}
is("@statuses", '402 402 402 200 402 200 402', "$name - in order");
is(scalar keys %invoices, 5, "$name - an invoice each");
--- invoices: 5
--- backend: 1



=== TEST 5: pipelined requests with bodies
--- script
my $c = connection();
my $post = sub ($body) {
    return "POST /weather/ HTTP/1.1\r\nHost: localhost\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
};
# A body that would be a request, if it were not discarded.
my $open = "GET /open/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
$c->send($post->($open) . $post->('x' x 100_000) . $post->('') . $open);
is(join(' ', map { $c->read->{status} } 1 .. 4), '402 402 402 200',
   "$name - in order");
ok($c->send($open) && $c->read->{body} eq "open\n", "$name - goes on");
is($c->{in}, '', "$name - and nothing else came");
--- invoices: 3
--- backend: 0



=== TEST 6: HTTP/1.0
--- script
my $c = connection();
$c->send("GET /weather/ HTTP/1.0\r\n\r\n");
my $r = $c->read;
is($r->{status}, 402, "$name - 402");
ok(parse_challenge($r->{headers}{'www-authenticate'}[0]), "$name - challenge");
ok($c->is_closed, "$name - closed as asked for");
--- invoices: 1
--- backend: 0



=== TEST 7: from 402 by a payment to the content, on one connection
--- script
my $c = connection();
my $r = $c->get('/weather/');
is($r->{status}, 402, "$name - unpaid");
my $paid = buy($r->{headers}{'www-authenticate'}[0]);
for (1 .. 3) {
    $r = $c->get('/weather/', "Authorization: $paid->{authorization}");
    is($r->{body}, "content of the backend\n", "$name - paid");
}
is($c->get('/weather/')->{status}, 402, "$name - and unpaid again");
--- invoices: 2
--- backend: 3



=== TEST 8: the challenge is for this service, tier, price and time
--- config
    location /weather/ {
        l402 weather:3;
        l402_price 1500msat;
        l402_valid_for 5m;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
my $r = connection()->get('/weather/');
my $challenge = parse_challenge($r->{headers}{'www-authenticate'}[0]);
my $token = MIME::Base64::decode_base64($challenge->{macaroon});
like($challenge->{invoice}, qr/^lnbcrt15n1/, "$name - the price");
like($token, qr/services=weather:3/, "$name - service and tier");
my ($until) = $token =~ /weather_valid_until=(\d+)/;
ok($until >= time + 290 && $until <= time + 301, "$name - time");
# The same token once more, made here.
my ($identifier) = $token =~ /^\x02\x01\x04lsat\x02\x42(.{66})\0/s;
my $mine = mint(identifier => $identifier, caveats => [
    'services=weather:3', "weather_valid_until=$until" ]);
is($challenge->{macaroon}, $mine->{base64}, "$name - to the byte");
--- invoices: 1
--- backend: 0
