# Whatever the node does: 503 with Retry-After within the deadline, one line
# in the log, never content; and what has nothing to do with it goes on.

use v5.36;
use lib 't/lib';
use Time::HiRes qw(time sleep);
use Test::Nginx::Socket 'no_plan';
use L402;
use L402::Relay;

sub header ($r, $name) { join ' & ', ($r->{headers}{$name} // [])->@* }

sub errors () { grep { /\[error\]/ } split /\n/, error_log() }

# A location for each service; `default` lines go into each.
sub locations (@services) {
    return join '', map { <<"END" } @services;
    location /$_/ {
        l402 weather;
        l402_price 10sat;
        l402_invoice_from $_;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_BACKEND_PORT;
    }
END
}

# Asks once; the answer is a 503 that came within `deadline` seconds, and the
# log has one line more, `line`.
sub unavailable ($name, $service, $deadline, $line) {
    my $before = errors();
    my $start = time;
    my $r = connection()->get("/$service/");
    my $took = time - $start;
    my @lines = errors();
    splice @lines, 0, $before;
    is($r && $r->{status}, 503, "$name - status");
    ok($took < $deadline, "$name - within $deadline s: $took");
    like(header($r, 'retry-after'), qr/^[1-9]\d*$/, "$name - Retry-After");
    is(header($r, 'www-authenticate'), '', "$name - no challenge");
    like($r->{body}, qr/^\{.*"status":503,"reason":"no_invoice"\}$/,
        "$name - the answer is ours");
    is(scalar @lines, 1, "$name - one line");
    like($lines[0], qr/l402:\ no\ invoice\ from\ "$service":\ $line(?:
        \ while\ waiting\ for\ an\ invoice)?,\ client:\ /x,
        "$name - that says why");
}

sub challenged ($name, $r) {
    is($r && $r->{status}, 402, "$name - 402");
    ok(parse_challenge(header($r, 'www-authenticate')), "$name - challenge");
}

# Name, and what the log says. `timeout` is 2 s.
our @faults = (
    [close => qr/Empty reply from server/],
    [half => qr/(?:transfer closed|end of response) .*/],
    [s401 => qr/answered 401: fault 401/],
    [s404 => qr/answered 404: fault 404/],
    [s429 => qr/answered 429: fault 429/],
    [s500 => qr/answered 500: fault 500/],
    [redirect => qr/answered 302.*/],
    [empty => qr/answered with an empty body/],
    [garbage => qr/answered with a body that is not JSON/],
    [wrongtype => qr/answered with no payment_request/],
    [array => qr/answered with JSON that is no object/],
    [huge => qr/answered with more than 64 kB/],
    [amount => qr/invoice is for 21000 msat, asked for 10000/],
    [noamount => qr/invoice has no amount/],
    [hash => qr/payment hash is not the one the service named/],
    [network => qr/invoice is for mainnet, configured is regtest/],
    [expired => qr/invoice has expired/],
    [long => qr{invoice lives 86\d{4} s, asked for 600}],
    [hang => qr/timed out waiting for the answer/],
    [drip => qr/timed out in the middle of the answer/],
);

my $relay = L402::Relay->new(env('L402_NODE_URL'));
our $relay_port = $relay->{port};
sub relay () { $relay }

# A certificate that nobody's server has.
sub other_certificate () {
    state $path = write_secret('other.pem', '');
    system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256'
        . ' -nodes -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1'
        . " -days 2 -keyout /dev/null -out $path 2>/dev/null") == 0
        or die "openssl made no certificate\n";
    return $path;
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: each fault
--- http_config eval
fault('s429') . fault('redirect') . fault('wrongtype') . fault('array')
--- config eval: main::locations(map { "fault_$_->[0]" } @main::faults)
--- script
for (@main::faults) {
    my ($fault, $line) = @$_;
    unavailable("$name - $fault", "fault_$fault",
        $fault =~ /hang|drip/ ? 3 : 1.5, $line);
    is(fault_calls($fault), 1, "$name - $fault - was asked once");
}
--- backend: 0
--- invoices: 0


=== TEST 2: nobody listens
--- http_config eval
service('dead', url => 'http://127.0.0.1:1')
. service('nowhere', url => 'http://unix:/nowhere/socket:')
--- config eval: main::locations(qw(dead nowhere))
--- script
unavailable("$name - port", 'dead', 1.5, qr/Failed to connect to .*/);
unavailable("$name - socket", 'nowhere', 1.5, qr/.*onnect.*/);
--- backend: 0


=== TEST 3: slow is not broken
--- config eval: main::locations(qw(fault_slow50 fault_slow500))
--- script
challenged($name, connection()->get("/fault_$_/")) for qw(slow50 slow500);
is(scalar errors(), 0, "$name - nothing in the log");


=== TEST 4: a deadline is one for all urls
--- http_config eval
my $fault = $ENV{L402_FAULT_URL};
service('second', url => "$fault/s500-second;\nurl $fault/ok-second")
. service('dead', url => "http://127.0.0.1:1;\nurl $fault/ok-dead")
. service('hung', url => "$fault/hang-hung;\nurl $fault/ok-hung",
          more => 'timeout 2s;')
. service('both', url => "$fault/hang-both;\nurl $fault/hang-both",
          more => 'timeout 1s;')
--- config eval: main::locations(qw(second dead hung both))
--- script
my $start = time;
challenged("$name - behind an error", connection()->get('/second/'));
challenged("$name - behind a dead one", connection()->get('/dead/'));
ok(time - $start < 1, "$name - at once");
challenged("$name - behind a hung one", connection()->get('/hung/'));
ok(time - $start < 2.5, "$name - in time");
is(scalar errors(), 0, "$name - nothing failed for good");
unavailable("$name - both hang", 'both', 1.8,
    qr/timed out waiting for the answer/);


=== TEST 5: TLS: who is not known gets no call
--- http_config eval
my $url = $ENV{L402_NODE_TLS_URL};
my $other = main::other_certificate();
my $ca = "ca_file $ENV{L402_NODE_CERT};";
service('wrong', url => $url, more => "ca_file $other;")
. service('system', url => $url)
. service('right', url => $url, more => $ca)
. service('name', url => $url =~ s/127\.0\.0\.1/localhost/r, more => $ca)
. service('off', url => $url, more => 'verify off;')
. service('plain', url => $url =~ s/https/http/r)
. service('tls', url => $ENV{L402_NODE_URL} =~ s/http/https/r, more => $ca)
=~ s/service tls/service no_tls/r
--- config eval: main::locations(qw(wrong system right name off plain no_tls))
--- script
my $start = invoices_made();
unavailable("$name - another certificate", 'wrong', 2,
    qr/.*certificate.*/);
unavailable("$name - the system's authorities", 'system', 2,
    qr/.*certificate.*/);
unavailable("$name - no TLS where it is wanted", 'plain', 2, qr/.*/);
unavailable("$name - TLS where there is none", 'no_tls', 2, qr/.*/);
is(invoices_made(), $start, "$name - no invoice");
challenged("$name - $_", connection()->get("/$_/")) for qw(right name off);
is(invoices_made(), $start + 3, "$name - invoices");


=== TEST 6: a credential that the node refuses, none at all
--- http_config eval
my $other = write_secret('macaroon', "0201036c6e64\n");
service('other') =~ s/credential_file \S+;/credential_file $other;/r
. service('none') =~ s/credential_file \S+;//r
--- config eval: main::locations(qw(other none))
--- script
unavailable("$name - another", 'other', 2, qr/answered 500: .*/);
unavailable("$name - none", 'none', 2, qr/answered 500: .*/);
--- invoices: 0


=== TEST 7: the node goes, and comes back
--- http_config eval
service('relay', url => "http://127.0.0.1:$main::relay_port")
--- config eval: main::locations('relay')
--- script
my $paid = 'Authorization: ' . credential();
for my $round (1, 2) {
    unavailable("$name - away, $round", 'relay', 1.5,
        qr/.*onnect.*|Empty reply.*/);
    is(connection()->get('/relay/', $paid)->{status}, 200,
        "$name - away, $round - paid");
    relay->open;
    challenged("$name - back, $round", connection()->get('/relay/'))
        for 1 .. 3;
    relay->close;
    # The same words within a second would be counted, not written.
    sleep 1.1;
}


=== TEST 8: a hung node: others go on, and nobody waits beyond max_in_flight
--- http_config eval
fault('hang', 'timeout 3s; max_in_flight 2;') =~ s/fault_hang/few/r
--- config eval
main::locations('few', 'node') . '
    location /open/ { proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }'
--- script
my $calls = fault_calls('hang');
my @parked = map { connection() } 1, 2;
$_->send("GET /few/ HTTP/1.1\r\nHost: x\r\n\r\n") for @parked;
my $wait = time + 2;
sleep 0.02 until fault_calls('hang') == $calls + 2 || time > $wait;
is(fault_calls('hang'), $calls + 2, "$name - two wait");

my $start = time;
unavailable("$name - the third", 'few', 0.5,
    qr/max_in_flight calls are under way/);
my $c = connection();
is($c->get('/open/')->{status}, 200, "$name - an open location");
is($c->get('/few/', 'Authorization: ' . credential())->{status}, 200,
    "$name - paid");
challenged("$name - another service", $c->get('/node/'));
ok(time - $start < 1.5, "$name - while they wait");
is(fault_calls('hang'), $calls + 2, "$name - the third was not asked for");

is($_->read->{status}, 503, "$name - in the end") for @parked;
is($_->get('/open/')->{status}, 200, "$name - and on") for @parked;

# Whoever leaves gives up the place.
for my $round (1 .. 3) {
    my @leaving = map { connection() } 1, 2;
    my $before = fault_calls('hang');
    $_->send("GET /few/ HTTP/1.1\r\nHost: x\r\n\r\n") for @leaving;
    $wait = time + 2;
    sleep 0.02 until fault_calls('hang') == $before + 2 || time > $wait;
    is(fault_calls('hang'), $before + 2, "$name - places are free, $round");
    $_->close for @leaving;
    sleep 0.2;
}
--- timeout: 20


=== TEST 9: a flood of failures is not a flood of lines
--- config eval: main::locations('fault_s500')
--- script
my $c = connection();
sleep 1 - (time - int time);
for (1 .. 40) {
    is($c->get('/fault_s500/')->{status}, 503, "$name - $_");
}
my $lines = errors();
ok($lines >= 1 && $lines <= 5, "$name - $lines lines");
sleep 1.1;
$c->get('/fault_s500/');
like((errors())[-1], qr/\(the one before \d+ times more\)/,
    "$name - but how many is told");


=== TEST 10: after each fault, the connections to the node are good ones
--- config eval
main::locations(map { "fault_$_" } qw(half s500 garbage slow50))
--- script
for (1 .. 3) {
    is(connection()->get("/fault_$_/")->{status}, 503, "$name - $_")
        for qw(half s500 garbage);
    challenged($name, connection()->get('/fault_slow50/'));
}
--- backend: 0
